"""Requests of all pushes share places: what waited for one is looked at again before it is sent."""

from collections.abc import Awaitable, Callable

import pytest

from postroad.net import queue_pushes
from tests.unit.net.test_queue_pushes import Story, run

Change = Callable[[Story], Awaitable[object]]


async def changed_while_it_waits(it: Story, change: Change) -> None:
    """`orders` has the only place; a message of `others` waits for it when its push changes."""
    it.hook.go_on.clear()
    await it.broker.push("orders", it.hook.url)
    await it.broker.publish("orders", b"one")
    await it.until_posted(1)
    await it.broker.declare("others")
    await it.broker.push("others", it.hook.url)
    await it.broker.publish("others", b"two")

    async def is_waiting() -> bool:
        return (await it.broker.describe("others")).leased == 1

    await it.until(is_waiting)
    await change(it)
    # Once this one is seen, so is the change.
    await it.broker.push("dead", it.hook.url)
    await it.until_feeds(3)
    it.hook.go_on.set()


def test_a_push_that_was_stopped_meanwhile_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_pushes, "WEBHOOKS_MAX", 1)

    async def story(it: Story) -> None:
        await changed_while_it_waits(it, lambda it: it.broker.stop_push("others"))
        await it.until_feeds(2)
        (left,) = await it.broker.receive("others")
        assert (left.body, left.delivery_count) == (b"two", 1)

    assert run(story).bodies == [b"one"]


def test_a_push_that_was_changed_meanwhile_sends_as_it_is_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_pushes, "WEBHOOKS_MAX", 1)
    secret = "whsec_" + "A" * 32

    async def story(it: Story) -> None:
        await changed_while_it_waits(
            it, lambda it: it.broker.push("others", it.hook.url, secret=secret)
        )
        await it.until_held(0, "others")

    hook = run(story)
    assert hook.bodies == [b"one", b"two"]
    assert "webhook-signature" in hook.posts[1][0]


def test_queues_that_are_not_there_keep_none_waiting_that_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_pushes, "WEBHOOKS_BEGUN_MAX", 1)
    monkeypatch.setattr(queue_pushes, "WEBHOOK_MISSING_LOOKS", 1)

    async def story(it: Story) -> None:
        gone = [f"gone{number}" for number in range(20)]
        for queue in gone:
            await it.broker.declare(queue)
            await it.broker.push(queue, it.hook.url)
        await it.until_feeds(20)
        for queue in gone:
            await it.broker.delete(queue)
        await it.until_feeds(0)
        await it.broker.push("orders", it.hook.url)
        await it.broker.publish("orders", b"one")
        await it.until_held(0)
        for queue in gone:
            # Each has its turn, too.
            await it.broker.declare(queue)
        await it.until_feeds(21)

    assert run(story).bodies == [b"one"]
