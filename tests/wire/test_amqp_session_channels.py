"""Channels: opened, closed by either side, and their methods in order."""

from postroad.limits import AMQP_HELD_BACK_MAX
from postroad.model.commands import DescribeQueue
from postroad.model.replies import Refused, Why
from postroad.protocols.amqp.methods import encode_method as method
from tests.wire.amqp.handshake import (
    CHANNEL,
    CLOSE,
    CLOSE_CHANNEL,
    CLOSE_CHANNEL_OK,
    DECLARE,
    MISSING,
    OPEN,
    TUNING,
    closed_by,
    open_vhost,
    spoken,
    tune_ok,
)
from tests.wire.amqp.room import names, published


def test_channels_are_counted_and_their_numbers_are_free() -> None:
    client = spoken(*TUNING, tune_ok(channel_max=2), open_vhost())
    assert names(client.feed(method(7, "channel.open"))) == ["channel.open-ok"]
    assert names(client.feed(method(60_000, "channel.open"))) == ["channel.open-ok"]
    client.feed(method(3, "channel.open"))
    assert closed_by(client) == (
        530,
        "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)",
    )


def test_a_channel_number_may_be_used_again_after_its_close() -> None:
    client = spoken(*CHANNEL)
    assert names(client.feed(CLOSE_CHANNEL + OPEN)) == ["channel.close-ok", "channel.open-ok"]
    assert client.room.config.counts.channels_opened == 2


def test_a_fault_closes_its_channel_alone() -> None:
    client = spoken(*CHANNEL, method(2, "channel.open"))
    (said,) = client.feed(MISSING)
    assert (said.name, said.channel, said.reply_code) == ("channel.close", 1, 404)
    assert said.reply_text == "NOT_FOUND - no queue 'none' in vhost '/'"
    assert (said.class_id, said.method_id) == (50, 10)
    assert names(client.call("queue.declare", channel=2, queue="q")) == ["queue.declare-ok"]
    assert client.room.config.counts.channel_faults == 1


def test_what_comes_on_a_channel_that_is_being_closed_is_dropped() -> None:
    client = spoken(*CHANNEL, MISSING)
    assert client.feed(DECLARE + published("q", b"x")) == []
    assert names(client.feed(CLOSE_CHANNEL_OK + OPEN)) == ["channel.open-ok"]
    assert client.feed(MISSING)[0].reply_text == "NOT_FOUND - no queue 'none' in vhost '/'"


def test_a_channel_that_is_being_closed_cannot_be_opened() -> None:
    client = spoken(*CHANNEL, MISSING, OPEN)
    assert closed_by(client) == (504, "CHANNEL_ERROR - second 'channel.open' seen")


def test_a_close_that_crosses_ours_is_answered() -> None:
    client = spoken(*CHANNEL, MISSING)
    assert names(client.feed(CLOSE_CHANNEL)) == ["channel.close-ok"]
    assert client.feed(CLOSE_CHANNEL_OK) == []
    assert names(client.feed(OPEN)) == ["channel.open-ok"]


def test_a_close_behind_a_method_that_fails_is_answered() -> None:
    said = spoken(*CHANNEL).feed(MISSING + DECLARE + CLOSE_CHANNEL)
    assert names(said) == ["channel.close", "channel.close-ok"]


def test_methods_of_a_channel_are_done_one_after_another() -> None:
    said = spoken(*CHANNEL).feed(
        DECLARE
        + published("q", b"1", b"2")
        + method(1, "queue.purge", queue="q")
        + published("q", b"3")
        + method(1, "queue.delete", queue="q")
        + CLOSE_CHANNEL
    )
    assert names(said) == [
        "queue.declare-ok",
        "queue.purge-ok",
        "queue.delete-ok",
        "channel.close-ok",
    ]
    assert (said[1].message_count, said[2].message_count) == (2, 1)


def test_other_channels_go_on_while_a_method_waits() -> None:
    client = spoken(*CHANNEL, method(2, "channel.open"))
    output = client.session.receive(DECLARE + method(2, "queue.declare", queue="r"), 0)
    assert len(output.asks) == 2


def test_no_more_is_read_while_much_waits_for_a_method() -> None:
    client = spoken(*CHANNEL)
    purge = method(1, "queue.purge", queue="q")
    output = client.session.receive(DECLARE + purge * AMQP_HELD_BACK_MAX, 0)
    assert not output.busy
    assert client.session.receive(purge, 0).busy
    client.take(output)
    client.room.go()
    assert len(client.heard) == len(CHANNEL) + AMQP_HELD_BACK_MAX + 1
    assert not client.session.tick(0).busy
    assert client.session.held_back == 0


def test_what_was_held_back_is_forgotten_with_its_channel_and_connection() -> None:
    purge = method(1, "queue.purge", queue="q")
    client = spoken(*CHANNEL)
    client.session.receive(DECLARE + purge * 9 + method(1, "queue.bind-ok"), 0)
    assert client.session.held_back == 10
    client.session.receive(method(0, "connection.blocked"), 0)
    assert client.session.held_back == 0


def test_a_reply_to_a_channel_that_is_gone_is_dropped() -> None:
    session = spoken(*CHANNEL).session
    ((number, command),) = session.receive(MISSING, 0).asks
    assert isinstance(command, DescribeQueue)
    session.receive(CLOSE, 0)
    assert session.answer(number, Refused(Why.NO_SUCH_QUEUE), 0).send == b""
    assert session.answer(number, Refused(Why.NO_SUCH_QUEUE), 0).send == b""


def test_flow_is_always_on() -> None:
    said = spoken(*CHANNEL).feed(method(1, "channel.flow", active=True))
    assert [(one.name, one.active) for one in said] == [("channel.flow-ok", True)]
