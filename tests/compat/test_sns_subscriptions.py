"""Subscriptions of queues, as boto3 users have them; those over HTTP as far as they are asked."""

import json
import urllib.parse
import urllib.request
from typing import Any

import pytest

from tests.compat.clients import Queue, code_of
from tests.compat.conftest import MakeQueue
from tests.compat.processes import Served
from tests.compat.sns_clients import Topic, bodies, opened, text


def test_the_same_again_is_the_same_subscription(news: Topic, mail: Queue) -> None:
    first = news.subscribe(mail, FilterPolicy='{"a":["b"]}')
    assert news.subscribe(mail, FilterPolicy='{"a":["b"]}') == first
    assert news.subscribe(mail) == first
    other = {"RawMessageDelivery": "true"}
    given = {"TopicArn": news.arn, "Protocol": "sqs", "Endpoint": mail.arn, "Attributes": other}
    assert code_of(news.sns.subscribe, **given) == "InvalidParameter"
    assert [one["SubscriptionArn"] for one in news.subscriptions()] == [first]
    assert news.attributes()["SubscriptionsConfirmed"] == "1"


def test_a_subscription_shows_what_it_is(news: Topic, mail: Queue, make_queue: MakeQueue) -> None:
    dead = make_queue()
    redrive = json.dumps({"deadLetterTargetArn": dead.arn})
    arn = news.subscribe(mail, RedrivePolicy=redrive, FilterPolicy='{"a":["b"]}')
    assert news.of(arn) == {
        "SubscriptionArn": arn,
        "TopicArn": news.arn,
        "Owner": "000000000000",
        "Protocol": "sqs",
        "Endpoint": mail.arn,
        "PendingConfirmation": "false",
        "ConfirmationWasAuthenticated": "true",
        "SubscriptionPrincipal": "arn:aws:iam::000000000000:root",
        "RawMessageDelivery": "false",
        "RedrivePolicy": redrive,
        "FilterPolicy": '{"a":["b"]}',
        "FilterPolicyScope": "MessageAttributes",
    }
    assert arn.startswith(news.arn + ":")


def test_raw_delivery_is_switched_on_and_off(news: Topic, mail: Queue) -> None:
    arn = news.subscribe_raw(mail)
    news.publish("first")
    news.set(arn, "RawMessageDelivery", "false")
    news.publish("second")
    news.set(arn, "RawMessageDelivery", "true")
    news.publish("third")
    first, second, third = mail.receive()
    assert (first["Body"], third["Body"]) == ("first", "third")
    assert opened(second)["Message"] == "second"
    assert news.of(arn)["RawMessageDelivery"] == "true"


@pytest.mark.parametrize("raw", ["true", "false"])
def test_a_filter_decides_on_attributes_and_can_be_changed(
    news: Topic, mail: Queue, raw: str
) -> None:
    arn = news.subscribe(mail, FilterPolicy='{"state":["paid"]}', RawMessageDelivery=raw)
    news.publish("one", MessageAttributes={"state": text("paid")})
    news.publish("two", MessageAttributes={"state": text("lost")})
    news.publish("three")
    news.set(arn, "FilterPolicy", '{"state":["lost"]}')
    news.publish("four", MessageAttributes={"state": text("lost")})
    news.set(arn, "FilterPolicy", "{}")
    news.publish("five")
    got = bodies(mail)
    if raw == "false":
        got = [json.loads(one)["Message"] for one in got]
    assert got == ["one", "four", "five"]
    assert "FilterPolicy" not in news.of(arn)


@pytest.mark.parametrize("raw", ["true", "false"])
def test_a_filter_decides_on_the_message_itself(news: Topic, mail: Queue, raw: str) -> None:
    arn = news.subscribe(
        mail,
        RawMessageDelivery=raw,
        FilterPolicyScope="MessageBody",
        FilterPolicy='{"order":{"state":["paid"]}}',
    )
    news.publish('{"order": {"state": "paid"}}')
    news.publish('{"order": {"state": "lost"}}')
    news.publish("no JSON")
    assert mail.counts() == (1, 0, 0)
    assert news.of(arn)["FilterPolicyScope"] == "MessageBody"


