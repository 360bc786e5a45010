"""Messages as a client gives them: what may be in them, and what is made of it.

It is a part of the border to the core. The rule kept here: what is wrong with a message is found
before anything is done with it.
"""

from math import isfinite
from typing import Final

import msgspec

from postroad.limits import (
    SNS_MESSAGE_BYTES_MAX,
    SNS_SUBJECT_CHARS_MAX,
    SQS_ATTRIBUTE_NAME_CHARS_MAX,
    SQS_FIFO_ID_CHARS_MAX,
)
from postroad.model.value import value
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sns.envelope import Typed
from postroad.protocols.sns.errors import bad, fault
from postroad.protocols.sns.inputs import Attributes, AttributeValue, Publish, PublishEntry
from postroad.protocols.sns.spec import PROTOCOLS

_NAME_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")
_ID_CHARS: Final = frozenset(chr(code) for code in range(0x21, 0x7F))
_KINDS: Final = ("String", "String.Array", "Number", "Binary")
_json: Final = msgspec.json.Decoder().decode
_structure: Final = msgspec.json.Decoder(dict[str, object]).decode
_STRUCTURE: Final = "Message Structure - "


@value
class Draft:
    """A message ready to be published. `message`: what all get; `texts`: by protocol, where some
    get another. `size_bytes`: what SNS counts."""

    message: str
    texts: dict[str, str] | None
    subject: str | None
    attributes: Typed
    group: str | None
    dedup_id: str | None
    size_bytes: int


def draft_of(given: Publish | PublishEntry, *, fifo: bool) -> Draft | Fault:
    """A message for a FIFO topic or another, or what is wrong with it."""
    if not given.Message:
        return bad("Empty message")
    wrong = _bad_subject(given.Subject) or _bad_ids(given, fifo=fifo)
    if wrong is not None:
        return wrong
    message, texts = given.Message, None
    if given.MessageStructure:
        structured = _texts(given)
        if isinstance(structured, Fault):
            return structured
        message, texts = structured
    typed = _typed(given.MessageAttributes or {})
    if isinstance(typed, Fault):
        return typed
    size_bytes = len(given.Message.encode()) + sum(
        len(name.encode()) + len(kind.encode()) + _size(content)
        for name, (kind, content) in typed.items()
    )
    if size_bytes > SNS_MESSAGE_BYTES_MAX:
        return bad("Message too long")
    return Draft(
        message,
        texts,
        given.Subject,
        typed,
        given.MessageGroupId,
        given.MessageDeduplicationId,
        size_bytes,
    )


def _size(content: str | bytes) -> int:
    return len(content.encode() if isinstance(content, str) else content)


def _bad_subject(subject: str | None) -> Fault | None:
    if subject is None:
        return None
    if 0 < len(subject) <= SNS_SUBJECT_CHARS_MAX and subject.isprintable():
        return None
    return bad("Subject")


def _bad_ids(given: Publish | PublishEntry, *, fifo: bool) -> Fault | None:
    group, dedup_id = given.MessageGroupId, given.MessageDeduplicationId
    if fifo and not group:
        return bad("The MessageGroupId parameter is required for FIFO topics")
    if dedup_id is not None and not fifo:
        return bad(
            "MessageDeduplicationId",
            "The request includes MessageDeduplicationId parameter that is not valid for this topic"
            " type",
        )
    for name, text in (("MessageGroupId", group), ("MessageDeduplicationId", dedup_id)):
        if text is not None and not (
            0 < len(text) <= SQS_FIFO_ID_CHARS_MAX and _ID_CHARS.issuperset(text)
        ):
            return bad(
                name,
                f"{name} can only include alphanumeric and punctuation characters. 1 to"
                f" {SQS_FIFO_ID_CHARS_MAX} in length",
            )
    return None


def _texts(given: Publish | PublishEntry) -> tuple[str, dict[str, str] | None] | Fault:
    """What each protocol gets; `None` where all get the same."""
    if given.MessageStructure != "json":
        return bad("MessageStructure")
    try:
        texts = _structure(given.Message)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return bad(f"{_STRUCTURE}JSON message body failed to parse")
    default = texts.get("default")
    if not isinstance(default, str):
        return bad(f"{_STRUCTURE}No default entry in JSON message body")
    chosen: dict[str, str] = {}
    for protocol in PROTOCOLS:
        text = texts.get(protocol, default)
        if not isinstance(text, str):
            return bad(f"{_STRUCTURE}the entry {protocol} is no text")
        chosen[protocol] = text
    return default, None if set(chosen.values()) == {default} else chosen


def _typed(attributes: Attributes) -> Typed | Fault:
    typed: Typed = {}
    for name, one in attributes.items():
        wrong = _bad_name(name) or _bad_kind(name, one)
        if wrong is not None:
            return fault("ParameterValueInvalid", wrong)
        binary = one.DataType.partition(".")[0] == "Binary"
        content = one.BinaryValue if binary else one.StringValue
        if not content or (one.StringValue if binary else one.BinaryValue):
            field = "BinaryValue" if binary else "StringValue"
            text = f"The message attribute '{name}' with type '{one.DataType}' must use field"
            return fault("ParameterValueInvalid", f"{text} '{field}'.")
        wrong = _bad_content(name, one.DataType, content)
        if wrong is not None:
            return fault("ParameterValueInvalid", wrong)
        typed[name] = (one.DataType, content)
    return typed


def _bad_name(name: str) -> str | None:
    if not 0 < len(name) <= SQS_ATTRIBUTE_NAME_CHARS_MAX or not _NAME_CHARS.issuperset(name):
        return f"Invalid message attribute name: '{name[:80]}'."
    if name[0] == "." or name[-1] == "." or ".." in name:
        return f"Invalid message attribute name: '{name[:80]}'."
    return None


def _bad_kind(name: str, one: AttributeValue) -> str | None:
    if not one.DataType:
        return f"The message attribute '{name}' must contain non-empty message attribute type."
    base = one.DataType.partition(".")[0]
    if base not in _KINDS or len(one.DataType) > SQS_ATTRIBUTE_NAME_CHARS_MAX:
        return (
            f"The message attribute '{name}' has an invalid message attribute type, the set of"
            " supported type prefixes is Binary, Number, and String."
        )
    return None


def _bad_content(name: str, kind: str, content: str | bytes) -> str | None:
    if isinstance(content, bytes):
        return None
    if kind.partition(".")[0] == "Number" and not _is_number(content):
        return f"Could not cast message attribute '{name}' value to number."
    if kind == "String.Array" and not _is_array(content):
        return f"The message attribute '{name}' of type String.Array is no array of plain values."
    return None


def _is_number(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    # `float` also reads `nan`, `infinity`, spaces and digits in groups.
    return isfinite(number) and "_" not in text and text == text.strip()


def _is_array(text: str) -> bool:
    try:
        found = _json(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return isinstance(found, list) and not any(isinstance(one, list | dict) for one in found)
