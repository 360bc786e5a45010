"""A large prefetch: as many as were asked for, but no more at once than a client reads."""

import os
import random

import pytest

from postroad.limits import AMQP_CREDIT
from tests.wire.amqp.room import AmqpRoom, Client, ack, bodies

PREFETCH = 3 * AMQP_CREDIT
SEEDS = range(20 if "POSTROAD_SOAK_MINUTES" in os.environ else 2)


@pytest.fixture
def client() -> Client:
    client = AmqpRoom().client()
    client.declare("q")
    client.publish("q", *[b"x"] * (2 * PREFETCH))
    client.call("basic.qos", prefetch_count=PREFETCH)
    return client


def test_all_of_a_large_prefetch_is_delivered_to_who_reads(client: Client) -> None:
    assert len(bodies(client.consume("q"))) == PREFETCH
    assert len(bodies(client.feed(ack(PREFETCH, multiple=True)))) == PREFETCH


def test_who_does_not_read_is_sent_a_window_of_a_large_prefetch(client: Client) -> None:
    session, room = client.session, client.room
    client.take(session.stall(True, room.now_ms))
    assert len(bodies(client.consume("q"))) == AMQP_CREDIT
    before = len(client.heard)
    client.take(session.stall(False, room.now_ms))
    room.go()
    assert len(bodies(client.heard[before:])) == PREFETCH - AMQP_CREDIT


@pytest.mark.parametrize("seed", SEEDS)
def test_a_large_prefetch_is_always_full_and_never_too_full(client: Client, seed: int) -> None:
    dice = random.Random(seed)
    client.publish("q", *[b"x"] * (4 * PREFETCH))
    client.consume("q")
    session, room = client.session, client.room
    open_tags = set(range(1, PREFETCH + 1))
    for _ in range(30):
        before = len(client.heard)
        if dice.random() < 0.3:
            client.take(session.stall(True, room.now_ms))
        for tag in dice.sample(sorted(open_tags), dice.choice((1, 50, 300))):
            client.feed(ack(tag))
            open_tags.remove(tag)
        client.take(session.stall(False, room.now_ms))
        room.go()
        open_tags |= {one.delivery_tag for one in client.heard[before:]}
        assert len(open_tags) == PREFETCH
