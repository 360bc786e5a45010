"""An outbox in sqlite3 and through SQLAlchemy, and the relay that takes it to a broker."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from postroad import Broker, errors
from postroad.limits import BATCH_COMMANDS_MAX, MESSAGE_BYTES_MAX
from postroad.outbox import Inbox, Outbox, Relay
from postroad.outbox.databases import NoDatabase
from tests.unit.outbox.conftest import Connect


def write(connect: Connect, outbox: Outbox, *bodies: str, commit: bool = True) -> None:
    db = connect()
    for body in bodies:
        outbox.publish(db, "orders", body)
    if commit:
        db.commit()
    db.close()


def waiting(broker: Broker, queue: str = "orders") -> list[bytes]:
    return [one.message.body for one in broker.peek(queue, count=1_000)]


def test_what_is_committed_is_published_once_and_in_order(
    connect: Connect, outbox: Outbox, broker: Broker
) -> None:
    write(connect, outbox, "1", "2", "3")
    relay = Relay(broker, connect, outbox, name="shop", batch=2)
    assert [relay.round(), relay.round(), relay.round()] == [2, 1, 0]
    write(connect, outbox, "4")
    assert relay.round() == 1
    assert waiting(broker) == [b"1", b"2", b"3", b"4"]
    assert relay.published == 4
    db = connect()
    assert outbox.count(db) == 0
    db.close()


def test_no_more_bodies_are_read_at_once_than_a_step_may_carry(
    connect: Connect, outbox: Outbox
) -> None:
    write(connect, outbox, "x" * 60, "y" * 30, "z" * 30, "last")
    db = connect()
    read = [[len(row.message.body) for row in outbox.read(db, 9, most)] for most in (1, 90, 999)]
    assert read == [[60], [60, 30], [60, 30, 30, 4]]
    assert [row.message.body for row in outbox.read(db, 1, 999)] == [b"x" * 60]
    db.close()


def test_a_round_that_finds_nothing_writes_nothing(tmp_path: Path, broker: Broker) -> None:
    file = tmp_path / "shop.db"
    outbox = Outbox()
    db = sqlite3.connect(file)
    outbox.create(db)
    outbox.publish(db, "orders", "1")
    db.commit()
    said: list[str] = []

    def told() -> sqlite3.Connection:
        connection = sqlite3.connect(file)
        connection.set_trace_callback(said.append)
        return connection

    relay = Relay(broker, told, outbox, name="shop")
    assert relay.round() == 1
    assert any("DELETE" in statement for statement in said)
    said.clear()
    assert relay.round() == 0
    assert not [statement for statement in said if not statement.startswith("SELECT")]
    db.close()


def test_what_is_rolled_back_is_never_published(
    connect: Connect, outbox: Outbox, broker: Broker
) -> None:
    write(connect, outbox, "lost", commit=False)
    assert Relay(broker, connect, outbox, name="shop").round() == 0
    assert waiting(broker) == []


def test_a_message_has_all_that_it_was_given(
    connect: Connect, outbox: Outbox, broker: Broker
) -> None:
    broker.declare_exchange("news", kind="topic")
    broker.declare("letters")
    broker.bind("news", "letters", "shop.*")
    db = connect()
    options: Any = {"headers": {"a": 1, "b": b"\xff"}, "key": "ada", "priority": 3}
    outbox.publish(db, "orders", b"\x00\xff", **options)
    outbox.publish(db, "orders", "later", delay_ms=60_000)
    outbox.publish_to(db, "news", "sale", "shop.sale", ttl_ms=60_000)
    outbox.publish_to(db, "news", "nobody wants it", "garden")
    db.commit()
    db.close()
    assert Relay(broker, connect, outbox, name="shop").round() == 4
    [message] = broker.receive("orders", 5)
    assert (message.body, message.headers) == (b"\x00\xff", {"a": 1, "b": b"\xff"})
    assert (message.key, message.priority) == ("ada", 3)
    assert broker.describe("orders").delayed == 1
    assert waiting(broker, "letters") == [b"sale"]


def test_what_the_broker_would_not_take_is_refused_in_the_transaction(
    connect: Connect, outbox: Outbox
) -> None:
    db = connect()
    with pytest.raises(TypeError):
        outbox.publish(db, "orders", 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="delay_ms"):
        outbox.publish(db, "orders", "x", delay_ms=-1)
    with pytest.raises(errors.MessageTooLarge, match="16,777,217 bytes"):
        outbox.publish(db, "orders", bytes(MESSAGE_BYTES_MAX + 1))
    with pytest.raises(TypeError, match="later"):
        outbox.publish(db, "orders", "x", later=5)  # type: ignore[call-arg]
    assert outbox.count(db) == 0
    db.close()


class Broken(Exception):  # noqa: N818  (it only stands for a death)
    """The process died here."""


class Fate:
    """At which step one dies, and whether it is done then."""

    def __init__(self, at: int, done: bool) -> None:
        self.left = at
        self.done = done

    def live(self, step: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left:
            return step()
        if self.done:
            step()
        raise Broken


def dying(file: Path, fate: Fate) -> Connect:
    """Connections that live by this fate."""

    class Dying(sqlite3.Connection):
        def commit(self) -> None:
            fate.live(super().commit)

        def rollback(self) -> None:
            fate.live(super().rollback)

        def close(self) -> None:
            fate.live(super().close)

    return lambda: sqlite3.connect(file, factory=Dying)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("at", range(1, 15))
def test_a_death_at_any_step_loses_nothing_and_publishes_nothing_twice(
    at: int, done: bool, tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shop.db"
    outbox = Outbox()
    db = sqlite3.connect(file)
    outbox.create(db)
    for number in range(5):
        outbox.publish(db, "orders", str(number))
    db.commit()
    fate = Fate(at, done)
    published = broker.batch
    monkeypatch.setattr(broker, "batch", lambda steps: fate.live(lambda: published(steps)))
    died = 0
    for _ in range(8):
        relay = Relay(broker, dying(file, fate), outbox, name="shop", batch=2)
        try:
            relay.round()
        except Broken:
            died += 1
    assert died == 1
    assert waiting(broker) == [b"%d" % number for number in range(5)]
    assert outbox.count(db) == 0
    db.close()


def test_of_relays_beside_each_other_one_publishes(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shop.db"
    outbox = Outbox()
    db = sqlite3.connect(file)
    outbox.create(db)
    db.commit()
    write(lambda: sqlite3.connect(file), outbox, "1", "2", "3")
    one, other = (
        Relay(broker, lambda: sqlite3.connect(file), outbox, name="shop") for _ in range(2)
    )
    batch = broker.batch
    rounds: list[int] = []

    def meanwhile(steps: Any) -> Any:
        monkeypatch.setattr(broker, "batch", batch)
        rounds.append(other.round())
        return batch(steps)

    monkeypatch.setattr(broker, "batch", meanwhile)
    rounds.append(one.round())
    assert rounds == [3, 0]
    assert [one.published, other.published] == [0, 3]
    assert waiting(broker) == [b"1", b"2", b"3"]
    db.close()


def test_a_table_that_was_made_anew_is_not_mistaken_for_the_old_one(
    connect: Connect, outbox: Outbox, broker: Broker
) -> None:
    write(connect, outbox, "old")
    relay = Relay(broker, connect, outbox, name="shop")
    assert relay.round() == 1
    db = connect()
    drop: Any = f"DROP TABLE {outbox.table}"
    db.execute(drop if isinstance(db, sqlite3.Connection) else sqlalchemy.text(drop))
    outbox.create(db)
    db.commit()
    db.close()
    write(connect, outbox, "new")
    assert relay.round() == 1
    assert waiting(broker) == [b"old", b"new"]


def test_a_message_for_a_queue_that_is_missing_holds_up_those_behind_it(
    connect: Connect, outbox: Outbox, broker: Broker
) -> None:
    db = connect()
    outbox.publish(db, "mail", "first")
    outbox.publish(db, "orders", "second")
    db.commit()
    db.close()
    relay = Relay(broker, connect, outbox, name="shop")
    with pytest.raises(errors.QueueNotFound, match="mail"):
        relay.round()
    assert waiting(broker) == []
    broker.declare("mail")
    assert relay.round() == 2
    assert (waiting(broker, "mail"), waiting(broker)) == ([b"first"], [b"second"])


def test_a_relay_that_runs_publishes_when_it_is_woken_and_goes_on_after_a_failure(
    connect: Connect, outbox: Outbox, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    relay = Relay(broker, connect, outbox, name="shop")
    running = threading.Thread(target=relay.run, args=(0.01,))
    running.start()
    try:
        write(connect, outbox, "1")
        relay.wake()
        [message] = broker.receive("orders", wait_ms=10_000)
        db = connect()
        outbox.publish(db, "mail", "2")
        db.commit()
        db.close()
        until(lambda: "mail" in relay.failure)
        broker.declare("mail")
        assert broker.receive("mail", wait_ms=10_000)[0].body == b"2"
        until(lambda: not relay.failure)
    finally:
        relay.stop()
        running.join()
    assert message.body == b"1"
    assert "the outbox `shop` waits: queue `mail` does not exist" in caplog.text


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    bell = threading.Event()
    for _ in range(2_000):
        if holds():
            return
        bell.wait(0.005)
    raise AssertionError("it did not happen in ten seconds")


def test_what_is_no_connection_or_no_name_is_refused() -> None:
    with pytest.raises(NoDatabase, match="int is no connection"):
        Outbox().create(5)
    with pytest.raises(ValueError, match="no name of a table"):
        Outbox("orders; DROP TABLE orders")
    with pytest.raises(ValueError, match="no name of a table"):
        Inbox("")
    with Broker.open(None) as broker, pytest.raises(ValueError, match="batch"):
        Relay(broker, lambda: None, name="shop", batch=0)


def test_rows_may_come_as_whatever_the_connection_makes_of_them(
    tmp_path: Path, broker: Broker
) -> None:
    def connect_by_name() -> sqlite3.Connection:
        db = sqlite3.connect(tmp_path / "shop.db")
        db.row_factory = lambda cursor, row: {
            column[0]: one for column, one in zip(cursor.description, row, strict=True)
        }
        return db

    outbox = Outbox()
    with connect_by_name() as db:
        outbox.create(db)
    write(connect_by_name, outbox, "1", "2")
    assert outbox.count(connect_by_name()) == 2
    assert Relay(broker, connect_by_name, outbox, name="shop").round() == 2
    assert waiting(broker) == [b"1", b"2"]


def test_messages_for_more_targets_than_a_step_has_commands_do_not_hold_up_the_outbox(
    tmp_path: Path, broker: Broker
) -> None:
    count = BATCH_COMMANDS_MAX
    broker.declare_exchange("shop", "topic")
    broker.bind("shop", "orders", "order.*")
    outbox = Outbox()
    db = sqlite3.connect(tmp_path / "shop.db")
    outbox.create(db)
    for at in range(count):
        outbox.publish_to(db, "shop", str(at), f"order.{at}")
    db.commit()
    db.close()
    relay = Relay(broker, lambda: sqlite3.connect(tmp_path / "shop.db"), outbox, name="shop")
    assert [relay.round(), relay.round(), relay.round()] == [count - 1, 1, 0]
    assert waiting(broker) == [str(at).encode() for at in range(count)]
