"""An outbox in PostgreSQL, where a transaction that began earlier may be committed later."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy
from sqlalchemy.orm import Session

from postroad import Broker
from postroad.outbox import Inbox, Outbox, Relay
from tests.compat.postgres import Postgres

Connect = Callable[[], Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(params=["psycopg", "rows as dicts", "session"])
def connect(request: pytest.FixtureRequest, server: Postgres) -> Iterator[Connect]:
    with psycopg.connect(server.url) as db:
        db.execute("DROP TABLE IF EXISTS postroad_outbox, postroad_inbox, orders")
        db.execute("CREATE TABLE orders (id BIGINT PRIMARY KEY)")
        Outbox().create(db)
        Inbox().create(db)
    if request.param == "psycopg":
        yield lambda: psycopg.connect(server.url)
    elif request.param == "session":
        engine = sqlalchemy.create_engine(server.alchemy)
        yield lambda: Session(engine)
        engine.dispose()
    else:
        yield lambda: psycopg.connect(server.url, row_factory=psycopg.rows.dict_row)


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker.open(None) as broker:
        broker.declare("orders")
        yield broker


def bodies(broker: Broker) -> list[bytes]:
    return [one.message.body for one in broker.peek("orders", count=100)]


def test_a_row_and_its_message_are_there_together(connect: Connect, broker: Broker) -> None:
    outbox = Outbox()
    relay = Relay(broker, connect, outbox, name="shop")
    for number, commits in ((1, True), (2, False), (3, True)):
        db = connect()
        statement: Any = f"INSERT INTO orders VALUES ({number})"
        db.execute(sqlalchemy.text(statement) if isinstance(db, Session) else statement)
        outbox.publish(db, "orders", b"\x00%d" % number, headers={"n": number})
        db.commit() if commits else db.rollback()
        db.close()
    assert relay.round() == 2
    assert relay.round() == 0
    assert bodies(broker) == [b"\x001", b"\x003"]
    assert broker.receive("orders")[0].headers == {"n": 1}


def test_what_is_committed_late_is_published_all_the_same(connect: Connect, broker: Broker) -> None:
    outbox = Outbox()
    relay = Relay(broker, connect, outbox, name="shop")
    early, late = connect(), connect()
    outbox.publish(late, "orders", "began first")
    outbox.publish(early, "orders", "was committed first")
    early.commit()
    assert relay.round() == 1
    late.commit()
    assert relay.round() == 1
    assert bodies(broker) == [b"was committed first", b"began first"]
    early.close()
    late.close()


def test_a_message_is_handled_once(connect: Connect, broker: Broker) -> None:
    inbox = Inbox()
    broker.publish("orders", "pay")
    [message] = broker.receive("orders")
    db = connect()
    assert inbox.is_new(db, message)
    db.commit()
    assert not inbox.is_new(db, message)
    db.close()
