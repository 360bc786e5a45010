"""What goes with the end of a message: with its ack or not at all, or beside it."""

import asyncio
from typing import Any

import pytest

from postroad.api.operations import Operations
from postroad.app.app import App
from postroad.app.company import NOBODY, Company
from postroad.app.context import Context
from postroad.app.outcomes import Reject
from postroad.app.retry import Retry
from postroad.errors import BadCommand, QueueNotFound
from postroad.limits import BATCH_COMMANDS_MAX, COMPANY_OPERATIONS_MAX
from postroad.model.message import Delivery
from tests.unit.app.shop import NO_WAIT, Shop, left, on_a_loop, turns

LATER = Operations()


class Friend:
    """A companion whose company a test sets."""

    def __init__(self) -> None:
        self.with_ack: Any = None
        self.asked = 0
        self.again = False
        self.failures: list[bool] = []

    def wants(self, message: Delivery) -> bool:
        return b"friend" in message.head

    async def succeeded(self, *_: Any) -> Company:
        self.asked += 1
        return Company(with_ack=[self.with_ack()], again=self.again)

    def failed(self, *failed: Any) -> Company:
        self.failures.append(failed[-1])
        return NOBODY


async def done(shop: Shop, queue: str) -> None:
    while await left(shop, queue) != (0, 0):
        await turns()


def test_what_a_task_wants_done_is_done_with_its_ack() -> None:
    async def story(shop: Shop) -> None:
        await shop.broker.declare("packing")

        @shop.app.worker("orders")
        async def order(context: Context, number: int) -> None:
            later = context.later
            context.also(later.publish("packing", str(number)))
            context.also(later.space("orders").set(str(number), "placed"))

        await order.adelay_many([1, 2, 3])
        async with shop.at_work():
            await done(shop, "orders")
        bodies = [one.body for one in await shop.broker.receive("packing", 10)]
        assert sorted(bodies) == [b"1", b"2", b"3"]
        assert await shop.broker.kv("orders").get("2") == b"placed"

    on_a_loop(story)


def test_a_plain_function_has_company_too() -> None:
    async def story(shop: Shop) -> None:
        await shop.broker.declare("packing")

        @shop.app.worker("orders")
        def order(context: Context, number: int) -> None:
            context.also(context.later.publish("packing", str(number)))

        await order.adelay(1)
        async with shop.at_work():
            await done(shop, "orders")
        assert await left(shop, "packing") == (1, 0)

    on_a_loop(story)


def test_a_run_whose_company_is_refused_has_failed_and_says_why() -> None:
    async def story(shop: Shop) -> None:
        runs: list[int] = []

        @shop.app.worker("orders", retry=NO_WAIT)
        async def order(context: Context, number: int) -> None:
            runs.append(number)
            context.also(context.later.space("orders").set("seen", "yes"))
            context.also(context.later.publish("nowhere", b""))

        await order.adelay(1)
        async with shop.at_work() as running:
            (letter,) = await shop.dead("orders")
        assert runs == [1, 1, 1]
        assert "nowhere" in letter.failure
        assert await shop.broker.kv("orders").get("seen") is None
        assert (running.shifts[0].counts.succeeded, running.shifts[0].counts.failed) == (0, 3)

    on_a_loop(story)


def test_nothing_goes_with_a_run_that_failed() -> None:
    async def story(shop: Shop) -> None:
        await shop.broker.declare("packing")

        @shop.app.worker("orders")
        async def order(context: Context, number: int) -> None:
            context.also(context.later.publish("packing", b""))
            raise Reject("no")

        await order.adelay(1)
        async with shop.at_work():
            await shop.dead("orders")
        assert await left(shop, "packing") == (0, 0)

    on_a_loop(story)


def test_nothing_is_done_with_an_ack_whose_message_another_has_acked() -> None:
    async def story(shop: Shop) -> None:
        began, go_on = asyncio.Event(), asyncio.Event()
        await shop.broker.declare("packing")

        @shop.app.worker("orders", lease_s=30)
        async def order(context: Context, number: int) -> None:
            context.also(context.later.publish("packing", str(number)))
            began.set()
            await go_on.wait()

        await order.adelay(1)
        async with shop.at_work() as running:
            await began.wait()
            shop.clock.advance(31_000)
            (other,) = await shop.broker.receive("orders", 1, wait_ms=1_000)
            await shop.broker.ack(other)
            go_on.set()
            while not running.shifts[0].counts.lost:
                await turns()
        assert await left(shop, "packing") == (0, 0)

    on_a_loop(story)


