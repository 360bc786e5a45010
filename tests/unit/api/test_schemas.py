"""Schemas through the embedded API."""

from pathlib import Path

import pytest

from postroad import Broker
from postroad.errors import BadSettings, DoesNotFit, QueueNotFound, SettingsDiffer

pytest.importorskip("jsonschema_rs")
ORDER = {"type": "object", "required": ["id"]}


def test_a_schema_holds_publishes_also_after_a_restart(tmp_path: Path) -> None:
    with Broker.open(tmp_path) as broker:
        broker.declare("orders")
        assert broker.set_schema("orders", ORDER) == 1
        broker.publish("orders", '{"id": 1}')
    with Broker.open(tmp_path) as broker:
        with pytest.raises(DoesNotFit, match='`orders`: at /: "id" is a required property'):
            broker.publish("orders", "{}")
        with pytest.raises(DoesNotFit, match=r"message 1 .*: it is no JSON"):
            broker.publish_many("orders", ['{"id": 2}', "text"])
        assert broker.describe("orders").ready == 1
        assert broker.set_schema("orders", None, version=1) == 2
        broker.publish("orders", "text")
        assert [one.version for one in broker.schemas("orders")] == [1, 2]


def test_what_cannot_be_is_refused() -> None:
    with Broker.open(None) as broker:
        broker.declare("orders")
        for schema in ({"type": 7}, "{", {"x": object()}, {"x": float("nan")}):
            with pytest.raises(BadSettings):
                broker.set_schema("orders", schema)
        with pytest.raises(SettingsDiffer):
            broker.set_schema("orders", ORDER, version=3)
        with pytest.raises(QueueNotFound):
            broker.set_schema("none", ORDER)
        with pytest.raises(QueueNotFound):
            broker.schemas("none")
