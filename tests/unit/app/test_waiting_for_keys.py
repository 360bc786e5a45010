"""Messages that wait for an idempotency key, and what may become of them meanwhile."""

import asyncio

import pytest

from postroad.limits import IDEMPOTENCY_WAITING_MAX
from tests.unit.app.shop import NO_WAIT, Shop, left, on_a_loop, turns


def test_a_worker_whose_waiting_messages_all_lost_their_leases_leases_again() -> None:
    async def story(shop: Shop) -> None:
        runs: list[int] = []
        keys = shop.broker.kv("idempotency")

        @shop.app.worker("payments", idempotency_key="number", lease_s=30)
        async def pay(number: int) -> None:
            runs.append(number)

        await pay.adelay_many([1] * IDEMPOTENCY_WAITING_MAX)
        await keys.set("payments:1", b"claimed elsewhere")
        async with shop.at_work() as running:
            (shift,) = running.shifts
            while len(shift.hands.parked) < IDEMPOTENCY_WAITING_MAX:
                await turns()
            shop.clock.advance(31_000)
            await keys.delete("payments:1")
            shift.tick()
            while await left(shop, "payments") != (0, 0):
                await turns()
        assert runs == [1]
        assert shift.counts.lost == IDEMPOTENCY_WAITING_MAX

    on_a_loop(story)


async def without_its_queue(shop: Shop, began: asyncio.Event, go_on: asyncio.Event) -> None:
    async with shop.at_work() as running:
        await began.wait()
        await shop.broker.delete("payments")
        go_on.set()
        while not running.shifts[0].counts.lost:
            await turns()


@pytest.mark.parametrize("fails", [False, True])
def test_what_goes_beside_an_ack_is_done_though_the_queue_is_gone(fails: bool) -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()
        keys = shop.broker.kv("idempotency")

        @shop.app.worker("payments", idempotency_key="number")
        async def pay(number: int) -> None:
            began.set()
            await go_on.wait()
            if fails:
                raise ValueError

        await pay.adelay(1)
        await without_its_queue(shop, began, go_on)
        assert await keys.get("payments:1") == (None if fails else b"done null")

    on_a_loop(story)


def test_failures_whose_queue_is_gone_are_told_as_lost() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()

        @shop.app.worker("payments", retry=NO_WAIT)
        async def pay(number: int) -> None:
            began.set()
            await go_on.wait()
            raise ValueError

        await pay.adelay(1)
        await without_its_queue(shop, began, go_on)

    on_a_loop(story)
