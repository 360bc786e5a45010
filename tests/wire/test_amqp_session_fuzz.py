"""Whatever comes, a session answers, closes a channel or closes the connection; it never raises."""

import random
from decimal import Decimal
from typing import Any

import pytest

from postroad.model.fields import Long, Stamp
from postroad.protocols.amqp.dispatch import HANDLERS
from postroad.protocols.amqp.methods import encode_method as method
from postroad.protocols.amqp.spec import METHODS
from tests.wire.amqp.handshake import CHANNEL, fresh, spoken
from tests.wire.amqp.room import ack, published

ASKED = [row for row in METHODS if row.name in HANDLERS and row.name != "channel.flow"]
NAMES = ["", "q", "r", "amq.direct", "amq.topic", "none", "amq.rabbitmq.reply-to", "ü" * 40]
VALUES: list[Any] = [
    0,
    -1,
    2**40,
    True,
    None,
    "x",
    b"\xff",
    "quorum",
    "stream",
    [1, {"a": []}],
    {"b": 1.5},
]
VALUES += [Long(5), Stamp(5), [Long(5), {"a": Stamp(7)}], Decimal("1.5"), 1.5, False]
TABLE_NAMES = ["x-queue-type", "x-message-ttl", "x-match", "x-overflow", "x-max-length", "CC", "x"]
TABLE_NAMES += ["x-delayed-type", "alternate-exchange", "x-priority", "x-stream-offset", "BCC"]
TABLE_NAMES += ["x-delay", "x-deduplication-header", "x-dead-letter-exchange", "x-max-priority"]


def anything(dice: random.Random, kind: str, name: str) -> object:
    """A value that a field can carry."""
    if kind == "bit":
        return dice.random() < 0.3
    if kind == "table":
        count = dice.choice((0, 0, 1, 3))
        return {dice.choice(TABLE_NAMES): dice.choice(VALUES) for _ in range(count)}
    if kind == "shortstr":
        return dice.choice(["direct", "topic", "x-delayed-message"] if name == "type" else NAMES)
    if kind == "longstr":
        return dice.choice((b"", b"\0guest\0guest", b"\0\0\0\0"))
    return dice.choice((0, 0, 1, 2, 7))


def some_method(dice: random.Random) -> bytes:
    """A method as it may be, on a channel that it may be on."""
    row = dice.choice(METHODS if dice.random() < 0.02 else ASKED)
    args = {name: anything(dice, kind, name) for name, kind in row.fields}
    return method(dice.choice((1, 1, 1, 1, 2)), row.name, **args)


def some_content(dice: random.Random) -> bytes:
    headers = {dice.choice(TABLE_NAMES): dice.choice(VALUES)} if dice.random() < 0.5 else None
    expiration = dice.choice((None, "1000", "x"))
    return published(
        dice.choice(NAMES),
        b"body",
        exchange=dice.choice(NAMES),
        mandatory=dice.random() < 0.5,
        headers=headers,
        expiration=expiration,
    )


def some_frames(dice: random.Random) -> bytes:
    kind = dice.random()
    if kind < 0.6:
        return some_method(dice)
    return (
        some_content(dice) if kind < 0.9 else ack(dice.choice((0, 1, 2, 99)), dice.random() < 0.5)
    )


@pytest.mark.parametrize("seed", range(50))
def test_any_methods_in_any_order_are_answered_or_refused(seed: int) -> None:
    dice = random.Random(seed)
    client = spoken(*CHANNEL)
    for _ in range(40):
        frames = b"".join(some_frames(dice) for _ in range(dice.choice((1, 3, 10))))
        client.feed(frames)
        if dice.random() < 0.2:
            client.since(1_000)
        if client.closed or any(one.name == "connection.close" for one in client.heard):
            client.hang_up()
            client = spoken(*CHANNEL, method(2, "channel.open"))
        elif client.heard and client.heard[-1].name == "channel.close":
            number = client.heard[-1].channel
            client.feed(method(number, "channel.close-ok") + method(number, "channel.open"))
    assert client.session.held_back == 0


@pytest.mark.parametrize("seed", range(50))
def test_broken_bytes_close_the_connection_at_worst(seed: int) -> None:
    dice = random.Random(seed)
    whole = bytearray(b"".join(CHANNEL) + b"".join(some_frames(dice) for _ in range(10)))
    for _ in range(dice.choice((1, 2, 5))):
        at = dice.randrange(len(whole))
        whole[at] = dice.choice((0, 0xCE, 0xFF, dice.randrange(256)))
    client = fresh()
    at = 0
    while at < len(whole):
        size = dice.choice((1, 7, 100, 4_096))
        client.feed(bytes(whole[at : at + size]))
        at += size
    client.since(1_000)
    assert client.session.held_back == 0
