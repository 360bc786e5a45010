"""Message attributes and bodies: what a sender may give, and how it is stored as a head.

It is a part of the border to the core. The rule kept here: what is stored can be given back to any
SQS client exactly as it was sent.
"""

from math import isfinite
from typing import Final

from postroad.limits import SQS_ATTRIBUTE_NAME_CHARS_MAX, SQS_ATTRIBUTES_MAX
from postroad.model.message import typed_head
from postroad.model.value import value
from postroad.protocols.aws.faults import INVALID_PARAMETER, Fault, invalid
from postroad.protocols.sqs.errors import fault
from postroad.protocols.sqs.inputs import Attributes, AttributeValue, SendEntry, SendMessage
from postroad.protocols.sqs.md5 import attributes_md5, body_md5
from postroad.protocols.sqs.ordering import bad_ids, own_names
from postroad.protocols.sqs.spec import TRACE_HEADER

Typed = dict[str, tuple[str, str | bytes]]

OWN: Final = "\0"
"""What the names of stored headers begin with that are SQS's own and no message attributes."""
_NAME_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")
_FORBIDDEN: Final = bytes(code for code in range(0x20) if code not in (0x9, 0xA, 0xD))
_ALLOWED: Final = bytes(code for code in range(0x100) if code not in _FORBIDDEN)
_NOT_CHARACTERS: Final = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")
_BAD_TEXT: Final = (
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF |"
    " #xE000 to #xFFFD | #x10000 to #x10FFFF"
)


@value
class Prepared:
    """A message ready to be published. `size_bytes` is what SQS counts: body and attributes.
    `group`, `dedup_id`: what it said of its place among others."""

    body: bytes
    head: bytes
    delay_ms: int | None
    size_bytes: int
    body_md5: str
    attributes_md5: str
    system_md5: str
    group: str | None = None
    dedup_id: str | None = None


def is_text(encoded: bytes) -> bool:
    """Whether UTF-8 bytes hold only characters that SQS carries (those of XML 1.0)."""
    if encoded.translate(None, _ALLOWED):
        return False
    return not (b"\xef\xbf" in encoded and any(bad in encoded for bad in _NOT_CHARACTERS))


def prepare(given: SendMessage | SendEntry) -> Prepared | Fault:
    """The stored form of a message, or what is wrong with it."""
    text = given.MessageBody
    body = text.encode()
    # The usual short text is known by its characters before a table for `is_text` is set up.
    if not (text.isascii() and text.isprintable()) and not is_text(body):
        return fault("InvalidMessageContents", _BAD_TEXT)
    delay_ms = None if given.DelaySeconds is None else given.DelaySeconds * 1_000
    bare = given.MessageGroupId is None and given.MessageDeduplicationId is None
    if bare and not given.MessageAttributes and not given.MessageSystemAttributes:
        return Prepared(body, b"", delay_ms, len(body), body_md5(body), "", "")
    wrong = bad_ids(given)
    if wrong is not None:
        return wrong
    typed = _message_attributes(given.MessageAttributes or {})
    if isinstance(typed, Fault):
        return typed
    system = _system_attributes(given.MessageSystemAttributes or {})
    if isinstance(system, Fault):
        return system
    own = {OWN + name: one for name, one in system.items()}
    head = typed_head(typed | own | own_names(given))
    size_bytes = len(body) + sum(
        len(name.encode()) + len(kind.encode()) + _size(content)
        for name, (kind, content) in typed.items()
    )
    return Prepared(
        body,
        head,
        delay_ms,
        size_bytes,
        body_md5(body),
        attributes_md5(typed) if typed else "",
        attributes_md5(system) if system else "",
        given.MessageGroupId,
        given.MessageDeduplicationId,
    )


def _size(content: str | bytes) -> int:
    return len(content) if isinstance(content, bytes) else len(content.encode())


def _message_attributes(given: Attributes) -> Typed | Fault:
    if len(given) > SQS_ATTRIBUTES_MAX:
        return _bad(
            f"Number of message attributes [{len(given)}] exceeds the allowed maximum"
            f" [{SQS_ATTRIBUTES_MAX}]."
        )
    typed: Typed = {}
    for name, one in given.items():
        wrong = _bad_name(name)
        if wrong is not None:
            return _bad(wrong)
        stored = _typed(name, one)
        if isinstance(stored, Fault):
            return stored
        typed[name] = stored
    return typed


def _system_attributes(given: Attributes) -> Typed | Fault:
    typed: Typed = {}
    for name, one in given.items():
        if name != TRACE_HEADER:
            return invalid("MessageSystemAttributes", name, f"Only {TRACE_HEADER} can be sent.")
        stored = _typed(name, one)
        if isinstance(stored, Fault):
            return stored
        if stored[0] != "String":
            return invalid(TRACE_HEADER, stored[0], "Its data type must be String.")
        typed[name] = stored
    return typed


def _bad_name(name: str) -> str | None:
    if not name or len(name) > SQS_ATTRIBUTE_NAME_CHARS_MAX:
        return (
            "The message attribute name must have between 1 and"
            f" {SQS_ATTRIBUTE_NAME_CHARS_MAX} characters."
        )
    if not _NAME_CHARS.issuperset(name):
        return (
            "The message attribute name can contain the characters A-Z, a-z, 0-9, underscore,"
            " hyphen and period."
        )
    if name[0] == "." or name[-1] == "." or ".." in name:
        return "The message attribute name cannot begin or end with a period, or hold two in a row."
    if name.lower().startswith(("aws.", "amazon.")):
        return "The message attribute name cannot begin with AWS. or Amazon."
    return None


def _typed(name: str, one: AttributeValue) -> tuple[str, str | bytes] | Fault:
    """An attribute as it is stored: its type and its one value."""
    if not one.DataType:
        return _bad(f"The message attribute '{name}' must contain a non-empty attribute type.")
    kind = one.DataType.partition(".")[0]
    if kind not in ("String", "Number", "Binary") or len(one.DataType) > (
        SQS_ATTRIBUTE_NAME_CHARS_MAX
    ):
        return _bad(
            f"The message attribute '{name}' has an invalid message attribute type, the set of"
            " supported type prefixes is Binary, Number, and String."
        )
    if not is_text(one.DataType.encode()):
        return _bad(f"The type of the message attribute '{name}' has invalid characters.")
    if one.StringListValues or one.BinaryListValues:
        return _bad("Message attribute list values in SendMessage operation are not supported.")
    content = one.BinaryValue if kind == "Binary" else one.StringValue
    other = one.StringValue if kind == "Binary" else one.BinaryValue
    if not content:
        field = "BinaryValue" if kind == "Binary" else "StringValue"
        return _bad(
            f"The message attribute '{name}' with type '{kind}' must use field '{field}', and it"
            " must not be empty."
        )
    if other:
        return _bad(f"The message attribute '{name}' has more than one value.")
    if isinstance(content, str):
        if not is_text(content.encode()):
            return fault("InvalidMessageContents", _BAD_TEXT)
        if kind == "Number" and not _is_number(content):
            return _bad(f"Can't cast the value of message attribute '{name}' to a number.")
    return one.DataType, content


def _is_number(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    # `float` also reads `nan`, `infinity`, spaces and digits in groups: no numbers to SQS.
    return isfinite(number) and "_" not in text and text == text.strip()


def _bad(text: str) -> Fault:
    return Fault(INVALID_PARAMETER, text)
