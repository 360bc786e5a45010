"""What clients leave behind: open methods, messages nobody settled, odd dead letters."""

from struct import pack
from typing import Any

import pytest

from postroad.protocols.amqp.methods import encode_method as method
from postroad.protocols.amqp.wire import encode_content
from tests.wire.amqp.room import FRAME_MAX, AmqpRoom, Client, ack, bodies, names, published

BYE = method(0, "connection.close", reply_code=200, reply_text="bye")
REJECT = method(1, "basic.reject", delivery_tag=1, requeue=False)


@pytest.fixture
def room() -> AmqpRoom:
    return AmqpRoom()


def dying(room: AmqpRoom, **arguments: Any) -> Client:
    """A client whose queue `q` has its dead letters in `dead`."""
    client = room.client()
    client.declare("dead")
    client.call("queue.bind", queue="dead", exchange="amq.fanout")
    client.declare("q", **{"x-dead-letter-exchange": "amq.fanout", **arguments})
    return client


def test_what_was_got_from_two_queues_is_acked_in_each(room: AmqpRoom) -> None:
    client = room.client()
    for queue in ("a", "b"):
        client.declare(queue)
        client.publish(queue, b"one")
        client.call("basic.get", queue=queue)
    client.feed(ack(2) + ack(1))
    client.hang_up()
    other = room.client()
    for queue in ("a", "b"):
        assert names(other.call("basic.get", queue=queue)) == ["basic.get-empty"]


def test_many_gets_beside_an_open_one_are_remembered_once(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    client.publish("q", *[b"one"] * 20)
    client.call("basic.get", queue="q")
    for tag in range(2, 20):
        client.call("basic.get", queue="q")
        client.feed(ack(tag))
    channel = client.session._channels[1]
    assert len(channel.settling.unacked._sources) == 1


def test_what_comes_for_a_get_whose_channel_was_closed_goes_back(room: AmqpRoom) -> None:
    client = room.client()
    client.declare("q")
    client.publish("q", b"one")
    said = client.feed(published("k", b"lost", exchange="none") + method(1, "basic.get", queue="q"))
    assert names(said) == ["channel.close"]
    (got,) = room.client().call("basic.get", queue="q")
    assert got.body == b"one"


def test_who_says_goodbye_has_published_what_it_sent_before(room: AmqpRoom) -> None:
    client = room.client()
    declare = method(1, "queue.declare", queue="q", durable=True, nowait=True)
    said = client.feed(declare + published("q", b"one") + BYE)
    assert names(said) == ["connection.close-ok"]
    assert client.closed
    (got,) = room.client().call("basic.get", queue="q")
    assert got.body == b"one"


def test_nothing_is_done_that_comes_after_a_goodbye(room: AmqpRoom) -> None:
    client = room.client()
    declare = method(1, "queue.declare", queue="q", durable=True)
    said = client.feed(declare + BYE + published("q", b"one") + BYE)
    assert names(said) == ["queue.declare-ok", "connection.close-ok"]
    assert names(room.client().call("basic.get", queue="q")) == ["basic.get-empty"]


def test_a_dead_letter_whose_headers_are_no_utf_8_is_delivered(room: AmqpRoom) -> None:
    client = dying(room)
    table = bytes((200,)) + b"\xff" * 200 + b"t\x01"
    properties = b"\x20\x00" + pack(">I", len(table)) + table
    publish = method(1, "basic.publish", exchange="", routing_key="q")
    client.feed(encode_content(1, publish, properties, b"one", FRAME_MAX))
    client.consume("q")
    client.feed(REJECT)
    dead = client.consume("dead", "dead")[-1]
    assert dead.body == b"one"
    assert dead.properties.headers is not None
    assert dead.properties.headers["x-first-death-queue"] == "q"


def test_a_dead_letter_that_claims_to_have_died_often_is_delivered(room: AmqpRoom) -> None:
    client = dying(room)
    claimed = {"queue": "q", "reason": "rejected", "count": 2**63 - 1}
    client.publish("q", b"one", headers={"x-death": [claimed]})
    client.consume("q")
    client.feed(REJECT)
    dead = client.consume("dead", "dead")[-1]
    assert dead.body == b"one"
    headers: Any = dead.properties.headers
    assert [entry["count"] for entry in headers["x-death"]] == [2**63 - 1]


def test_a_dead_letter_with_a_key_longer_than_any_is_delivered_with_its_start(
    room: AmqpRoom,
) -> None:
    client = dying(room, **{"x-dead-letter-routing-key": "ü" * 150})
    client.publish("q", b"one")
    client.consume("q")
    client.feed(REJECT)
    dead = client.consume("dead", "dead")
    assert bodies(dead) == [b"one"]
    assert dead[-1].routing_key == "ü" * 127


def test_publishes_of_two_channels_that_nobody_wants_are_confirmed(room: AmqpRoom) -> None:
    client = room.client()
    client.call("channel.open", channel=2)
    for channel in (1, 2):
        client.call("confirm.select", channel=channel)
    lost = [published("k", b"one", exchange="amq.direct", channel=channel) for channel in (1, 2)]
    assert names(client.feed(b"".join(lost))) == ["basic.ack", "basic.ack"]
