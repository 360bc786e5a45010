"""Jobs with an idempotency key: one of those that are the same is done."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from postroad.app.app import App
from postroad.app.context import Context
from postroad.app.outcomes import Reject
from postroad.app.retry import Retry
from postroad.errors import BadWorker, JobFailed
from tests.unit.app.shop import NO_WAIT, Shop, left, on_a_loop, turns


@dataclass
class Order:
    id: str
    cents: int


async def done(shop: Shop, queue: str) -> None:
    while await left(shop, queue) != (0, 0):
        await turns()


def test_of_jobs_that_are_the_same_one_runs() -> None:
    async def story(shop: Shop) -> None:
        runs: list[str] = []

        @shop.app.worker("payments", idempotency_key="order.id")
        async def pay(order: Order) -> None:
            runs.append(order.id)

        await pay.adelay_many([Order(name, 100) for name in ("a", "b", "a", "c", "b", "a")])
        async with shop.at_work() as running:
            await done(shop, "payments")
            await pay.adelay(Order("c", 200))
            await done(shop, "payments")
        assert sorted(runs) == ["a", "b", "c"]
        assert running.shifts[0].counts.duplicates == 4
        assert running.shifts[0].counts.succeeded == 3

    on_a_loop(story)


def test_a_key_may_be_a_parameter_or_come_of_a_function_and_is_of_one_queue() -> None:
    async def story(shop: Shop) -> None:
        runs: list[tuple[str, int]] = []

        @shop.app.worker("a", idempotency_key="number")
        async def one(number: int, name: str) -> None:
            runs.append((name, number))

        @shop.app.worker("b", idempotency_key=lambda number, _: number // 10)
        async def tens(number: int, name: str) -> None:
            runs.append((name, number))

        for worker in (one, tens):
            await worker.adelay_many([(7, worker.queue), (7, worker.queue), (8, worker.queue)])
        async with shop.at_work():
            await done(shop, "a")
            await done(shop, "b")
        assert sorted(runs) == [("a", 7), ("a", 8), ("b", 7)]

    on_a_loop(story)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("order.cents.x", "nothing at `x`"),
        ("order.none", "is None"),
        ("order.yes", "is True"),
        ("order.long", "1,000 characters"),
        (lambda order: order["id"] / 0, "ZeroDivisionError"),
    ],
)
def test_a_job_whose_key_is_none_is_a_dead_letter_and_stops_nobody(key: Any, reason: str) -> None:
    async def story(shop: Shop) -> None:
        runs: list[Any] = []

        @shop.app.worker("payments", idempotency_key=key, retry=Retry(attempts=1))
        async def pay(order: dict[str, Any]) -> None:
            runs.append(order)

        await pay.adelay({"id": 1, "cents": 5, "none": None, "yes": True, "long": "x" * 1_000})
        async with shop.at_work():
            (letter,) = await shop.dead("payments")
        assert reason in letter.failure
        assert runs == []

    on_a_loop(story)


def test_a_body_that_does_not_decode_has_no_key_and_is_a_dead_letter() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.worker("payments", idempotency_key="order.id")
        async def pay(order: Order) -> None:
            raise AssertionError

        await pay.adelay(Order("a", 1))
        await shop.broker.purge("payments")
        await shop.broker.publish("payments", b"no json")
        async with shop.at_work():
            (letter,) = await shop.dead("payments")
        assert letter.failure.startswith("bad body")

    on_a_loop(story)


def test_a_key_that_is_no_parameter_is_told_when_the_worker_starts() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.worker("payments", idempotency_key="id")
        async def pay(order: Order) -> None:
            pass

        with pytest.raises(BadWorker, match="`id` is none"):
            async with shop.at_work():
                pass

    on_a_loop(story)
    with pytest.raises(BadWorker, match="idempotency_ttl_s"):
        App().worker("q", idempotency_key="n", idempotency_ttl_s=0)(print)


def test_a_duplicate_waits_while_the_first_runs_and_is_then_acked() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()
        runs: list[str] = []

        @shop.app.worker("payments", idempotency_key="order.id", concurrency=4)
        async def pay(order: Order) -> None:
            runs.append(order.id)
            if order.id == "a":
                began.set()
                await go_on.wait()

        await pay.adelay_many([Order("a", 1), Order("a", 1), Order("b", 1)])
        async with shop.at_work() as running:
            await began.wait()
            while await left(shop, "payments") != (0, 2):
                await turns()
            assert len(running.shifts[0].hands.parked) == 1
            go_on.set()
            await done(shop, "payments")
        assert runs == ["a", "b"]
        assert running.shifts[0].counts.duplicates == 1

    on_a_loop(story)


def test_a_duplicate_runs_where_the_first_failed_for_good() -> None:
    async def story(shop: Shop) -> None:
        runs: list[int] = []

        @shop.app.worker("payments", idempotency_key="order.id", retry=NO_WAIT)
        async def pay(context: Context, order: Order) -> None:
            runs.append(order.cents)
            if order.cents == 1:
                raise Reject("no")

        await pay.adelay_many([Order("a", 1), Order("a", 2)])
        async with shop.at_work():
            await done(shop, "payments")
        assert runs == [1, 2]

    on_a_loop(story)


def test_a_job_that_failed_is_tried_again_under_its_key() -> None:
    async def story(shop: Shop) -> None:
        attempts: list[int] = []

        @shop.app.worker("payments", idempotency_key="order.id", retry=NO_WAIT)
        async def pay(context: Context, order: Order) -> None:
            attempts.append(context.attempt)
            if context.attempt < 3:
                raise OSError

        await pay.adelay(Order("a", 1))
        async with shop.at_work():
            await done(shop, "payments")
        assert attempts == [1, 2, 3]

    on_a_loop(story)


def test_a_claim_is_held_by_the_heartbeat_and_lapses_without_it() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()
        space = shop.broker.kv("idempotency")

        @shop.app.worker("payments", idempotency_key="order.id", lease_s=30)
        async def pay(order: Order) -> None:
            began.set()
            await go_on.wait()

        await pay.adelay(Order("a", 1))
        async with shop.at_work() as running:
            await began.wait()
            for _ in range(10):
                shop.clock.advance(10_000)
                running.shifts[0].tick()
                await turns()
            assert await space.ttl("payments:a") == 30_000
            shop.clock.advance(30_000)
            assert await space.get("payments:a") is None
            go_on.set()
            await done(shop, "payments")
        assert await space.ttl("payments:a") == 86_400_000

    on_a_loop(story)


def test_a_done_key_is_forgotten_after_its_time() -> None:
    async def story(shop: Shop) -> None:
        runs: list[int] = []

        @shop.app.worker("payments", idempotency_key="order.id", idempotency_ttl_s=60)
        async def pay(order: Order) -> None:
            runs.append(order.cents)

        async with shop.at_work():
            for cents in (1, 2, 3):
                await pay.adelay(Order("a", cents))
                await done(shop, "payments")
                shop.clock.advance(31_000)
        assert runs == [1, 3]

    on_a_loop(story)


def test_a_stop_gives_back_keys_with_the_messages() -> None:
    async def story(shop: Shop) -> None:
        began = asyncio.Event()

        @shop.app.worker("payments", idempotency_key="order.id", concurrency=1, prefetch=5)
        async def pay(order: Order) -> None:
            began.set()
            await asyncio.Event().wait()

        await pay.adelay_many([Order(name, 1) for name in ("a", "a", "b", "c")])
        async with shop.at_work(stop_s=0.01):
            await began.wait()
        assert await left(shop, "payments") == (4, 0)
        assert await shop.broker.kv("idempotency").keys() == []

    on_a_loop(story)


def test_a_duplicate_has_the_result_of_the_run_that_did_the_job() -> None:
    async def story(shop: Shop) -> None:
        duplicates: list[int] = []

        class Watch:
            def duplicate(self, context: Context) -> None:
                duplicates.append(context.message.offset)

        shop.app.use(Watch())

        @shop.app.worker("payments", idempotency_key="order.id")
        async def pay(order: Order) -> dict[str, int]:
            if order.id == "large":
                return {"x" * 5_000: 1}
            return {"paid": order.cents}

        await pay.adelay_many([Order("a", 100), Order("large", 1)])
        async with shop.at_work():
            await done(shop, "payments")
            job = await pay.adelay(Order("a", 7), result=True)
            assert await job.aresult(timeout_s=10) == {"paid": 100}
            job = await pay.adelay(Order("large", 7), result=True)
            with pytest.raises(JobFailed, match="not kept"):
                await job.aresult(timeout_s=10)
        assert duplicates == [2, 3]

    on_a_loop(story)


def test_a_done_job_that_another_worker_has_leased_meanwhile_does_not_run_again() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()
        runs: list[int] = []

        @shop.app.worker("payments", idempotency_key="order.id", lease_s=30)
        async def pay(order: Order) -> None:
            runs.append(order.cents)
            began.set()
            await go_on.wait()

        await pay.adelay(Order("a", 1))
        async with shop.at_work() as running:
            await began.wait()
            shop.clock.advance(31_000)
            (other,) = await shop.broker.receive("payments", 1, wait_ms=1_000)
            go_on.set()
            while not running.shifts[0].counts.lost:
                await turns()
            await shop.broker.release(other)
            await done(shop, "payments")
        assert runs == [1]
        assert running.shifts[0].counts.duplicates == 1

    on_a_loop(story)


def test_what_was_asked_to_go_with_the_ack_is_done_once_for_a_key() -> None:
    async def story(shop: Shop) -> None:
        await shop.broker.declare("receipts")

        @shop.app.worker("payments", idempotency_key="order.id", retry=NO_WAIT)
        async def pay(context: Context, order: Order) -> None:
            queue = "receipts" if order.cents else "nowhere"
            context.also(context.later.publish(queue, order.id))

        await pay.adelay_many([Order("b", 0), Order("b", 1), Order("a", 1), Order("a", 2)])
        async with shop.at_work():
            await shop.dead("payments")
            await done(shop, "payments")
        assert await left(shop, "receipts") == (2, 0)

    on_a_loop(story)


def test_order_is_kept_where_one_has_to_wait_for_its_key() -> None:
    async def story(shop: Shop) -> None:
        runs: list[int] = []
        space = shop.broker.kv("idempotency")
        await space.set("payments:a", "claimed by another", ttl_ms=5_000)

        @shop.app.worker("payments", idempotency_key="order.id", settings={"kind": "fifo"})
        async def pay(order: Order) -> None:
            runs.append(order.cents)

        orders = [Order("x", 1), Order("a", 2), Order("y", 3)]
        for order in orders:
            await pay.adelay(order, key="ada")
        await pay.adelay(Order("z", 4), key="bob")
        async with shop.at_work() as running:
            while await left(shop, "payments") != (0, 2):
                await turns()
            assert sorted(runs) == [1, 4]
            await space.delete("payments:a")
            running.shifts[0]._gate.over(b"payments:a")  # type: ignore[union-attr]
            await done(shop, "payments")
        assert [one for one in runs if one != 4] == [1, 2, 3]

    on_a_loop(story)


def test_a_fence_grows_from_run_to_run_of_a_key() -> None:
    async def story(shop: Shop) -> None:
        fences: list[int] = []

        @shop.app.worker("payments", idempotency_key="order.id", retry=NO_WAIT)
        async def pay(context: Context, order: Order) -> None:
            fences.append(context.fence)
            if len(fences) < 3:
                raise OSError

        await pay.adelay(Order("a", 1))
        async with shop.at_work():
            await done(shop, "payments")
        assert fences == sorted(set(fences))
        assert len(fences) == 3

    on_a_loop(story)


def test_a_test_of_an_app_runs_one_of_those_that_are_the_same() -> None:
    app = App()
    runs: list[int] = []

    @app.worker("payments", idempotency_key="order.id", retry=Retry(attempts=2, backoff="none"))
    def pay(context: Context, order: Order) -> int:
        runs.append(order.cents)
        if order.cents < 0:
            raise OSError("closed")
        return order.cents

    with app.test(inline=False) as tested:
        job = pay.delay(Order("a", 1), result=True)
        again = pay.delay(Order("a", 2), result=True)
        tested.drain()
        assert (job.result(), again.result()) == (1, 1)
        pay.delay(Order("b", -1))
        for _ in range(2):
            with pytest.raises(OSError, match="closed"):
                tested.drain()
        pay.delay(Order("b", 5))
        tested.drain()
    assert runs == [1, -1, -1, 5]
