"""What one channel publishes reaches its queues in that order, whatever is refused of it."""

import pytest

from postroad.model.commands import DeclareQueue
from postroad.model.policy import QueueSettings
from postroad.protocols.amqp.methods import encode_method
from tests.wire.amqp.room import AmqpRoom, Client, published

LARGE = b"l" * 200


@pytest.fixture
def room() -> AmqpRoom:
    room = AmqpRoom()
    room.ask(DeclareQueue("q", QueueSettings(message_bytes_max=100)))
    return room


def pipeline(client: Client, *pieces: bytes) -> None:
    """Send pieces one after another, and read no answer before the last."""
    for piece in pieces:
        client.take(client.session.receive(piece, client.room.now_ms))
    client.room.go()


def in_queue(room: AmqpRoom) -> list[bytes]:
    said = room.client().consume("q", no_ack=True)
    return [one.body for one in said if one.name == "basic.deliver"]


def test_what_follows_a_run_of_which_some_is_refused_does_not_overtake_the_rest(
    room: AmqpRoom,
) -> None:
    client = room.client()
    client.call("confirm.select")
    pipeline(
        client,
        published("q", b"1", b"2", LARGE, b"4"),
        published("q", b"5", b"6"),
        published("q", LARGE, b"8"),
        published("q", b"9"),
    )
    assert in_queue(room) == [b"1", b"2", b"4", b"5", b"6", b"8", b"9"]
    refused = [one.delivery_tag for one in client.heard if one.name == "basic.nack"]
    assert refused == [3, 7]
    acked = max(one.delivery_tag for one in client.heard if one.name == "basic.ack")
    assert acked == 9
    assert client.session.held_back == 0


def test_runs_go_on_after_one_was_refused(room: AmqpRoom) -> None:
    client = room.client()
    for round_number in range(3):
        pipeline(client, published("q", b"a%d" % round_number, LARGE), published("q", b"b", b"c"))
    assert in_queue(room) == [b"a0", b"b", b"c", b"a1", b"b", b"c", b"a2", b"b", b"c"]


def test_other_channels_go_on_meanwhile(room: AmqpRoom) -> None:
    client = room.client()
    client.call("channel.open", 2)
    other = published("q", b"x", channel=2)
    pipeline(client, published("q", b"1", LARGE, b"3"), other, published("q", b"4"))
    assert in_queue(room) == [b"x", b"1", b"3", b"4"]


def test_a_channel_that_is_opened_anew_begins_where_the_closed_one_was(room: AmqpRoom) -> None:
    client = room.client()
    closing = encode_method(
        1, "channel.close", reply_code=200, reply_text="", class_id=0, method_id=0
    )
    pipeline(client, published("q", b"1", LARGE), closing, encode_method(1, "channel.open"))
    client.publish("q", b"3", b"4")
    assert in_queue(room) == [b"1", b"3", b"4"]


def test_a_publish_that_makes_too_many_entries_is_asked_for_in_parts_and_in_order(
    room: AmqpRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroad.core.exchanges.publish.ROUTED_ENTRIES_MAX", 6)
    client = room.client()
    for name in "abc":
        client.declare(name, **{"x-max-length-bytes": 10_000})
        client.call("queue.bind", queue=name, exchange="amq.fanout")
    first = [b"%d" % one for one in range(9)]
    pipeline(
        client,
        published("", *first, exchange="amq.fanout"),
        published("", b"9", exchange="amq.fanout"),
    )
    for name in "abc":
        said = room.client().consume(name, no_ack=True)
        assert [one.body for one in said if one.name == "basic.deliver"] == [*first, b"9"]


def test_a_channel_that_closes_behind_a_wrong_exchange_takes_what_came_before(
    room: AmqpRoom,
) -> None:
    client = room.client()
    pipeline(
        client,
        published("q", b"1", LARGE, b"3"),
        published("q", b"4"),
        published("q", b"5", exchange="none"),
    )
    assert [one.name for one in client.heard] == ["channel.close"]
    assert in_queue(room) == [b"1", b"3", b"4"]


def test_nothing_behind_a_publish_to_an_exchange_that_was_just_deleted_is_done(
    room: AmqpRoom,
) -> None:
    client = room.client()
    client.call("exchange.declare", exchange="x", type="fanout")
    client.call("queue.bind", queue="q", exchange="x")
    pipeline(
        client,
        published("", b"1", exchange="x"),
        encode_method(1, "exchange.delete", exchange="x", if_unused=False, nowait=False),
        published("", b"2", exchange="x"),
        published("q", b"3"),
    )
    assert in_queue(room) == [b"1"]
    (closed,) = [one for one in client.heard if one.name == "channel.close"]
    assert closed.reply_code == 404
    assert client.session.held_back == 0
