"""Transactions over AMQP: all of it at the commit, or nothing."""

import pytest

from postroad.limits import AMQP_TX_BYTES_MAX, BATCH_COMMANDS_MAX
from tests.wire.amqp.room import AmqpRoom, Client, ack, bodies, names, published


@pytest.fixture
def client() -> Client:
    client = AmqpRoom().client()
    client.declare("q")
    client.declare("r")
    return client


def ready(client: Client, queue: str = "q") -> int:
    [said] = client.call("queue.declare", queue=queue, passive=True, channel=2)
    count: int = said.message_count
    return count


def test_publishes_are_there_after_the_commit(client: Client) -> None:
    client.call("channel.open", channel=2)
    assert names(client.call("tx.select")) == ["tx.select-ok"]
    client.feed(published("q", b"1", b"2") + published("r", b"3") + published("q", b"4"))
    assert (ready(client), ready(client, "r")) == (0, 0)
    assert names(client.call("tx.commit")) == ["tx.commit-ok"]
    assert (ready(client), ready(client, "r")) == (3, 1)
    assert names(client.call("tx.commit")) == ["tx.commit-ok"]
    assert ready(client) == 3


def test_what_is_rolled_back_was_never_published_nor_settled(client: Client) -> None:
    client.publish("q", b"1", b"2")
    client.call("tx.select")
    client.consume("q")
    client.feed(published("r", b"x") + ack(1))
    assert names(client.call("tx.rollback")) == ["tx.rollback-ok"]
    assert names(client.call("tx.commit")) == ["tx.commit-ok"]
    client.call("channel.open", channel=2)
    assert ready(client, "r") == 0
    # It can still be settled.
    client.feed(ack(2, True))
    client.call("tx.commit")
    client.call("channel.close")
    assert ready(client) == 0


def test_settles_count_from_the_commit_on(client: Client) -> None:
    client.publish("q", b"1", b"2")
    client.call("tx.select")
    client.consume("q")
    client.feed(ack(1))
    client.call("channel.close")
    client.call("channel.open")
    assert sorted(bodies(client.consume("q"))) == [b"1", b"2"]


def test_a_message_is_settled_once_in_a_transaction(client: Client) -> None:
    client.publish("q", b"1")
    client.call("tx.select")
    client.consume("q")
    client.feed(ack(1))
    [said] = client.feed(ack(1))
    assert (said.name, said.reply_code) == ("channel.close", 406)
    assert said.reply_text == "PRECONDITION_FAILED - unknown delivery tag 1"


def test_acks_and_publishes_are_one_step(client: Client) -> None:
    client.publish("q", b"in")
    client.call("tx.select")
    client.consume("q")
    client.feed(published("nowhere", b"lost", exchange="none") + ack(1))
    [said] = client.call("tx.commit")
    assert (said.name, said.reply_code) == ("channel.close", 404)
    assert said.reply_text == "NOT_FOUND - no exchange 'none' in vhost '/'"
    client.call("channel.close-ok")
    client.call("channel.open")
    assert bodies(client.consume("q")) == [b"in"]


def test_what_nobody_wants_is_returned_after_the_commit(client: Client) -> None:
    client.call("tx.select")
    sent = published("none", b"a", mandatory=True) + published("q", b"b", mandatory=True)
    assert client.feed(sent + published("none", b"c")) == []
    said = client.call("tx.commit")
    assert [(one.name, one.body) for one in said] == [("basic.return", b"a"), ("tx.commit-ok", b"")]


def test_a_full_queue_fails_the_commit(client: Client) -> None:
    client.declare("small", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    client.call("tx.select")
    client.feed(published("q", b"1") + published("small", b"2", b"3"))
    [said] = client.call("tx.commit")
    assert (said.reply_code, said.reply_text) == (
        406,
        "PRECONDITION_FAILED - partial tx completion",
    )
    client.call("channel.open", channel=2)
    assert ready(client) == 0


def test_confirms_and_transactions_do_not_mix(client: Client) -> None:
    client.call("confirm.select")
    [said] = client.call("tx.select")
    assert said.reply_text == "PRECONDITION_FAILED - cannot switch from confirm to tx mode"
    client.call("channel.open", channel=3)
    client.call("tx.select", channel=3)
    [said] = client.call("confirm.select", channel=3)
    assert said.reply_text == "PRECONDITION_FAILED - cannot switch from tx to confirm mode"


def test_only_a_channel_in_tx_mode_commits(client: Client) -> None:
    [said] = client.call("tx.commit")
    assert said.reply_text == "PRECONDITION_FAILED - channel is not transactional"


def test_any_number_of_acks_is_committed(client: Client) -> None:
    count = BATCH_COMMANDS_MAX + 1
    client.publish("q", *[b"x"] * count)
    client.call("tx.select")
    client.consume("q")
    for tag in range(1, count + 1):
        client.feed(ack(tag))
    assert names(client.call("tx.commit")) == ["tx.commit-ok"]
    client.hang_up()
    assert names(client.room.client().call("basic.get", queue="q")) == ["basic.get-empty"]


def test_a_transaction_holds_a_bounded_number_of_bytes(client: Client) -> None:
    client.call("tx.select")
    body = bytes(AMQP_TX_BYTES_MAX // 10)
    assert client.publish("q", *[body] * 9) == []
    [said] = client.publish("q", body)
    assert (said.name, said.reply_code) == ("channel.close", 506)
    client.call("channel.open", channel=2)
    assert ready(client) == 0


def test_what_was_rolled_back_takes_no_room(client: Client) -> None:
    client.call("tx.select")
    body = bytes(AMQP_TX_BYTES_MAX // 10)
    for _ in range(3):
        assert client.publish("q", *[body] * 9) == []
        assert names(client.call("tx.rollback")) == ["tx.rollback-ok"]


def test_publishes_that_differ_are_committed_together(client: Client) -> None:
    client.call("tx.select")
    client.publish("q", b"1")
    client.publish("q", b"2", priority=3)
    client.publish("q", b"3", headers={"CC": ["other"]})
    client.publish("q", b"4", b"5")
    client.declare("other")
    assert names(client.call("tx.commit")) == ["tx.commit-ok"]
    assert bodies(client.consume("q")) == [b"1", b"2", b"3", b"4", b"5"]
    assert bodies(client.consume("other", "two")) == [b"3"]
