"""HTTP subscriptions with boto3: confirmed, enveloped or raw, retried, dead-lettered, ended."""

import json
import signal
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1

from tests.compat.clients import Queue, connected
from tests.compat.conftest import MakeQueue, Serve
from tests.compat.processes import until
from tests.compat.sns_clients import Topic, opened, sns_connected, text
from tests.unit.net.hooks import Hook, hooked
from tests.unit.net.test_signatures import check

SOON_MS = 15_000
AT_ONCE = '{"healthyRetryPolicy": {"numRetries": 3, "numNoDelayRetries": 3}}'


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hooked() as made:
        yield made


def of_type(hook: Hook, kind: str) -> list[tuple[dict[str, str], bytes]]:
    return [one for one in tuple(hook.posts) if one[0]["x-amz-sns-message-type"] == kind]


def asked(hook: Hook) -> dict[str, Any]:
    """The confirmation that an endpoint was sent."""
    assert until(lambda: bool(of_type(hook, "SubscriptionConfirmation")), SOON_MS)
    document: dict[str, Any] = json.loads(of_type(hook, "SubscriptionConfirmation")[0][1])
    return document


def confirmed(topic: Topic, hook: Hook, **attributes: str) -> str:
    """The ARN of a subscription of an endpoint, confirmed by the token that it was sent."""
    topic.sns.subscribe(
        TopicArn=topic.arn,
        Protocol="http",
        Endpoint=hook.url,
        Attributes={"DeliveryPolicy": AT_ONCE, **attributes},
    )
    answer = topic.sns.confirm_subscription(TopicArn=topic.arn, Token=asked(hook)["Token"])
    hook.posts.clear()
    return str(answer["SubscriptionArn"])


def test_nothing_is_posted_before_the_endpoint_has_said_yes(news: Topic, hook: Hook) -> None:
    made = news.sns.subscribe(TopicArn=news.arn, Protocol="http", Endpoint=hook.url)
    assert made["SubscriptionArn"] == "pending confirmation"
    news.publish("too early")
    document = asked(hook)
    assert document["Type"] == "SubscriptionConfirmation"
    assert document["TopicArn"] == news.arn
    (listed,) = news.subscriptions()
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    with urllib.request.urlopen(document["SubscribeURL"], timeout=10) as answer:
        assert b"ConfirmSubscriptionResponse" in answer.read()
    (listed,) = news.subscriptions()
    assert listed["SubscriptionArn"].startswith(news.arn + ":")
    news.publish("in time")
    assert until(lambda: bool(of_type(hook, "Notification")), SOON_MS)
    ((headers, body),) = of_type(hook, "Notification")
    assert json.loads(body)["Message"] == "in time"
    assert headers["x-amz-sns-subscription-arn"] == listed["SubscriptionArn"]


def test_a_notification_comes_in_an_envelope(news: Topic, hook: Hook) -> None:
    arn = confirmed(news, hook)
    sent = news.publish("hello", Subject="greeting", MessageAttributes={"a": text("x")})
    assert until(lambda: bool(hook.posts), SOON_MS)
    ((headers, body),) = hook.posts
    document = json.loads(body)
    assert headers["x-amz-sns-message-id"] == sent["MessageId"] == document["MessageId"]
    assert headers["x-amz-sns-topic-arn"] == news.arn
    assert headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert document["Subject"] == "greeting"
    assert document["MessageAttributes"] == {"a": {"Type": "String", "Value": "x"}}
    assert "x-amz-sns-rawdelivery" not in headers
    with urllib.request.urlopen(document["SigningCertURL"], timeout=10) as answer:
        check(answer.read(), document, SHA1())
    with urllib.request.urlopen(document["UnsubscribeURL"], timeout=10) as answer:
        assert b"UnsubscribeResponse" in answer.read()
    assert arn not in [one["SubscriptionArn"] for one in news.subscriptions()]


def test_a_raw_message_comes_as_it_was_published(news: Topic, hook: Hook) -> None:
    confirmed(news, hook, RawMessageDelivery="true", FilterPolicy='{"kind": ["wanted"]}')
    news.publish("no", MessageAttributes={"kind": text("other")})
    news.publish("yes", MessageAttributes={"kind": text("wanted")})
    assert until(lambda: bool(hook.posts), SOON_MS)
    ((headers, body),) = hook.posts
    assert body == b"yes"
    assert headers["x-amz-sns-rawdelivery"] == "true"


def test_what_an_endpoint_does_not_take_is_posted_again(news: Topic, hook: Hook) -> None:
    confirmed(news, hook)
    hook.answer = lambda count: 500 if count < 3 else 200
    news.publish("hello")
    assert until(lambda: len(hook.posts) == 3, SOON_MS)
    assert len(set(hook.bodies)) == 1


@pytest.mark.parametrize(("status", "posts"), [(500, 4), (404, 1)])
def test_what_is_given_up_goes_to_the_dead_letters(
    news: Topic, hook: Hook, make_queue: MakeQueue, status: int, posts: int
) -> None:
    dead = make_queue()
    confirmed(news, hook, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}))
    hook.answer = lambda _: status
    news.publish("hello")
    assert opened(dead.one())["Message"] == "hello"
    assert len(hook.posts) == posts


def test_who_unsubscribes_is_told_and_gets_no_more(news: Topic, hook: Hook) -> None:
    arn = confirmed(news, hook)
    news.sns.unsubscribe(SubscriptionArn=arn)
    news.publish("too late")
    assert until(lambda: bool(hook.posts), SOON_MS)
    ((headers, _),) = hook.posts
    assert headers["x-amz-sns-message-type"] == "UnsubscribeConfirmation"


def started(serve: Serve, story: Callable[[Any, Any], None]) -> Any:
    """A server on the same data as before, and something done with its clients."""
    served = serve()
    with sns_connected(served.url) as sns, connected(served.url) as sqs:
        story(sns, sqs)
    return served


def test_each_message_is_posted_though_the_server_is_killed_meanwhile(
    serve: Serve, hook: Hook
) -> None:
    wanted = {f"message {number}" for number in range(60)}

    def publish(sns: Any, _: Any) -> None:
        topic = Topic(sns, "news")
        confirmed(topic, hook, RawMessageDelivery="true")
        hook.answer = lambda count: 500 if count % 3 == 0 else 200
        for number, message in enumerate(sorted(wanted)):
            topic.publish(message)
            if number == 30:
                # From here on the endpoint hesitates, so that some are under way at the kill.
                assert until(lambda: len(hook.posts) > 10, SOON_MS)
                hook.go_on.clear()

    started(serve, publish).stop(signal.SIGKILL)
    before = len(hook.posts)
    hook.go_on.set()
    hook.answer = lambda _: 200

    def wait(_: Any, sqs: Any) -> None:
        Queue(sqs, "other")
        assert until(lambda: {body.decode() for body in hook.bodies} == wanted, SOON_MS)

    started(serve, wait)
    assert 0 < before < len(hook.posts)
