"""Messages as requests: headers, signatures, and what an answer means."""

import base64
import hashlib
import hmac
from urllib.parse import unquote

import pytest

from postroad.limits import WEBHOOK_HEADERS_BYTES_MAX, WEBHOOK_HEADERS_MAX, WEBHOOK_HOLD_MS_MAX
from postroad.model.commands import ACK, RETRY
from postroad.model.message import Delivery, HeaderValue, Note, plain_head
from postroad.model.policy import (
    BACKOFF_FIXED,
    RETRY_RETURNED,
    QueueSettings,
    RetryPolicy,
)
from postroad.model.pushes import PushSettings
from postroad.net.poster import Answer
from postroad.net.webhooks import sequel, signature, site_of, webhook_of

NOW_MS = 1_614_265_330_123
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUSH = PushSettings(url="https://example.org/hook")


def message(
    body: bytes = b"x", headers: dict[str, HeaderValue] | None = None, key: str | None = None
) -> Delivery:
    return Delivery(7, 3, 1, 2, 0, 1_000, body, plain_head(headers, key))


def sent(headers: dict[str, HeaderValue] | None = None, key: str | None = None) -> dict[str, str]:
    return webhook_of(PUSH, "orders", message(headers=headers, key=key), "5173", NOW_MS).headers


def test_a_signature_is_the_one_of_the_standard_s_own_example() -> None:
    body = b'{"test": 2432232314}'
    made = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_request_is_signed_by_each_secret_over_its_id_time_and_body() -> None:
    other = "whsec_" + base64.b64encode(b"k" * 32).decode()
    push = PushSettings(url=PUSH.url, secret=f"{SECRET} {other}")
    made = webhook_of(push, "orders", message(b"\x00body"), "5173", NOW_MS)
    id, at_s = made.headers["webhook-id"], made.headers["webhook-timestamp"]
    assert at_s == "1614265330"
    wanted = hmac.new(b"k" * 32, f"{id}.{at_s}.".encode() + b"\x00body", hashlib.sha256).digest()
    signatures = made.headers["webhook-signature"].split(" ")
    assert signatures[1] == "v1," + base64.b64encode(wanted).decode()
    assert len(signatures) == 2


def test_without_a_secret_a_request_is_not_signed() -> None:
    assert "webhook-signature" not in sent()


def test_a_request_says_which_message_it_is() -> None:
    headers = sent(key="é 1")
    assert headers["webhook-id"] == "msg_5173_7_3"
    assert headers["Postroad-Message-Id"] == "7-3"
    assert headers["Postroad-Queue"] == "orders"
    assert headers["Postroad-Delivery-Count"] == "2"
    assert headers["Postroad-Published-Ms"] == "1000"
    assert unquote(headers["Postroad-Key"]) == "é 1"


def test_a_message_keeps_its_id_when_it_is_moved_and_another_broker_s_has_another() -> None:
    moved = Delivery(8, 0, 1, 1, 0, 0, b"x", b"", Note(7, 3, 0, 7, []))
    assert webhook_of(PUSH, "o", moved, "5173", 0).headers["webhook-id"] == "msg_5173_7_3"
    assert site_of(b"one") != site_of(b"other")
    assert "." not in site_of(b"one")


def test_headers_of_a_message_travel_along_and_can_be_read_back() -> None:
    given: dict[str, HeaderValue] = {
        "customer": "ada & 100 %",
        "häder name": "a\r\nb",
        "raw": b"\x00\xff",
        "n": 7,
        "ok": True,
        "none": None,
    }
    headers = sent(given)
    names = {unquote(name.removeprefix("Postroad-Header-")): one for name, one in headers.items()}
    assert unquote(names["customer"]) == "ada & 100 %"
    assert unquote(names["häder name"]) == "a\r\nb"
    assert names["raw"] == "%00%FF"
    assert (names["n"], names["ok"], names["none"]) == ("7", "true", "")
    for name, one in headers.items():
        assert (name + one).isascii()
        assert (name + one).isprintable()