def test_what_cannot_go_with_an_ack_is_refused_where_it_is_said() -> None:
    async def story(shop: Shop) -> None:
        told: list[Exception] = []

        @shop.app.worker("orders")
        async def order(context: Context, number: int) -> None:
            once = context.later.publish("orders", b"")
            context.asked.clear()
            context.also(once)
            many = [context.later.publish("orders", b"") for _ in range(COMPANY_OPERATIONS_MAX)]
            wrong: list[Any] = [[once], ["publish"], [context.later.ack([])], many]
            for operations in wrong:
                try:
                    context.also(*operations)
                except (BadCommand, TypeError) as error:
                    told.append(error)
            context.asked.clear()

        await order.adelay(1)
        async with shop.at_work():
            await done(shop, "orders")
        assert [type(one) for one in told] == [BadCommand, TypeError, BadCommand, BadCommand]
        assert "make another" in str(told[0])

    on_a_loop(story)


def test_a_companion_whose_condition_does_not_hold_is_asked_once_more() -> None:
    async def story(shop: Shop) -> None:
        friend = Friend()
        friend.again = True
        space = LATER.space("joins")

        def company() -> Any:
            return space.compare_and_set(
                "one",
                "done",
                version=0 if friend.asked < 3 else None,
                equals=None if friend.asked < 3 else "before",
            )

        friend.with_ack = company
        shop.app.companions.append(friend)
        await shop.broker.kv("joins").set("one", "before")

        @shop.app.worker("steps")
        async def step(number: int) -> None:
            pass

        await step.adelay(1, headers={"friend": 1})
        async with shop.at_work() as running:
            await done(shop, "steps")
        assert friend.asked == 3
        assert await shop.broker.kv("joins").get("one") == b"done"
        assert running.shifts[0].counts.failed == 0

    on_a_loop(story)


def test_a_companion_that_raises_fails_the_run_and_hears_of_it() -> None:
    async def story(shop: Shop) -> None:
        friend = Friend()
        friend.with_ack = dict
        shop.app.companions.append(friend)

        @shop.app.worker("steps", retry=Retry(attempts=2, backoff="none"))
        async def step(number: int) -> None:
            pass

        await step.adelay(1, headers={"friend": 1})
        async with shop.at_work():
            (letter,) = await shop.dead("steps")
        assert "TypeError" in letter.failure
        assert friend.failures == [False, True]

    on_a_loop(story)


def test_what_is_refused_beside_an_ack_is_counted_and_holds_up_nothing() -> None:
    async def story(shop: Shop) -> None:
        class Beside(Friend):
            async def succeeded(self, *_: Any) -> Company:
                space = LATER.space("s")
                return Company(beside=[space.increment("text"), space.set("fine", "yes")])

        shop.app.companions.append(Beside())
        await shop.broker.kv("s").set("text", "no number")

        @shop.app.worker("steps")
        async def step(number: int) -> None:
            pass

        await step.adelay(1, headers={"friend": 1})
        async with shop.at_work() as running:
            await done(shop, "steps")
        assert running.shifts[0].counts.left_out == 1
        assert await shop.broker.kv("s").get("fine") == b"yes"

    on_a_loop(story)


def test_more_company_than_a_batch_takes_goes_in_several() -> None:
    async def story(shop: Shop) -> None:
        class Many(Friend):
            async def succeeded(self, *_: Any) -> Company:
                space = LATER.space("s")
                return Company(
                    beside=[space.increment("count") for _ in range(COMPANY_OPERATIONS_MAX)]
                )

        shop.app.companions.append(Many())

        @shop.app.worker("steps", concurrency=20, prefetch=20)
        async def step(number: int) -> None:
            pass

        await step.adelay_many(range(12), headers={"friend": 1})
        async with shop.at_work() as running:
            await done(shop, "steps")
        assert running.shifts[0].counts.left_out == 0
        count = await shop.broker.kv("s").increment("count", 0)
        assert count == 12 * COMPANY_OPERATIONS_MAX > BATCH_COMMANDS_MAX

    on_a_loop(story)


def test_a_test_of_an_app_sees_what_goes_with_acks() -> None:
    app = App()

    @app.worker("orders")
    def order(context: Context, number: int) -> None:
        context.also(context.later.publish("packing" if number else "nowhere", str(number)))

    with app.test() as tested:
        tested.broker.declare("packing")
        order.delay(7)
        assert tested.broker.receive("packing")[0].body == b"7"
        with pytest.raises(QueueNotFound):
            order.delay(0)
        assert tested.broker.describe("orders").delayed == 1
