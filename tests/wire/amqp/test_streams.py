"""Streams over AMQP: read from any place, by as many as like to, and used up by nobody."""

from typing import Any

import pytest

from postroad.model.fields import Stamp
from postroad.model.message import plain_head
from postroad.model.topics import Append, CutTopic, DeclareTopic
from tests.wire.amqp.room import AmqpRoom, Client, ack, bodies, names


@pytest.fixture
def room() -> AmqpRoom:
    return AmqpRoom()


@pytest.fixture
def client(room: AmqpRoom) -> Client:
    client = room.client()
    client.declare("s", **{"x-queue-type": "stream"})
    client.call("basic.qos", prefetch_count=10)
    return client


def read(client: Client, at: Any, tag: str = "t", **arguments: Any) -> list[bytes]:
    said = client.consume("s", tag=tag, arguments={"x-stream-offset": at, **arguments})
    assert said[0].name == "basic.consume-ok", said
    return bodies(said)


def test_a_stream_is_read_from_the_place_that_is_said(client: Client) -> None:
    client.publish("s", b"0", b"1", b"2", b"3")
    assert read(client, "first", "a") == [b"0", b"1", b"2", b"3"]
    assert read(client, "last", "b") == [b"3"]
    assert read(client, 2, "c") == [b"2", b"3"]
    assert read(client, "next", "d") == []
    assert read(client, -2, "e") == [b"2", b"3"]
    assert read(client, 100, "f") == []


def test_without_a_place_only_what_is_new_comes_and_it_comes_by_itself(client: Client) -> None:
    client.publish("s", b"old")
    assert names(client.consume("s")) == ["basic.consume-ok"]
    [got] = client.publish("s", b"new")
    assert (got.body, got.properties.headers) == (b"new", {"x-stream-offset": 1})


def test_a_stream_is_read_from_a_time_on(client: Client, room: AmqpRoom) -> None:
    client.publish("s", b"old")
    room.tick(100_000)
    client.publish("s", b"new")
    room.tick(30_000)
    assert read(client, Stamp(room.now_ms // 1_000 - 60), "a") == [b"new"]
    assert read(client, "1m", "b") == [b"new"]
    assert read(client, "1h", "c") == [b"old", b"new"]
    assert read(client, "1s", "d") == []


def test_an_ack_is_leave_for_one_more(client: Client) -> None:
    client.call("basic.qos", prefetch_count=2)
    client.publish("s", b"0", b"1", b"2", b"3")
    assert read(client, "first") == [b"0", b"1"]
    assert bodies(client.feed(ack(1))) == [b"2"]
    assert bodies(client.feed(ack(3, True))) == [b"3"]
    assert read(client, "first", "again") == [b"0", b"1"]


def test_a_prefetch_and_acks_are_needed(client: Client) -> None:
    client.call("channel.open", channel=2)
    [said] = client.consume("s", channel=2)
    assert said.reply_code == 406
    assert "consumer prefetch count is not set for stream queue 's' in vhost '/'" in said.reply_text
    [said] = client.consume("s", no_ack=True)
    assert (said.name, said.reply_code) == ("connection.close", 540)


def test_a_place_that_is_none_is_refused(client: Client) -> None:
    [said] = client.consume("s", arguments={"x-stream-offset": "somewhere"})
    assert said.reply_code == 406
    assert "x-stream-offset" in said.reply_text


def test_a_filter_passes_what_was_published_for_it(client: Client) -> None:
    for value in ("a", "b", None):
        headers = {} if value is None else {"x-stream-filter-value": value}
        client.publish("s", str(value).encode(), headers=headers)
    assert read(client, "first", "a", **{"x-stream-filter": "a"}) == [b"a"]
    assert read(client, "first", "b", **{"x-stream-filter": ["a", "b"]}) == [b"a", b"b"]
    also = {"x-stream-filter": "b", "x-stream-match-unfiltered": True}
    assert read(client, "first", "c", **also) == [b"b", b"None"]


def test_what_was_cut_off_is_passed_over(client: Client, room: AmqpRoom) -> None:
    client.publish("s", b"0", b"1", b"2", b"3")
    room.ask(CutTopic("s", 0, 2))
    assert read(client, 0) == [b"2", b"3"]


def test_every_topic_can_be_consumed(client: Client, room: AmqpRoom) -> None:
    room.ask(DeclareTopic("t", 2))
    head = plain_head({"a": 1, "content-type": "text/plain"})
    for partition in (0, 1):
        room.ask(Append("t", [b"x"], [head], partition=partition))
    said = client.consume("t", arguments={"x-stream-offset": "first"})
    assert bodies(said) == [b"x", b"x"]
    assert said[1].properties.headers == {"a": 1, "x-stream-offset": 0}
    assert (said[1].properties.content_type, said[1].routing_key) == ("text/plain", "t")


def test_a_cancelled_reader_gets_nothing_more(client: Client) -> None:
    read(client, "next")
    assert names(client.call("basic.cancel", consumer_tag="t")) == ["basic.cancel-ok"]
    assert client.publish("s", b"x") == []


def test_a_reader_hears_when_its_stream_is_deleted(client: Client) -> None:
    read(client, "next")
    said = client.call("queue.delete", queue="s")
    assert sorted(names(said)) == ["basic.cancel", "queue.delete-ok"]


def test_a_stream_is_not_got_from(client: Client) -> None:
    [said] = client.call("basic.get", queue="s")
    assert (said.name, said.reply_code) == ("connection.close", 540)


def test_streams_that_wait_for_more_do_not_count_as_asks_that_wait(client: Client) -> None:
    few = client.session.asks_max
    for number in range(20):
        assert read(client, "next", f"t{number}") == []
    assert client.session.asks_max == few + 20
    assert len(client.publish("s", b"x")) == 20
    assert client.session.asks_max == few + 20, "they wait for more"
    for number in range(10):
        assert (
            names(client.call("basic.cancel", consumer_tag=f"t{number}"))[-1] == "basic.cancel-ok"
        )
    assert client.session.asks_max == few + 10
    assert client.room.engine.core.desk.waiting == 10, "who left waits no longer"
    client.call("channel.close", reply_code=200, reply_text="", class_id=0, method_id=0)
    assert client.session.asks_max == few
    assert client.room.engine.core.desk.waiting == 0
