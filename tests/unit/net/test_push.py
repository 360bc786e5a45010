"""Messages of HTTP subscriptions on their way: posted, retried, given up, given back."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from postroad.engine.aio import AsyncDriver
from postroad.limits import PUSHES_PER_ENDPOINT
from postroad.model.commands import ChangeQueue, DeclareQueue, DescribeQueue, Receive
from postroad.model.envelope import OWN_ENVELOPE
from postroad.model.exchanges import PublishTo
from postroad.model.message import typed_head
from postroad.model.policy import QueueSettings
from postroad.model.replies import Described, Received, Reply
from postroad.net.poster import NO_ANSWER, Poster
from postroad.net.push import Pusher
from postroad.protocols.sns.push import PushRequest
from tests.unit.net.hooks import Hook, hooked

QUEUE = "sns.push/orders/0123456789abcdef"
DEAD = "orders-dead"
AT_ONCE = '{"healthyRetryPolicy": {"numRetries": 2, "numNoDelayRetries": 2}}'
SOON = '{"healthyRetryPolicy": {"numRetries": 1, "minDelayTarget": 1, "maxDelayTarget": 1}}'
WITHIN_S = 10.0


class Broker:
    """An engine in memory with one HTTP subscription."""

    pusher: Pusher

    def __init__(self, driver: AsyncDriver, hook: Hook) -> None:
        self.driver = driver
        self.hook = hook
        self.now_ms = 1_000

    async def subscribe(self, queue: str = QUEUE, **extras: str) -> None:
        settings = QueueSettings(dead_letter_queue=DEAD)
        await self.driver.ask(DeclareQueue(DEAD))
        given = {
            "sns.Protocol": "http",
            "sns.Endpoint": self.hook.url,
            "sns.SubscriptionArn": "arn:topic:subscription",
            "sns.DeliveryPolicy": AT_ONCE,
            **{f"sns.{name}": text for name, text in extras.items()},
        }
        await self.driver.ask(DeclareQueue(queue, settings, given))

    async def put(self, *bodies: bytes, kind: str = "", queue: str = QUEUE) -> None:
        own = {OWN_ENVELOPE: ("String", kind)} if kind else {}
        head = typed_head({**own, "a": ("String", "x")})
        await self.driver.ask(PublishTo("", (queue,), bodies, [head] * len(bodies)))

    async def held(self, queue: str = QUEUE) -> int:
        found = await self.driver.ask(DescribeQueue(queue))
        if not isinstance(found, Described):
            return -1
        return found.ready + found.delayed + found.leased + found.dead

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Look until it is so; the loop turns meanwhile."""

        async def look() -> None:
            while not await condition():
                await self.driver.ask(Receive("orders-dead", 0, wait_ms=0))

        await asyncio.wait_for(look(), WITHIN_S)

    async def until_held(self, count: int, queue: str = QUEUE) -> None:
        async def is_so() -> bool:
            return await self.held(queue) == count

        await self.until(is_so)

    async def until_posted(self, count: int) -> None:
        async def is_so() -> bool:
            return len(self.hook.posts) >= count

        await self.until(is_so)


def run(
    story: Callable[[Broker], Awaitable[None]], timeout_ms: int = 5_000, place_ms: int = 5_000
) -> Hook:
    async def body(hook: Hook) -> None:
        driver = await AsyncDriver.open(None)
        broker = Broker(driver, hook)
        poster = Poster(timeout_ms=timeout_ms)
        pusher = Pusher(driver, poster, lambda: broker.now_ms, look_ms=1, place_ms=place_ms)
        broker.pusher = pusher
        try:
            await broker.subscribe()
            pusher.start()
            await story(broker)
            await pusher.close(0)
        finally:
            await driver.close()

    with hooked() as hook:
        asyncio.run(body(hook))
    return hook


def test_a_message_is_posted_once_and_is_gone_when_it_was_taken() -> None:
    async def story(broker: Broker) -> None:
        await broker.put(b"one")
        await broker.until_posted(1)
        await broker.until_held(0)

    hook = run(story)
    ((headers, body),) = hook.posts
    assert body == b"one"
    assert headers["x-amz-sns-subscription-arn"] == "arn:topic:subscription"
    assert headers["x-amz-sns-rawdelivery"] == "true"
    assert headers["User-Agent"] == "Amazon Simple Notification Service Agent"


def test_a_message_that_was_not_taken_is_posted_again_under_its_id() -> None:
    async def story(broker: Broker) -> None:
        broker.hook.answer = lambda count: 500 if count < 3 else 200
        await broker.put(b"one")
        await broker.until_posted(3)
        await broker.until_held(0)
        assert await broker.held(DEAD) == 0

    hook = run(story)
    assert hook.bodies == [b"one"] * 3
    assert len({headers["x-amz-sns-message-id"] for headers, _ in hook.posts}) == 1


