"""Consumers with names in Python programs, blocking and asyncio."""

import asyncio
from pathlib import Path

import pytest

from postroad import AsyncBroker, Broker, errors
from postroad.api.crews import UNTIL_SETTLED
from postroad.testing import ClockedBroker


def test_a_dead_consumers_work_is_taken_over() -> None:
    with ClockedBroker.open() as broker:
        orders = broker.topic("orders")
        orders.declare()
        orders.declare_group("packing", start="earliest")
        orders.publish_many(["a", "b", "c"])
        crew = orders.crew("packing")
        lost = crew.receive("anna", 2, lease_ms=UNTIL_SETTLED)
        broker.pass_time(60_000)
        assert crew.leased().consumers == (("anna", 2),)
        assert [one.idle_ms for one in crew.leases()] == [60_000, 60_000]
        taken = crew.claim_idle("ben", 30_000, lease_ms=UNTIL_SETTLED)
        assert [one.body for one in taken.messages] == [b"a", b"b"]
        with pytest.raises(errors.LeaseLost):
            broker.ack(lost)
        broker.ack(taken.messages[0])
        (back,) = crew.claim("anna", [1], lease_ms=UNTIL_SETTLED).messages
        assert back.delivery_count == 3
        assert [(one.consumer, one.leased) for one in crew.consumers()] == [("anna", 1), ("ben", 0)]
        assert crew.delete_consumer("anna") == 1
        assert [one.body for one in crew.receive("ben", 9)] == [b"b", b"c"]
        assert not crew.declare_consumer("ben")
        orders.reset_offsets("packing", mode="lease", keep_leases=True)
        assert [one.body for one in crew.receive("cleo", 9)] == [b"a"]


def test_a_consumer_has_its_own_leases_again_after_a_restart(tmp_path: Path) -> None:
    with Broker.open(tmp_path) as broker:
        orders = broker.topic("orders")
        orders.declare()
        orders.declare_group("packing", start="earliest")
        orders.publish("a")
        orders.crew("packing").receive("anna", lease_ms=UNTIL_SETTLED)
    with Broker.open(tmp_path) as broker:
        crew = broker.topic("orders").crew("packing")
        assert crew.receive("ben", 9) == []
        again = crew.claim_idle("anna", 0, of="anna", lease_ms=UNTIL_SETTLED)
        assert [one.body for one in again.messages] == [b"a"]
        broker.ack(again.messages)
        assert crew.leases() == []


def test_the_same_for_asyncio() -> None:
    async def story() -> None:
        async with await AsyncBroker.open(None) as broker:
            orders = broker.topic("orders")
            await orders.declare()
            await orders.declare_group("packing", start="earliest")
            await orders.publish("a")
            crew = orders.crew("packing")
            assert len(await crew.receive("anna")) == 1
            taken = await crew.claim("ben", [0])
            assert [one.body for one in taken.messages] == [b"a"]
            assert (await crew.leased()).count == 1
            await broker.ack(taken.messages)
            assert await crew.leases(consumer="ben") == []

    asyncio.run(story())
