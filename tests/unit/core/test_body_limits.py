"""Limits of bytes that bodies alone count for, as in RabbitMQ."""

import pytest

from postroad.model.batch import Batch, BatchDone
from postroad.model.commands import Command, Publish
from postroad.model.exchanges import Bind, DeclareExchange, ExchangeSettings, PublishTo, Routed
from postroad.model.replies import Refused, Why
from tests.unit.core.road import Road, bodies_of

HEAD = b"\x01\x80" + bytes(98)
FIVE = b"five!"


def is_refused(r: Road, command: Command) -> bool:
    reply = r.ask(command)
    return isinstance(reply, Refused) and reply.why is Why.QUEUE_FULL


def test_what_comes_with_a_body_counts_only_where_the_queue_says_no_other() -> None:
    r = Road()
    r.declare("bodies", bytes_max=10, limits_bodies=True)
    r.declare("all", bytes_max=10)
    one = Publish(("bodies",), [FIVE], [HEAD])
    for _ in range(2):
        assert not is_refused(r, one)
    assert is_refused(r, one)
    assert is_refused(r, Publish(("all",), [FIVE], [HEAD]))
    r.check()


def test_the_oldest_give_way_by_their_bodies() -> None:
    r = Road()
    r.declare(bytes_max=10, limits_bodies=True, overflow="drop-oldest")
    r.publish(b"first", b"later", b"last!", heads=[HEAD] * 3)
    assert bodies_of(r.receive(count=9)) == [b"later", b"last!"]
    r.check()


@pytest.mark.parametrize("skip_full", [True, False])
def test_through_an_exchange_each_queue_weighs_as_it_says(skip_full: bool) -> None:
    r = Road()
    r.ask(DeclareExchange("x", ExchangeSettings("fanout")))
    for name, alone in (("bodies", True), ("all", False)):
        r.declare(name, bytes_max=2 * (len(FIVE) + len(HEAD)), limits_bodies=alone)
        r.ask(Bind("x", name))
    command = PublishTo("x", [""], [FIVE] * 3, [HEAD] * 3, skip_full=skip_full)
    if not skip_full:
        assert is_refused(r, command)
        return
    routed = r.ask(command)
    assert isinstance(routed, Routed)
    assert routed.full == (2,)
    assert r.counts("bodies")[0] == 3
    assert r.counts("all")[0] == 2
    r.check()


def test_a_batch_weighs_what_it_brings_as_the_queue_says() -> None:
    r = Road()
    r.declare(bytes_max=10, limits_bodies=True)
    one = Publish(("q",), [FIVE], [HEAD])
    refused = r.ask(Batch([one, one, one], all_or_nothing=True))
    assert not isinstance(refused, BatchDone) or isinstance(refused.replies[0], Refused)
    assert r.counts() == (0, 0, 0, 0)
    assert isinstance(r.ask(Batch([one, one], all_or_nothing=True)), BatchDone)
    assert r.counts()[0] == 2


def test_publishes_of_one_turn_to_queues_that_weigh_differently_all_count() -> None:
    r = Road()
    r.declare("bodies", bytes_max=10, limits_bodies=True)
    r.declare("all", bytes_max=2 * (len(FIVE) + len(HEAD)))
    both = Publish(("bodies", "all"), [FIVE], [HEAD])
    asks = [r.ask_of(r.caller, both) for _ in range(3)]
    r.take(r.core.publish_together(asks, r.now))
    assert r.counts("bodies")[0] == r.counts("all")[0] == 2
    r.check()
