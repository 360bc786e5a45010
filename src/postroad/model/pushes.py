"""Pushes: which queues are delivered to a web address, and how; kept as keys of one space.

It stands between those who set a push and the server that does it. The rule kept here: what is kept
was looked at when it was set, and is looked at again when it is read, for keys can be written by
anybody.
"""

import base64
import binascii
from typing import Final
from urllib.parse import urlsplit

import msgspec

from postroad.limits import (
    WEBHOOK_CONCURRENCY_MAX,
    WEBHOOK_PER_SECOND_MAX,
    WEBHOOK_SECRET_BYTES_MAX,
    WEBHOOK_SECRET_BYTES_MIN,
    WEBHOOK_SECRETS_MAX,
    WEBHOOK_TIMEOUT_MS_MAX,
    WEBHOOK_URL_CHARS_MAX,
)

PUSH_SPACE: Final = "push"
"""The space of keys that holds the pushes: name of the queue -> what is to be done, as JSON."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  (what one begins with)
"""What a secret begins with; the rest is base64."""

SCHEMES: Final = ("http", "https")


class BadPush(ValueError):  # noqa: N818  (the name is the sentence)
    """The push cannot be; the message says why in one line."""


class PushSettings(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How the messages of a queue are delivered to a web address.

    `url`: where they are posted. `concurrency`: most requests under way at once. `per_second`: most
    requests a second, `None`: as many as may be. `timeout_ms`: how long an answer may take.
    `secret`: what requests are signed with, in the form `whsec_...`; several, apart by blanks, sign
    each; empty: requests are not signed.
    """

    url: str
    concurrency: int = 10
    per_second: int | None = None
    timeout_ms: int = 30_000
    secret: str = ""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(PushSettings).decode


def kept(settings: PushSettings) -> bytes:
    """Settings as they are kept. Raises `BadPush`."""
    _check(settings)
    return _encode(settings)


def read(text: bytes) -> PushSettings:
    """Settings from what is kept. Raises `BadPush`."""
    try:
        settings = _decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadPush(f"it cannot be read: {str(error).splitlines()[0]}") from None
    _check(settings)
    return settings


def keys_of(secret: str) -> list[bytes]:
    """The keys that secrets stand for. Raises `BadPush`."""
    return [_key_of(one) for one in secret.split()]


def shown_url(url: str) -> str:
    """A URL for people: without what may be secret in it, user, password and query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _check(settings: PushSettings) -> None:
    _check_url(settings.url)
    _check_number("concurrency", settings.concurrency, WEBHOOK_CONCURRENCY_MAX)
    _check_number("timeout_ms", settings.timeout_ms, WEBHOOK_TIMEOUT_MS_MAX)
    if settings.per_second is not None:
        _check_number("per_second", settings.per_second, WEBHOOK_PER_SECOND_MAX)
    if not isinstance(settings.secret, str):
        raise BadPush("a secret is a text")
    if len(keys_of(settings.secret)) > WEBHOOK_SECRETS_MAX:
        raise BadPush(f"at most {WEBHOOK_SECRETS_MAX} secrets sign a push")


def _check_number(name: str, number: object, most: int) -> None:
    # What is given by a program may be of any type.
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= most:
        raise BadPush(f"`{name}` is a whole number from 1 to {most:,}")


def _check_url(url: object) -> None:
    if not isinstance(url, str) or not url:
        raise BadPush("the URL is a text such as https://example.org/hook")
    if len(url) > WEBHOOK_URL_CHARS_MAX:
        raise BadPush(f"the URL has at most {WEBHOOK_URL_CHARS_MAX:,} characters")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise BadPush("the URL has characters that must be written as %XX")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise BadPush("the URL begins with http:// or https:// and a host")


def _key_of(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    within = WEBHOOK_SECRET_BYTES_MIN <= len(key) <= WEBHOOK_SECRET_BYTES_MAX
    if not within or not secret.startswith(SECRET_PREFIX):
        raise BadPush(
            f"a secret is `{SECRET_PREFIX}` and base64 of {WEBHOOK_SECRET_BYTES_MIN} to"
            f" {WEBHOOK_SECRET_BYTES_MAX} random bytes"
        )
    return key