@pytest.mark.parametrize(
    "attributes",
    [
        {"FilterPolicy": "{"},
        {"FilterPolicy": '{"a": []}'},
        {"FilterPolicy": '{"a": {"b": ["c"]}}'},
        {"FilterPolicy": '{"a": [{"unheard": 1}]}'},
        {"FilterPolicyScope": "Everything"},
        {"RawMessageDelivery": "perhaps"},
        {"RedrivePolicy": "{}"},
        {"RedrivePolicy": '{"deadLetterTargetArn": "no arn"}'},
        {"ReplayPolicy": '{"PointType": "Timestamp"}'},
        {"DeliveryPolicy": "{}"},
        {"Colour": "red"},
    ],
)
def test_attributes_that_cannot_be_are_refused(
    news: Topic, mail: Queue, attributes: dict[str, str]
) -> None:
    given = {"TopicArn": news.arn, "Protocol": "sqs", "Endpoint": mail.arn}
    assert code_of(news.sns.subscribe, **given, Attributes=attributes) == "InvalidParameter"
    assert news.subscriptions() == []
    arn = news.subscribe(mail)
    (name, content) = next(iter(attributes.items()))
    change = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": content}
    assert code_of(news.sns.set_subscription_attributes, **change) == "InvalidParameter"


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [
        ("email", "a@example.org"),
        ("lambda", "arn:aws:lambda:us-east-1:000000000000:function:f"),
        ("sqs", "http://example.org"),
        ("sqs", "arn:aws:sqs:us-east-1:000000000000:no-such-queue"),
        ("sqs", "arn:aws:sqs:us-east-1:000000000000:line.fifo"),
        ("http", "https://example.org"),
        ("https", "arn:aws:sqs:us-east-1:000000000000:mail"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(news: Topic, protocol: str, endpoint: str) -> None:
    given = {"TopicArn": news.arn, "Protocol": protocol, "Endpoint": endpoint}
    assert code_of(news.sns.subscribe, **given) == "InvalidParameter"


def test_a_topic_has_two_hundred_filters_and_no_more(news: Topic, make_queue: MakeQueue) -> None:
    for _ in range(200):
        news.subscribe(make_queue(), FilterPolicy='{"a":["b"]}')
    last = make_queue()
    given: dict[str, Any] = {"TopicArn": news.arn, "Protocol": "sqs", "Endpoint": last.arn}
    refused = code_of(news.sns.subscribe, **given, Attributes={"FilterPolicy": '{"a":["b"]}'})
    assert refused == "FilterPolicyLimitExceeded"
    change = {"AttributeName": "FilterPolicy", "AttributeValue": '{"a":["b"]}'}
    arn = news.subscribe(last)
    refused = code_of(news.sns.set_subscription_attributes, SubscriptionArn=arn, **change)
    assert refused == "FilterPolicyLimitExceeded"
    first = news.sns.list_subscriptions_by_topic(TopicArn=news.arn)
    assert len(first["Subscriptions"]) == 100
    assert len(news.subscriptions()) == 201


def test_who_unsubscribes_gets_no_more(news: Topic, mail: Queue) -> None:
    arn = news.subscribe(mail)
    news.sns.unsubscribe(SubscriptionArn=arn)
    news.sns.unsubscribe(SubscriptionArn=arn)
    news.publish("x")
    assert mail.counts() == (0, 0, 0)
    assert code_of(news.of, subscription=arn) == "NotFound"
    assert code_of(news.sns.unsubscribe, SubscriptionArn="PendingConfirmation") == (
        "InvalidParameter"
    )
    assert news.subscribe(mail) != arn


def test_a_subscription_goes_with_its_queue(news: Topic, mail: Queue) -> None:
    news.subscribe(mail)
    mail.sqs.delete_queue(QueueUrl=mail.url)
    news.publish("x")
    assert news.subscriptions() == []


def test_an_id_that_was_not_given_names_no_subscription(news: Topic, mail: Queue) -> None:
    arn = news.subscribe(mail)
    wrong = arn[:-13] + "0" + arn[-12:]
    assert code_of(news.of, subscription=wrong) == "NotFound"
    news.sns.unsubscribe(SubscriptionArn=wrong)
    assert len(news.subscriptions()) == 1


def test_an_endpoint_over_http_is_pending_until_it_says_yes(news: Topic) -> None:
    # Nothing listens there.
    given = {"TopicArn": news.arn, "Protocol": "http", "Endpoint": "http://127.0.0.1:9/hook"}
    assert news.sns.subscribe(**given)["SubscriptionArn"] == "pending confirmation"
    arn = news.sns.subscribe(**given, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert news.of(arn)["PendingConfirmation"] == "true"
    assert [one["SubscriptionArn"] for one in news.subscriptions()] == ["PendingConfirmation"]
    assert news.attributes()["SubscriptionsPending"] == "1"
    assert code_of(news.sns.confirm_subscription, TopicArn=news.arn, Token="x") == (
        "InvalidParameter"
    )
    news.sns.unsubscribe(SubscriptionArn=arn)
    assert news.subscriptions() == []


def test_a_topic_named_in_another_region_is_the_same_topic(
    news: Topic, mail: Queue, shared: Served
) -> None:
    news.subscribe_raw(mail)
    elsewhere = news.arn.replace("us-east-1", "eu-west-1")
    query = urllib.parse.urlencode({"Action": "Publish", "TopicArn": elsewhere, "Message": "x"})
    with urllib.request.urlopen(f"{shared.url}/?{query}", timeout=10) as answer:
        assert b"<MessageId>" in answer.read()
    assert bodies(mail) == ["x"]
