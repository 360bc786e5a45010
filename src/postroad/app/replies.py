"""Replies: what a worker answers to messages that say where the answer goes.

It stands between the end of a run and whoever asked, in whatever protocol. The rule kept here: a
reply goes out in the step of the ack, beside it: a queue that is gone loses the reply and nothing
else.
"""

from typing import Any, Final
from urllib.parse import unquote

import msgspec

from postroad.api.operations import Operations
from postroad.app.bodies import encoded, value_reader
from postroad.app.company import NOBODY, Company
from postroad.app.outcomes import BadBody
from postroad.errors import RequestFailed
from postroad.limits import REPLY_BYTES_MAX, RESULT_TEXT_MAX
from postroad.model.message import Delivery, HeaderValue
from postroad.model.properties import HEAD_ROUTED, properties_at

REPLY_TO: Final = "reply-to"
"""The header (the property of AMQP, the message attribute of SQS) that names the queue for the
reply."""
CORRELATION_ID: Final = "correlation-id"
"""What a reply repeats, so that whoever asked knows what it answers."""
CONTENT_TYPE: Final = "content-type"
ERROR_HEADER: Final = "postroad-error"
"""Of a reply that says why there is no answer: the name of the error."""

BYTES: Final = "application/octet-stream"
TEXT: Final = "text/plain"
JSON: Final = "application/json"

_NAME: Final = REPLY_TO.encode()
_FLAG_REPLY_TO: Final = 0x02
_later: Final = Operations()

Body = tuple[bytes, str]
"""A body, and its content type."""


class Replies:
    """The companion that answers."""

    def wants(self, message: Delivery) -> bool:
        """Whether a message says where its answer goes."""
        head = message.head
        if head[0] == HEAD_ROUTED:
            return bool(head[properties_at(head)] & _FLAG_REPLY_TO)
        return _NAME in head

    def succeeded(self, message: Delivery, result: object) -> Company:
        """What the task returned."""
        try:
            body, content_type = body_of(result, "the reply")
        except TypeError as error:
            return self._failure(message, error)
        if len(body) > REPLY_BYTES_MAX:
            text = f"the reply has {len(body):,} bytes, and {REPLY_BYTES_MAX:,} go back at most"
            return self._failure(message, ValueError(text))
        return _reply(message, body, {CONTENT_TYPE: content_type})

    def failed(self, message: Delivery, error: BaseException, final: bool) -> Company:
        """What went wrong, where it did so for good."""
        return self._failure(message, error) if final else NOBODY

    def _failure(self, message: Delivery, error: BaseException) -> Company:
        # Half a character, as some JSON and names of files have, has no form in UTF-8.
        text = str(error).encode(errors="backslashreplace").decode()[:RESULT_TEXT_MAX]
        name = type(error).__qualname__
        return _reply(message, text.encode(), {CONTENT_TYPE: TEXT, ERROR_HEADER: name})


def body_of(given: object, what: str) -> Body:
    """A value as a body: bytes as they are, text as UTF-8, anything else as JSON. Raises
    `TypeError` about `what` where it is none of that.
    """
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given), BYTES
    if isinstance(given, str):
        try:
            return given.encode(), TEXT
        except UnicodeEncodeError as error:
            raise TypeError(f"{what}: {error}") from None
    return encoded(given, what), JSON


def opened(queue: str, reply: Delivery, returns: Any) -> Any:
    """What a reply says, as `returns`; `None`: as its content type says, bytes where it says
    nothing. Raises `RequestFailed` where it is no answer.
    """
    headers, body = reply.headers, reply.body
    failed = headers.get(ERROR_HEADER)
    if failed is not None:
        raise RequestFailed(queue, str(failed), body.decode(errors="replace"))
    content_type = str(headers.get(CONTENT_TYPE) or "").partition(";")[0].strip().lower()
    try:
        return _read(body, content_type, returns)
    except (BadBody, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestFailed(queue, "BadReply", str(error)) from None


def _read(body: bytes, content_type: str, returns: Any) -> Any:
    if content_type == TEXT and returns in (None, Any):
        return body.decode()
    if content_type == JSON and returns in (None, Any, str):
        found: object = msgspec.json.decode(body)
        # JSON that is a text where text is wanted is that text; else it is handed out as it came.
        return found if returns is not str or isinstance(found, str) else body.decode()
    if returns in (None, Any):
        return body
    return value_reader(returns, "the reply")(body)


def _reply(message: Delivery, body: bytes, headers: dict[str, HeaderValue]) -> Company:
    asked = message.headers
    queue = _queue_of(asked.get(REPLY_TO))
    if not queue:
        return NOBODY
    correlation = asked.get(CORRELATION_ID)
    if correlation is not None:
        headers[CORRELATION_ID] = correlation
    return Company(beside=[_later.publish(queue, body, headers=headers)])


def _queue_of(reply_to: object) -> str:
    """A queue by its name, or by the URL that it has in SQS."""
    if not isinstance(reply_to, str):
        return ""
    if reply_to.startswith(("http://", "https://")):
        return unquote(reply_to.rpartition("/")[2])
    return reply_to
