"""Transactions by pika: publishes and acks of a channel as one step."""

from typing import Any

import pytest
from pika.exceptions import ChannelClosedByBroker

from tests.compat.amqp_clients import channel_error, count, counted, drain, get, put, queue


@pytest.fixture
def selected(connection: Any) -> Any:
    channel = connection.channel()
    channel.tx_select()
    return channel


def test_publishes_to_two_queues_are_there_after_the_commit_and_not_before(
    channel: Any, selected: Any
) -> None:
    first, second = queue(channel), queue(channel)
    put(selected, first, "a")
    put(selected, second, "b")
    assert (count(channel, first), count(channel, second)) == (0, 0)
    selected.tx_commit()
    assert (drain(channel, first), drain(channel, second)) == ([b"a"], [b"b"])


def test_a_rollback_forgets_publishes_and_acks(channel: Any, selected: Any) -> None:
    name, other = queue(channel), queue(channel)
    put(channel, name, "work")
    held = get(selected, name, auto_ack=False)
    selected.basic_ack(held.tag)
    put(selected, other, "result")
    selected.tx_rollback()
    assert count(channel, other) == 0
    # The message is still the channel's: it can settle it now.
    selected.basic_ack(held.tag)
    put(selected, other, "result")
    selected.tx_commit()
    assert drain(channel, other) == [b"result"]
    selected.close()
    assert count(channel, name) == 0


def test_an_ack_that_was_not_committed_is_none(channel: Any, selected: Any) -> None:
    name = queue(channel)
    put(channel, name, "work")
    selected.basic_ack(get(selected, name, auto_ack=False).tag)
    selected.close()
    counted(channel, name, 1)


def test_a_nack_waits_for_the_commit_too(channel: Any, selected: Any) -> None:
    name = queue(channel)
    put(channel, name, "work")
    selected.basic_nack(get(selected, name, auto_ack=False).tag)
    assert count(channel, name) == 0
    selected.tx_commit()
    counted(channel, name, 1)


def test_a_channel_has_transactions_or_confirms(connection: Any) -> None:
    channel = connection.channel()
    channel.tx_select()
    said = "PRECONDITION_FAILED - cannot switch from tx to confirm mode"
    with channel_error(406, said):
        channel.confirm_delivery()
    channel = connection.channel()
    channel.confirm_delivery()
    with channel_error(406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode"):
        channel.tx_select()


@pytest.mark.parametrize("act", ["tx_commit", "tx_rollback"])
def test_without_a_transaction_there_is_nothing_to_end(connection: Any, act: str) -> None:
    with pytest.raises(ChannelClosedByBroker) as caught:
        getattr(connection.channel(), act)()
    assert caught.value.reply_code == 406
    assert caught.value.reply_text == "PRECONDITION_FAILED - channel is not transactional"
