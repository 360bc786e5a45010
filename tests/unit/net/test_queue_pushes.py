"""Queues on their way to a web address: posted, acked by 2xx, retried, given up, given back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from postroad.api.aio import AsyncBroker
from postroad.api.options import QueueOptions
from postroad.errors import QueueNotFound
from postroad.model.message import Delivery
from postroad.model.policy import RetryPolicy
from postroad.net import queue_pushes
from postroad.net.poster import Poster
from postroad.net.queue_pushes import QueuePusher
from tests.unit.net.hooks import Hook, hooked

WITHIN_S = 20.0
AT_ONCE = RetryPolicy("fixed", 1)


class Story:
    """A broker in memory, its pusher, and an endpoint."""

    def __init__(self, broker: AsyncBroker, hook: Hook, pusher: QueuePusher) -> None:
        self.broker = broker
        self.hook = hook
        self.pusher = pusher

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Look until it is so; the loop turns meanwhile."""

        async def look() -> None:
            while not await condition():
                await self.broker.describe("dead")

        await asyncio.wait_for(look(), WITHIN_S)

    async def held(self, queue: str = "orders") -> int:
        found = await self.broker.describe(queue)
        return found.ready + found.delayed + found.leased + found.dead

    async def until_held(self, count: int, queue: str = "orders") -> None:
        async def is_so() -> bool:
            return await self.held(queue) == count

        await self.until(is_so)

    async def until_posted(self, count: int) -> None:
        async def is_so() -> bool:
            return len(self.hook.posts) >= count

        await self.until(is_so)

    async def until_feeds(self, count: int) -> None:
        async def is_so() -> bool:
            return self.pusher.figures()["queue_pushes"] == count

        await self.until(is_so)


def run(story: Callable[[Story], Awaitable[None]], **settings: object) -> Hook:
    async def body(hook: Hook) -> None:
        async with AsyncBroker.open(None) as broker:
            await broker.declare("dead")
            wanted = {"retry": AT_ONCE, "deliveries_max": 3, "dead_letter_queue": "dead"}
            await broker.declare("orders", **cast("QueueOptions", {**wanted, **settings}))
            pusher = QueuePusher(broker.driver, Poster(), lambda: 1_000, "5173", look_ms=1)
            pusher.start()
            await story(Story(broker, hook, pusher))
            await pusher.close(5_000)

    with hooked() as hook:
        asyncio.run(body(hook))
    return hook


def test_a_message_is_posted_once_and_is_gone_when_it_was_taken() -> None:
    async def story(it: Story) -> None:
        await it.broker.push("orders", it.hook.url)
        await it.broker.publish("orders", b"one", headers={"content-type": "text/plain", "a": "b"})
        await it.until_held(0)

    ((headers, body),) = run(story).posts
    assert body == b"one"
    assert headers["Content-Type"] == "text/plain"
    assert headers["Postroad-Header-a"] == "b"
    assert headers["webhook-timestamp"] == "1"


def test_what_is_not_taken_is_posted_again_under_its_id_and_then_is_a_dead_letter() -> None:
    async def story(it: Story) -> None:
        it.hook.answer = lambda _: 500
        await it.broker.push("orders", it.hook.url)
        await it.broker.publish("orders", b"one")
        await it.until_held(1, "dead")
        (dead,) = await it.broker.receive("dead")
        assert dead.failure == f"POST to {it.hook.url} was answered 500"

    hook = run(story)
    counts = [headers["Postroad-Delivery-Count"] for headers, _ in hook.posts]
    assert counts == ["1", "2", "3"]
    assert len({headers["webhook-id"] for headers, _ in hook.posts}) == 1


def test_410_and_a_redirect_are_failures_like_others() -> None:
    async def story(it: Story) -> None:
        it.hook.location = it.hook.url + "/elsewhere"
        it.hook.answer = lambda count: {1: 410, 2: 302}.get(count, 200)
        await it.broker.push("orders", it.hook.url)
        await it.broker.publish("orders", b"one")
        await it.until_held(0)

    assert len(run(story).posts) == 3


def test_a_silent_endpoint_is_given_up_after_its_timeout() -> None:
    async def story(it: Story) -> None:
        it.hook.go_on.clear()
        await it.broker.push("orders", it.hook.url, timeout_s=0.05)
        await it.broker.publish("orders", b"one")
        await it.until_held(1, "dead")
        (dead,) = await it.broker.receive("dead")
        assert dead.failure.endswith("was not answered: it took longer than 0.05 s")

    assert len(run(story).posts) == 3


