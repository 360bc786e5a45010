"""Messages of HTTP subscriptions as requests, and what the answers mean."""

import json

import pytest

from postroad.model.commands import ACK, REJECT, RETRY
from postroad.model.envelope import OWN_ENVELOPE
from postroad.model.message import Delivery, typed_head
from postroad.protocols.sns.push import Verdict, endpoint_of, request_of, verdict

URL = "http://127.0.0.1:9324/?Action=Unsubscribe&"
EXTRAS = {
    "sns.Protocol": "http",
    "sns.Endpoint": "http://127.0.0.1:8080/hook",
    "sns.SubscriptionArn": "arn:aws:sns:us-east-1:000000000000:orders:1",
}


def message(kind: str | None = None, count: int = 1) -> Delivery:
    if kind is None:
        return Delivery(7, 258, 1, count, 0, 0, b"raw", typed_head({"a": ("String", "x")}))
    said = {"Type": kind, "MessageId": "1-2-3", "UnsubscribeURL": URL + "TopicArn=arn"}
    body = json.dumps(said).encode()
    return Delivery(7, 1, 1, count, 0, 0, body, typed_head({OWN_ENVELOPE: ("String", kind)}))


def test_a_notification_says_what_it_is_of() -> None:
    request = request_of(endpoint_of(EXTRAS), message("Notification"))
    assert request.url == "http://127.0.0.1:8080/hook"
    assert json.loads(request.body) == {
        "Type": "Notification",
        "MessageId": "1-2-3",
        "UnsubscribeURL": URL + "SubscriptionArn=" + EXTRAS["sns.SubscriptionArn"],
    }
    assert request.headers == {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": "1-2-3",
        "x-amz-sns-topic-arn": "arn:aws:sns:us-east-1:000000000000:orders",
        "x-amz-sns-subscription-arn": "arn:aws:sns:us-east-1:000000000000:orders:1",
    }


def test_what_claims_to_be_an_envelope_and_is_none_is_posted_as_it_is() -> None:
    odd = message("Notification")
    odd.body = b"[1"
    request = request_of(endpoint_of(EXTRAS), odd)
    assert request.body == b"[1"
    assert request.headers["x-amz-sns-rawdelivery"] == "true"


def test_a_raw_message_says_that_it_is_raw_and_keeps_its_id_when_it_is_sent_again() -> None:
    endpoint = endpoint_of({**EXTRAS, "sns.RawMessageDelivery": "true"})
    first, again = (request_of(endpoint, message(count=count)) for count in (1, 2))
    assert first == again
    assert first.headers["x-amz-sns-rawdelivery"] == "true"
    assert first.headers["x-amz-sns-message-type"] == "Notification"
    assert first.headers["x-amz-sns-message-id"] == "00000007-0000-0000-0000-000000000102"
    assert first.body == b"raw"


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_confirmation_is_of_no_subscription_yet_or_any_more(kind: str) -> None:
    headers = request_of(endpoint_of(EXTRAS), message(kind)).headers
    assert headers["x-amz-sns-message-type"] == kind
    assert "x-amz-sns-subscription-arn" not in headers


def test_the_content_type_is_the_delivery_policys() -> None:
    policy = '{"requestPolicy": {"headerContentType": "application/json"}}'
    endpoint = endpoint_of({**EXTRAS, "sns.DeliveryPolicy": policy})
    assert request_of(endpoint, message()).headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "count", "says"),
    [
        (200, 1, Verdict(ACK)),
        (204, 3, Verdict(ACK)),
        (0, 1, Verdict(RETRY, 20_000, heard=False)),
        (500, 3, Verdict(RETRY, 20_000, heard=False)),
        (503, 4, Verdict(REJECT, heard=False)),
        (301, 1, Verdict(RETRY, 20_000, heard=False)),
        (429, 1, Verdict(RETRY, 20_000, heard=False)),
        (400, 1, Verdict(REJECT)),
        (404, 1, Verdict(REJECT)),
    ],
)
def test_an_answer_says_what_follows(status: int, count: int, says: Verdict) -> None:
    assert verdict(endpoint_of(EXTRAS), message("Notification", count), status) == says


def test_a_confirmation_that_nobody_takes_is_dropped() -> None:
    endpoint = endpoint_of(EXTRAS)
    assert verdict(endpoint, message("SubscriptionConfirmation"), 404) == Verdict(ACK)
    assert verdict(endpoint, message("UnsubscribeConfirmation"), 200) == Verdict(ACK, last=True)
    given_up = verdict(endpoint, message("UnsubscribeConfirmation", 4), 0)
    assert given_up == Verdict(ACK, heard=False, last=True)
