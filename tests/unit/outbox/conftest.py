"""Databases of the outbox's tests, and a broker."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.orm import Session

from postroad import Broker
from postroad.outbox import Outbox

Connect = Callable[[], Any]


@pytest.fixture(params=["sqlite3", "connection", "session"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connect]:
    file = tmp_path / "shop.db"
    if request.param == "sqlite3":
        yield lambda: sqlite3.connect(file)
        return
    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    yield engine.connect if request.param == "connection" else lambda: Session(engine)
    engine.dispose()


@pytest.fixture
def outbox(connect: Connect) -> Outbox:
    outbox = Outbox()
    db = connect()
    outbox.create(db)
    outbox.create(db)
    db.commit()
    db.close()
    return outbox


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker.open(None) as broker:
        broker.declare("orders")
        yield broker