def test_what_nobody_takes_goes_to_the_dead_letters_after_its_retries() -> None:
    async def story(broker: Broker) -> None:
        broker.hook.answer = lambda _: 503
        await broker.put(b"one")
        await broker.until_held(1, DEAD)
        assert await broker.held() == 0
        found = await broker.driver.ask(Receive(DEAD, 1))
        assert isinstance(found, Received)
        assert found.messages[0].body == b"one"

    assert len(run(story).posts) == 3


def test_what_an_endpoint_refuses_goes_to_the_dead_letters_at_once() -> None:
    async def story(broker: Broker) -> None:
        broker.hook.answer = lambda _: 403
        await broker.put(b"one")
        await broker.until_held(1, DEAD)

    assert len(run(story).posts) == 1


def test_a_redirect_is_not_followed() -> None:
    async def story(broker: Broker) -> None:
        broker.hook.answer = lambda _: 302
        broker.hook.location = broker.hook.url + "/elsewhere"
        await broker.put(b"one")
        await broker.until_held(1, DEAD)

    assert len(run(story).posts) == 3


def test_a_long_answer_is_not_read_to_its_end_and_counts_all_the_same() -> None:
    async def story(broker: Broker) -> None:
        broker.hook.body = b"x" * 4_000_000
        await broker.put(b"one", b"two")
        await broker.until_posted(2)
        await broker.until_held(0)

    assert sorted(run(story).bodies) == [b"one", b"two"]


def test_no_answer_in_time_is_no_answer() -> None:
    async def story(broker: Broker) -> None:
        broker.hook.go_on.clear()
        await broker.put(b"one")
        await broker.until_held(1, DEAD)

    assert len(run(story, timeout_ms=100).posts) == 3


def test_an_endpoint_has_so_many_posts_at_once_at_most() -> None:
    async def story(broker: Broker) -> None:
        await broker.put(b"heard")
        await broker.until_held(0)
        broker.hook.go_on.clear()
        await broker.put(*(b"%d" % one for one in range(3 * PUSHES_PER_ENDPOINT)))
        await broker.until_posted(1 + PUSHES_PER_ENDPOINT)
        broker.hook.go_on.set()
        await broker.until_held(0)

    hook = run(story)
    assert hook.most_at_once == PUSHES_PER_ENDPOINT
    assert len(set(hook.bodies)) == 1 + 3 * PUSHES_PER_ENDPOINT


def test_one_that_was_never_heard_of_has_one_post_at_once() -> None:
    async def story(broker: Broker) -> None:
        broker.hook.go_on.clear()
        await broker.put(*(b"%d" % one for one in range(5)))
        await broker.until_posted(1)
        broker.hook.go_on.set()
        await broker.until_held(0)

    assert run(story).bodies[0] == b"0"


def test_endpoints_that_hang_keep_none_waiting_that_answers() -> None:
    async def story(broker: Broker) -> None:
        broker.pusher.doubted_places = asyncio.Semaphore(2)
        await broker.put(b"heard")
        await broker.until_held(0)
        with hooked() as hanging:
            hanging.go_on.clear()
            for at in range(5):
                name = f"{QUEUE}.{at}"
                await broker.subscribe(name, Endpoint=hanging.url)
                await broker.put(b"into the void", queue=name)

            async def hang() -> bool:
                return hanging.under_way == 2

            await broker.until(hang)
            await broker.put(*(b"%d" % one for one in range(20)))
            await broker.until_held(0)
            assert hanging.most_at_once == 2
            assert len(hanging.posts) == 2

    assert len(run(story).posts) == 21


def test_what_waits_to_be_posted_again_outlives_the_end_of_its_subscription() -> None:
    async def story(broker: Broker) -> None:
        broker.hook.answer = lambda count: 500 if count == 1 else 200
        await broker.subscribe(QUEUE + ".late", DeliveryPolicy=SOON)
        await broker.put(b"late", queue=QUEUE + ".late")
        await broker.until_posted(1)
        await broker.driver.ask(ChangeQueue(QUEUE + ".late", extras={"sns.Ended": "true"}))
        await broker.put(b"{}", kind="UnsubscribeConfirmation", queue=QUEUE + ".late")
        await broker.until_posted(3)
        await broker.until_held(-1, QUEUE + ".late")

    assert run(story).bodies == [b"late", b"{}", b"late"]


def test_the_queue_of_an_ended_subscription_goes_though_nothing_is_left_to_be_posted() -> None:
    async def story(broker: Broker) -> None:
        await broker.driver.ask(ChangeQueue(QUEUE, extras={"sns.Ended": "true"}))
        await broker.until_held(-1)

    assert run(story).posts == []