def test_a_slow_request_keeps_its_lease_however_short_those_of_the_queue_are() -> None:
    async def story(it: Story) -> None:
        it.hook.go_on.clear()
        await it.broker.push("orders", it.hook.url)
        await it.broker.publish("orders", b"slow")
        await it.until_posted(1)
        loop = asyncio.get_running_loop()
        begun = loop.time()

        async def for_longer() -> bool:
            return loop.time() - begun > 0.2

        await it.until(for_longer)
        it.hook.go_on.set()
        await it.until_held(0)

    assert len(run(story, lease_ms=20).posts) == 1


def test_so_many_requests_are_under_way_at_once_at_most() -> None:
    async def story(it: Story) -> None:
        it.hook.go_on.clear()
        await it.broker.publish_many("orders", [b"%d" % one for one in range(12)])
        await it.broker.push("orders", it.hook.url, concurrency=4)
        await it.until_posted(4)
        it.hook.go_on.set()
        await it.until_held(0)

    hook = run(story)
    assert hook.most_at_once == 4
    assert len(set(hook.bodies)) == 12


def test_an_endpoint_that_breaks_gets_one_request_at_a_time_until_it_works() -> None:
    async def story(it: Story) -> None:
        it.hook.answer = lambda count: 500 if count <= 8 else 200
        await it.broker.push("orders", it.hook.url, concurrency=4)
        await it.broker.publish_many("orders", [b"%d" % one for one in range(8)])
        await it.until_posted(4)
        it.hook.most_at_once = 0
        await it.until_posted(8)
        assert it.hook.most_at_once == 1
        await it.until_held(0)
        it.hook.go_on.clear()
        it.hook.most_at_once = 0
        await it.broker.publish_many("orders", [b"%d" % one for one in range(12)])
        posted = len(it.hook.posts)
        await it.until_posted(posted + 4)
        it.hook.go_on.set()
        await it.until_held(0)
        assert it.hook.most_at_once == 4

    run(story, deliveries_max=None)


def test_requests_keep_to_their_rate() -> None:
    async def story(it: Story) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await it.broker.publish_many("orders", [b"%d" % one for one in range(11)])
        await it.broker.push("orders", it.hook.url, per_second=50)
        await it.until_held(0)
        assert loop.time() - begun >= 10 / 50

    run(story)


def test_an_endpoint_that_asks_for_time_gets_no_other_message_meanwhile() -> None:
    async def story(it: Story) -> None:
        it.hook.answer = lambda count: 429 if count == 1 else 200
        it.hook.retry_after = "1"
        await it.broker.push("orders", it.hook.url, concurrency=1)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await it.broker.publish_many("orders", [b"one", b"two"])
        await it.until_posted(2)
        assert loop.time() - begun >= 1
        await it.until_held(0)

    run(story)


def test_messages_of_one_key_arrive_in_order_though_one_fails() -> None:
    async def story(it: Story) -> None:
        it.hook.answer = lambda count: 500 if count in {1, 4} else 200
        for number in range(6):
            for key in "ab":
                await it.broker.publish("orders", f"{key}{number}", key=key)
        await it.broker.push("orders", it.hook.url)
        await it.until_held(0)

    hook = run(story, kind="fifo", deliveries_max=None)
    for key in b"ab":
        bodies = [body for body in hook.bodies if body[0] == key]
        assert list(dict.fromkeys(bodies)) == sorted(set(bodies))
        assert bodies == sorted(bodies)
    assert len(hook.bodies) == 14


def test_a_push_that_is_stopped_leaves_what_waits_in_the_queue() -> None:
    async def story(it: Story) -> None:
        it.hook.go_on.clear()
        await it.broker.push("orders", it.hook.url, concurrency=1)
        await it.broker.publish_many("orders", [b"one", b"two"])
        await it.until_posted(1)
        assert await it.broker.stop_push("orders")
        # Once this one is seen, so is the end of the other.
        await it.broker.push("dead", it.hook.url)
        await it.until_feeds(2)
        it.hook.go_on.set()
        await it.until_feeds(1)
        assert [one.body for one in await it.broker.receive("orders", 5)] == [b"two"]
        assert not await it.broker.stop_push("orders")

    assert run(story).bodies == [b"one"]


def test_what_waits_for_its_turn_at_a_stop_is_given_back_uncounted() -> None:
    async def story(it: Story) -> None:
        await it.broker.push("orders", it.hook.url, per_second=1)
        await it.broker.publish_many("orders", [b"one", b"two", b"three"])
        await it.until_posted(1)
        await it.until_held(2)
        await it.broker.stop_push("orders")
        await it.until_feeds(0)
        left = await it.broker.receive("orders", 5)
        assert [(one.body, one.delivery_count) for one in left] == [(b"two", 1), (b"three", 1)]

    run(story)


