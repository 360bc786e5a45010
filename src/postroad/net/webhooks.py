"""A message of a queue as the request that carries it, its signature, and what its answer means.

It stands between the pushes of queues and the client that posts. The rule kept here: what is sent
depends on the message, the push and the time alone, and a message keeps its `webhook-id` however
often it is sent, so that who gets it can tell it was there before.
"""

import base64
import hashlib
import hmac
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote

from postroad import __version__
from postroad.limits import (
    FAILURE_CHARS_MAX,
    WEBHOOK_HEADERS_BYTES_MAX,
    WEBHOOK_HEADERS_MAX,
    WEBHOOK_HOLD_MS_MAX,
    WEBHOOK_RETRY_MS,
    WEBHOOK_RETRY_MS_MAX,
)
from postroad.model.commands import ACK, RETRY
from postroad.model.message import Delivery, HeaderValue
from postroad.model.policy import BACKOFF_NONE, RETRY_ALL, RETRY_FAILED, QueueSettings
from postroad.model.pushes import PushSettings, keys_of, shown_url
from postroad.model.value import value
from postroad.net.poster import NO_ANSWER, Answer

USER_AGENT: Final = f"Postroad/{__version__}"
HEADER_PREFIX: Final = "Postroad-Header-"
CONTENT_TYPE: Final = "application/octet-stream"
"""Of a body that does not say what it is."""

_HELD_BACK: Final = (429, 503)
"""Answers that may say in `Retry-After` when there is room again."""
_PLAIN: Final = "".join(chr(one) for one in range(0x21, 0x7F) if chr(one) != "%")
_IN_NAMES: Final = "!#$&'*+-.^_`|~"
"""What a header's name may have beside letters and digits, without the percent sign."""
_SITE_DIGITS: Final = 8


@value
class Webhook:
    """A POST."""

    url: str
    headers: dict[str, str]
    body: bytes


@value
class Sequel:
    """How a message is settled after an attempt. `after_ms`: `None`: as the queue's policy says;
    `hold_ms`: for so long nothing more is sent; `heard`: the endpoint said something that shows it
    works; `failure`: what went wrong, in words."""

    outcome: int
    after_ms: int | None = None
    hold_ms: int = 0
    heard: bool = True
    failure: str = ""


def site_of(secret: bytes) -> str:
    """What tells the messages of one data directory from those of all others."""
    return hashlib.sha256(b"postroad push " + secret).hexdigest()[:_SITE_DIGITS]


def webhook_id(site: str, message: Delivery) -> str:
    """What a message is known by to who gets it, the same at each attempt and after moves."""
    queue, offset = message.identity
    return f"msg_{site}_{queue}_{offset}"


def signature(secret: str, id: str, at_s: int, body: bytes) -> str:
    """The signatures of a request, one for each secret."""
    signed = f"{id}.{at_s}.".encode() + body
    digests = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys_of(secret)]
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in digests)


def webhook_of(
    push: PushSettings, queue: str, message: Delivery, site: str, now_ms: int
) -> Webhook:
    """The request that carries a message now."""
    id, at_s = webhook_id(site, message), now_ms // 1_000
    headers = {
        "User-Agent": USER_AGENT,
        "Postroad-Queue": _value(queue),
        "Postroad-Message-Id": f"{message.identity[0]}-{message.identity[1]}",
        "Postroad-Delivery-Count": str(message.delivery_count),
        "Postroad-Published-Ms": str(message.published_ms),
        "webhook-id": id,
        "webhook-timestamp": str(at_s),
    }
    if message.key is not None:
        headers["Postroad-Key"] = _value(message.key)
    if push.secret:
        headers["webhook-signature"] = signature(push.secret, id, at_s, message.body)
    own = message.headers
    headers["Content-Type"] = _content_type(own)
    headers.update(_sent_along(own))
    return Webhook(push.url, headers, message.body)


def sequel(
    push: PushSettings, settings: QueueSettings, count: int, answer: Answer, now_ms: int
) -> Sequel:
    """What follows from the answer to the `count`th attempt."""
    if 200 <= answer.status < 300:
        return Sequel(ACK)
    hold_ms = _held_ms(answer, now_ms)
    after_ms = hold_ms or None
    if not hold_ms and not _has_policy(settings):
        after_ms = min(WEBHOOK_RETRY_MS << min(count - 1, 20), WEBHOOK_RETRY_MS_MAX)
    heard = 300 <= answer.status < 500
    return Sequel(RETRY, after_ms, hold_ms, heard, _failure(push, answer))


def _has_policy(settings: QueueSettings) -> bool:
    """Whether the queue says how long what failed waits."""
    retry = settings.retry
    return retry.backoff != BACKOFF_NONE and retry.when in (RETRY_FAILED, RETRY_ALL)


def _failure(push: PushSettings, answer: Answer) -> str:
    said = f"answered {answer.status}" if answer.status != NO_ANSWER else "not answered"
    text = f"POST to {shown_url(push.url)} was {said}"
    if answer.reason:
        text += f": {answer.reason}"
    # A reason may have been made of whatever a name server or a socket said.
    return text.encode(errors="backslashreplace").decode()[:FAILURE_CHARS_MAX]


def _held_ms(answer: Answer, now_ms: int) -> int:
    """For how long the endpoint wants no more; 0 where it did not say."""
    said = answer.retry_after.strip()
    if answer.status not in _HELD_BACK or not said:
        return 0
    if said.isascii() and said.isdigit():
        # A number too long to be read is longer than any hold.
        ms = int(said[:10]) * 1_000
    else:
        ms = _instant_ms(said) - now_ms
    return min(max(ms, 0), WEBHOOK_HOLD_MS_MAX)


def _instant_ms(text: str) -> int:
    """A date as HTTP has it; 0 where it is none."""
    try:
        found = parsedate_to_datetime(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return int(found.timestamp() * 1_000)
    except (ValueError, IndexError, OverflowError):
        return 0


def _content_type(headers: dict[str, HeaderValue]) -> str:
    """What a message says its body is, whichever protocol it came by."""
    for name, said in headers.items():
        if name.lower() in {"content-type", "content_type"} and isinstance(said, str):
            good = said.isascii() and said.isprintable() and said
            return said if good and len(said) <= WEBHOOK_HEADERS_BYTES_MAX else CONTENT_TYPE
    return CONTENT_TYPE


def _sent_along(headers: dict[str, HeaderValue]) -> dict[str, str]:
    """A message's headers as headers of the request, as far as there is room for them."""
    sent: dict[str, str] = {}
    size = left_out = 0
    for name, one in headers.items():
        shown = HEADER_PREFIX + quote(name, safe=_IN_NAMES)
        text = _value(one)
        size += len(shown) + len(text)
        if len(sent) >= WEBHOOK_HEADERS_MAX or size > WEBHOOK_HEADERS_BYTES_MAX:
            size -= len(shown) + len(text)
            left_out += 1
        else:
            sent[shown] = text
    if left_out:
        sent["Postroad-Headers-Left-Out"] = str(left_out)
    return sent


def _value(one: HeaderValue) -> str:
    """A value as a header may have it: blanks, `%` and what is no printable ASCII as %XX."""
    if one is None:
        return ""
    if isinstance(one, bool):
        return "true" if one else "false"
    if isinstance(one, bytes):
        return quote(one, safe=_PLAIN)
    return quote(str(one), safe=_PLAIN, errors="backslashreplace")
