"""Commands and replies of the model as bytes: a tag of two bytes, then msgpack, written in C.

It stands between the frames and both ends. The rule kept here: whatever comes in is decoded to
exactly what its tag says, or named as bad; and what cannot be written says so before it is sent.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from postroad.model.batch import Batch, BatchDone
from postroad.model.commands import Command
from postroad.model.exchanges import Bind, BindingInfo, BindingsListed, Unbind
from postroad.model.kv import KvSortedCount, KvSortedRange
from postroad.model.replies import Reply
from postroad.protocols.native import spec

T = TypeVar("T")
Decode = Callable[[memoryview], T]

TAG_BYTES: Final = 2

_READ_ERRORS: Final = (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError)
_WRITE_ERRORS: Final = _READ_ERRORS

_Tagged = tuple[int, msgspec.Raw]


class BadPayload(ValueError):  # noqa: N818  (the name is the sentence)
    """A payload is not what its tag says."""


class UnknownTag(BadPayload):
    """No command, or no reply, has this tag."""


class Unsendable(ValueError):  # noqa: N818  (the name is the sentence)
    """A command or reply has something in it that cannot be written."""


def _plain(one: object) -> object:
    """Columns may be any sequence."""
    if isinstance(one, Sequence):
        return list(one)
    raise TypeError(f"{type(one).__name__} cannot be sent")


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode


def encode_command(command: Command) -> bytes:
    """Tag and payload of a command. Raises `Unsendable`."""
    if isinstance(command, Batch):
        return _tagged(_COMMAND_TAGS, command, _batch(command))
    return _tagged(_COMMAND_TAGS, command, command)


def decode_command(payload: bytes) -> Command:
    """The command of a tag and its payload. Raises `BadPayload`, `UnknownTag`."""
    return _read(_COMMANDS, payload, "command")


def encode_reply(reply: Reply) -> bytes:
    """Tag and payload of a reply. Raises `Unsendable`."""
    if isinstance(reply, BatchDone):
        return _tagged(_REPLY_TAGS, reply, {"replies": _rows(_REPLY_TAGS, reply.replies)})
    return _tagged(_REPLY_TAGS, reply, reply)


def decode_reply(payload: bytes) -> Reply:
    """The reply of a tag and its payload. Raises `BadPayload`, `UnknownTag`."""
    return _read(_REPLIES, payload, "reply")


def _tagged(tags: dict[type[Any], bytes], one: object, written: object) -> bytes:
    tag = tags.get(one.__class__)
    if tag is None:
        raise Unsendable(f"{type(one).__name__} cannot be sent")
    try:
        return tag + _encode(written)
    except _WRITE_ERRORS as error:
        raise Unsendable(f"{type(one).__name__} cannot be sent: {error}") from error


def _batch(command: Batch) -> dict[str, object]:
    return {
        "commands": _rows(_COMMAND_TAGS, command.commands),
        "unchanged": command.unchanged,
        "all_or_nothing": command.all_or_nothing,
    }


def _rows(tags: dict[type[Any], bytes], several: Sequence[object]) -> list[tuple[int, object]]:
    """Each with its tag. None is a batch of its own: the broker takes no batch within a batch."""
    rows: list[tuple[int, object]] = []
    for one in several:
        tag = tags.get(one.__class__)
        if tag is None or isinstance(one, Batch | BatchDone):
            raise Unsendable(f"{type(one).__name__} cannot be part of a batch that is sent")
        rows.append((int.from_bytes(tag, "big"), one))
    return rows


def _read(table: dict[bytes, Decode[T]], payload: bytes, what: str) -> T:
    decode = table.get(payload[:TAG_BYTES])
    if decode is None:
        tag = int.from_bytes(payload[:TAG_BYTES], "big")
        raise UnknownTag(f"no {what} has the tag {tag}; versions of both ends may differ")
    try:
        return decode(memoryview(payload)[TAG_BYTES:])
    except _READ_ERRORS as error:
        raise BadPayload(str(error)) from error


def _mirror(cls: type[Any], types: dict[str, Any]) -> type[Any]:
    """A class as it is, with other types for fields whose own cannot be told apart by msgspec."""
    fields: list[Any] = []
    for field in dataclasses.fields(cls):
        kind = types.get(field.name, field.type)
        missing = field.default is dataclasses.MISSING
        default = () if missing else (dataclasses.field(default=field.default),)
        fields.append((field.name, kind, *default))
    return dataclasses.make_dataclass(cls.__name__, fields, slots=True)


def _by_mirror(cls: type[T], **types: Any) -> Decode[T]:
    """The decoder of a class by way of its mirror."""
    decode = msgspec.msgpack.Decoder(_mirror(cls, types)).decode
    return lambda payload: _rebuilt(cls, decode(payload))


def _rebuilt(cls: type[T], read: object) -> T:
    values = [getattr(read, name) for name in cls.__dataclass_fields__]  # type: ignore[attr-defined]
    return cls(*values)


def _untagged(table: dict[bytes, Decode[T]], rows: list[_Tagged], what: str) -> list[T]:
    return [_read(table, tag.to_bytes(TAG_BYTES, "big") + bytes(raw), what) for tag, raw in rows]


def _batch_decoder() -> Decode[Batch]:
    decode = msgspec.msgpack.Decoder(_mirror(Batch, {"commands": list[_Tagged]})).decode

    def read(payload: memoryview) -> Batch:
        rows = decode(payload)
        commands = _untagged(_SINGLE_COMMANDS, rows.commands, "command of a batch")
        return Batch(commands, rows.unchanged, rows.all_or_nothing)

    return read


def _batch_done_decoder() -> Decode[BatchDone]:
    decode = msgspec.msgpack.Decoder(_mirror(BatchDone, {"replies": list[_Tagged]})).decode

    def read(payload: memoryview) -> BatchDone:
        return BatchDone(_untagged(_SINGLE_REPLIES, decode(payload).replies, "reply of a batch"))

    return read


def _bindings_decoder() -> Decode[BindingsListed]:
    one = _mirror(BindingInfo, {"arguments": _ARGUMENTS})
    decode = msgspec.msgpack.Decoder(_mirror(BindingsListed, {"bindings": list[one]})).decode  # type: ignore[valid-type]

    def read(payload: memoryview) -> BindingsListed:
        listed = decode(payload)
        bindings = [_rebuilt(BindingInfo, binding) for binding in listed.bindings]
        return BindingsListed(bindings, listed.more)

    return read


def _decoders(
    rows: tuple[spec.CommandRow, ...] | tuple[spec.ReplyRow, ...], special: dict[type[Any], Any]
) -> dict[bytes, Any]:
    table: dict[bytes, Any] = {}
    for row in rows:
        decode = special.get(row.cls) or msgspec.msgpack.Decoder(row.cls).decode
        table[row.number.to_bytes(TAG_BYTES, "big")] = decode
    return table


# A header's value may be text or bytes, and a bound a whole number: the model's types say less
# than the wire keeps. What may be in them is for the broker to look at.
_ARGUMENTS: Final[Any] = dict[str, Any]
_MAYBE_ARGUMENTS: Final[Any] = dict[str, Any] | None
_BOUND: Final[Any] = int | float | bytes | None

_SPECIAL_COMMANDS: Final[dict[type[Any], Any]] = {
    Bind: _by_mirror(Bind, arguments=_MAYBE_ARGUMENTS),
    Unbind: _by_mirror(Unbind, arguments=_MAYBE_ARGUMENTS),
    KvSortedRange: _by_mirror(KvSortedRange, low=_BOUND, high=_BOUND),
    KvSortedCount: _by_mirror(KvSortedCount, low=_BOUND, high=_BOUND),
    Batch: _batch_decoder(),
}
_SPECIAL_REPLIES: Final[dict[type[Any], Any]] = {
    BatchDone: _batch_done_decoder(),
    BindingsListed: _bindings_decoder(),
}
_COMMANDS: Final[dict[bytes, Decode[Command]]] = _decoders(spec.COMMANDS, _SPECIAL_COMMANDS)
_REPLIES: Final[dict[bytes, Decode[Reply]]] = _decoders(spec.REPLIES, _SPECIAL_REPLIES)
_COMMAND_TAGS: Final = {row.cls: row.number.to_bytes(TAG_BYTES, "big") for row in spec.COMMANDS}
_REPLY_TAGS: Final = {row.cls: row.number.to_bytes(TAG_BYTES, "big") for row in spec.REPLIES}
_SINGLE_COMMANDS: Final = {
    tag: decode for tag, decode in _COMMANDS.items() if tag != _COMMAND_TAGS[Batch]
}
_SINGLE_REPLIES: Final = {
    tag: decode for tag, decode in _REPLIES.items() if tag != _REPLY_TAGS[BatchDone]
}