def test_a_change_counts_for_the_next_message() -> None:
    async def story(it: Story) -> None:
        await it.broker.push("orders", it.hook.url)
        await it.broker.publish("orders", b"first")
        await it.until_held(0)
        await it.broker.push("orders", it.hook.url, secret="whsec_" + "A" * 32, concurrency=2)

        async def is_signed() -> bool:
            await it.broker.publish("orders", b"next")
            await it.until_held(0)
            return "webhook-signature" in it.hook.posts[-1][0]

        await it.until(is_signed)

    assert "webhook-signature" not in run(story).posts[0][0]


def test_a_queue_that_is_gone_is_pushed_again_once_it_is_there() -> None:
    async def story(it: Story) -> None:
        await it.broker.push("orders", it.hook.url)
        await it.until_feeds(1)
        await it.broker.delete("orders")
        await it.until_feeds(0)
        await it.broker.declare("orders")
        await it.broker.publish("orders", b"again")
        await it.until_held(0)

    assert run(story).bodies == [b"again"]


def test_a_queue_that_goes_while_its_message_is_posted_takes_nobody_along() -> None:
    async def story(it: Story) -> None:
        it.hook.go_on.clear()
        await it.broker.declare("other")
        await it.broker.push("orders", it.hook.url)
        await it.broker.push("other", it.hook.url)
        await it.broker.publish("orders", b"one")
        await it.until_posted(1)
        await it.broker.delete("orders")
        it.hook.go_on.set()
        await it.broker.publish("other", b"two")
        await it.until_held(0, "other")

    assert run(story).bodies == [b"one", b"two"]


def test_what_is_no_push_is_left_alone_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def story(it: Story) -> None:
        kv = it.broker.kv("push")
        await kv.set("bad", b'{"url": "ftp://example.org"}')
        await kv.set("worse", b"\xff")
        await kv.map_set("worst", {"a": "b"})
        await it.broker.push("orders", it.hook.url)
        await it.broker.publish("orders", b"one")
        await it.until_held(0)
        await it.until_feeds(1)
        shown = {one.queue: one.wrong for one in await it.broker.pushes()}
        assert "http://" in shown["bad"]
        assert shown["orders"] == ""

    with caplog.at_level(logging.WARNING):
        run(story)
    told = [one for one in caplog.messages if "`bad` is not pushed" in one]
    assert len(told) == 1


def test_a_push_is_set_listed_and_stopped() -> None:
    async def story(it: Story) -> None:
        url = "https://example.org/hook"
        await it.broker.push("orders", url, per_second=50, secret="whsec_" + "A" * 32)
        await it.broker.push("dead", url)
        first, second = await it.broker.pushes()
        assert (first.queue, first.signed) == ("dead", False)
        assert (second.queue, second.url, second.signed) == ("orders", url, True)
        assert (second.concurrency, second.per_second, second.timeout_s) == (10, 50, 30.0)
        assert "AAAA" not in repr(second)
        with pytest.raises(QueueNotFound):
            await it.broker.push("nowhere", url)

    run(story)


def test_endpoints_that_do_not_answer_keep_nobody_else_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_pushes, "WEBHOOKS_MAX", 1)
    monkeypatch.setattr(queue_pushes, "WEBHOOKS_DOUBTED_MAX", 1)

    async def story(it: Story) -> None:
        with hooked() as silent:
            silent.answer = lambda _: 500
            await it.broker.declare("slow", retry=AT_ONCE)
            await it.broker.push("slow", silent.url)
            await it.broker.publish("slow", b"slow")

            async def has_failed() -> bool:
                return it.pusher.figures()["queue_pushes_failed_total"] > 0

            await it.until(has_failed)
            silent.go_on.clear()

            async def is_waiting() -> bool:
                return silent.under_way > 0

            await it.until(is_waiting)
            await it.broker.push("orders", it.hook.url)
            await it.broker.publish("orders", b"one")
            await it.until_held(0)
            assert silent.under_way == 1

    assert run(story).bodies == [b"one"]


def test_what_is_under_way_at_the_end_is_given_back() -> None:
    async def story(hook: Hook) -> list[Delivery]:
        async with AsyncBroker.open(None) as broker:
            await broker.declare("orders")
            await broker.declare("dead")
            pusher = QueuePusher(broker.driver, Poster(), lambda: 0, "5173", look_ms=1)
            it = Story(broker, hook, pusher)
            hook.go_on.clear()
            pusher.start()
            await broker.push("orders", hook.url)
            await broker.publish("orders", b"one")
            await it.until_posted(1)
            await pusher.close(0)
            return await broker.receive("orders")

    with hooked() as hook:
        assert [one.body for one in asyncio.run(story(hook))] == [b"one"]