def test_a_subscription_that_nobody_confirms_in_time_goes() -> None:
    async def story(broker: Broker) -> None:
        broker.hook.answer = lambda _: 200
        await broker.driver.ask(ChangeQueue(QUEUE, extras={"sns.PendingUntil": "5000"}))
        await broker.put(b"{}", kind="SubscriptionConfirmation")
        await broker.until_held(0)
        broker.now_ms = 4_999
        await broker.put(b"{}", kind="SubscriptionConfirmation")
        await broker.until_held(0)
        broker.now_ms = 5_000
        await broker.until_held(-1)

    assert len(run(story).posts) == 2


def test_a_subscription_that_was_confirmed_stays() -> None:
    async def story(broker: Broker) -> None:
        await broker.driver.ask(ChangeQueue(QUEUE, extras={"sns.PendingUntil": "5000"}))
        await broker.put(b"confirm")
        await broker.until_held(0)
        await broker.driver.ask(ChangeQueue(QUEUE, extras={"sns.PendingUntil": None}))
        broker.now_ms = 9_000
        await broker.put(b"one")
        await broker.until_held(0)

    assert run(story).bodies == [b"confirm", b"one"]


def test_a_change_of_the_subscription_counts_for_the_next_message() -> None:
    async def story(broker: Broker) -> None:
        await broker.put(b"one")
        await broker.until_held(0)
        await broker.driver.ask(
            ChangeQueue(QUEUE, extras={"sns.SubscriptionArn": "arn:topic:other"})
        )
        await broker.put(b"two")
        await broker.until_held(0)

    arns = [headers["x-amz-sns-subscription-arn"] for headers, _ in run(story).posts]
    assert arns == ["arn:topic:subscription", "arn:topic:other"]


def test_the_queue_goes_with_the_farewell() -> None:
    async def story(broker: Broker) -> None:
        body = json.dumps({"Type": "UnsubscribeConfirmation", "MessageId": "7"}).encode()
        await broker.put(body, kind="UnsubscribeConfirmation")
        await broker.until_held(-1)

    ((headers, _),) = run(story).posts
    assert headers["x-amz-sns-message-type"] == "UnsubscribeConfirmation"
    assert headers["x-amz-sns-message-id"] == "7"


def test_what_is_under_way_at_a_stop_is_given_back() -> None:
    async def story(hook: Hook) -> tuple[Reply, int]:
        driver = await AsyncDriver.open(None)
        broker = Broker(driver, hook)
        pusher = broker.pusher = Pusher(driver, Poster(), lambda: 0, look_ms=1)
        await broker.subscribe()
        hook.go_on.clear()
        pusher.start()
        await broker.put(b"one")
        await broker.until_posted(1)
        await pusher.close(0)
        found = await driver.ask(DescribeQueue(QUEUE))
        again = await driver.ask(Receive(QUEUE, 1))
        await driver.close()
        assert isinstance(again, Received)
        assert [one.body for one in again.messages] == [b"one"]
        return found, pusher.posted

    with hooked() as hook:
        found, _ = asyncio.run(story(hook))
    assert isinstance(found, Described)
    assert found.ready == 1


def test_private_addresses_can_be_out_of_reach() -> None:
    async def story(hook: Hook) -> list[int]:
        poster = Poster(private=False)
        by_name = hook.url.replace("127.0.0.1", "localhost")
        try:
            return [await poster.post(url, {}, b"x") for url in (hook.url, by_name)]
        finally:
            await poster.close()

    with hooked() as hook:
        assert asyncio.run(story(hook)) == [NO_ANSWER, NO_ANSWER]
    assert hook.posts == []


def test_an_address_that_cannot_be_called_gives_no_answer() -> None:
    async def story() -> list[int]:
        poster = Poster()
        try:
            return [
                await poster.post(url, {}, b"x")
                for url in ("http://127.0.0.1:1/", "no url", "ftp://127.0.0.1/", "http://[::/")
            ]
        finally:
            await poster.close()

    assert asyncio.run(story()) == [NO_ANSWER] * 4


def test_waiting_for_a_place_uses_up_no_attempt() -> None:
    async def story(broker: Broker) -> None:
        places = broker.pusher.doubted_places
        broker.pusher.doubted_places = asyncio.Semaphore(0)
        broker.hook.answer = lambda _: 503
        await broker.put(b"one")

        async def often() -> bool:
            return broker.pusher.put_off >= 5

        await broker.until(often)
        assert broker.hook.posts == []
        broker.pusher.doubted_places = places
        await broker.until_held(1, DEAD)

    assert len(run(story, place_ms=1).posts) == 3


def test_a_request_that_cannot_be_made_is_an_attempt_that_failed() -> None:
    async def story(broker: Broker) -> None:
        async def fail(_: PushRequest) -> PushRequest:
            raise RuntimeError("no key")

        broker.pusher.sign = fail
        await broker.put(b"one")
        await broker.until_held(1, DEAD)

    assert run(story).posts == []