def test_headers_for_which_there_is_no_room_are_counted() -> None:
    many = sent({f"h{one}": "x" for one in range(WEBHOOK_HEADERS_MAX + 5)})
    assert many["Postroad-Headers-Left-Out"] == "5"
    large = sent({"big": "x" * WEBHOOK_HEADERS_BYTES_MAX, "small": "x"})
    assert large["Postroad-Headers-Left-Out"] == "1"
    assert large["Postroad-Header-small"] == "x"


def test_the_content_type_is_the_message_s_own_where_it_can_be() -> None:
    assert sent()["Content-Type"] == "application/octet-stream"
    assert sent({"Content-Type": "application/json"})["Content-Type"] == "application/json"
    assert sent({"content-type": "a\r\nX: y"})["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_an_answer_from_200_to_299_acks(status: int) -> None:
    assert sequel(PUSH, QueueSettings(), 1, Answer(status), NOW_MS).outcome == ACK


@pytest.mark.parametrize("status", [0, 100, 199, 300, 302, 400, 404, 410, 429, 500, 503])
def test_anything_else_is_a_failed_delivery_and_is_told_in_words(status: int) -> None:
    follows = sequel(PUSH, QueueSettings(), 1, Answer(status, "why"), NOW_MS)
    assert follows.outcome == RETRY
    assert follows.failure.startswith("POST to https://example.org/hook was ")
    assert follows.failure.endswith(": why")


def test_the_failure_tells_no_password_and_no_query() -> None:
    push = PushSettings(url="https://ada:secret@example.org:8443/hook?token=secret")
    failure = sequel(push, QueueSettings(), 1, Answer(500), NOW_MS).failure
    assert failure == "POST to https://example.org:8443/hook was answered 500"


def test_a_queue_without_a_retry_policy_waits_twice_as_long_each_time() -> None:
    waits = [
        sequel(PUSH, QueueSettings(), count, Answer(500), NOW_MS).after_ms
        for count in (1, 2, 3, 9, 10, 60_000)
    ]
    assert waits == [1_000, 2_000, 4_000, 256_000, 300_000, 300_000]


def test_the_retry_policy_of_a_queue_counts_where_it_has_one_for_failures() -> None:
    policy = RetryPolicy(BACKOFF_FIXED, 5_000)
    settings = QueueSettings(retry=policy)
    assert sequel(PUSH, settings, 1, Answer(500), NOW_MS).after_ms is None
    of_returns = QueueSettings(retry=RetryPolicy(BACKOFF_FIXED, 5_000, when=RETRY_RETURNED))
    assert sequel(PUSH, of_returns, 1, Answer(500), NOW_MS).after_ms == 1_000


@pytest.mark.parametrize(
    ("said", "ms"),
    [
        ("7", 7_000),
        (" 7 ", 7_000),
        ("0", 0),
        ("Thu, 25 Feb 2021 15:02:20 GMT", 9_877),
        ("Thu, 25 Feb 2021 15:02:00 GMT", 0),
        ("Thu, 25 Feb 2021 15:02:20", 9_877),
        ("9" * 4_000, WEBHOOK_HOLD_MS_MAX),
        ("-5", 0),
        ("soon", 0),
        ("Thu, 99 Feb 20211 99:99:99 GMT", 0),
        ("٣", 0),
    ],
)
def test_an_endpoint_that_asks_for_time_gets_it(said: str, ms: int) -> None:
    policy = QueueSettings(retry=RetryPolicy(BACKOFF_FIXED, 5_000))
    for status in (429, 503):
        follows = sequel(PUSH, policy, 1, Answer(status, "", said), NOW_MS)
        assert follows.hold_ms == ms
        assert follows.after_ms == (ms or None)
    assert sequel(PUSH, policy, 1, Answer(500, "", said), NOW_MS).hold_ms == 0


def test_an_endpoint_that_breaks_or_is_silent_counts_as_not_heard() -> None:
    heard = {
        status: sequel(PUSH, QueueSettings(), 1, Answer(status), NOW_MS).heard
        for status in (200, 302, 404, 429, 500, 503, 0)
    }
    assert [status for status, one in heard.items() if not one] == [500, 503, 0]
