"""Methods as bytes and back, by the rows of the spec; what is sent a thousand times a second has
its own way in `hot`.

The rule kept here: reading raises ValueError and nothing else, and a payload is read to its end.
"""

from collections.abc import Callable, Mapping
from struct import Struct, error
from typing import Any, Final

from postroad.model.fields import read_table, write_table
from postroad.protocols.amqp.spec import BY_ID, BY_NAME, FRAME_END, FRAME_METHOD, Method

_IDS: Final = Struct(">HH")
_FRAME: Final = Struct(">BHIHH")
_LONG: Final = Struct(">I")
_NUMBERS: Final = {
    "octet": Struct(">B"),
    "short": Struct(">H"),
    "long": _LONG,
    "longlong": Struct(">Q"),
}
_EMPTY: Final[dict[str, Any]] = {"shortstr": "", "longstr": b"", "table": {}}
_END: Final = bytes((FRAME_END,))

Numbers = tuple[int, int]


def ids_of(payload: bytes) -> Numbers:
    """(class id, method id) of a method frame's payload. Raises ValueError."""
    if len(payload) < 4:
        raise ValueError("a method frame is too short for a method")
    class_id, method_id = _IDS.unpack_from(payload)
    return class_id, method_id


def row_of(numbers: Numbers) -> Method | None:
    """The method with these numbers; `None`: there is none."""
    return BY_ID.get(numbers)


def read_args(row: Method, payload: bytes) -> dict[str, Any]:
    """The fields of a method in a method frame's payload, by name. Raises ValueError."""
    try:
        args, at = _read_fields(row, payload)
    except (error, IndexError) as wrong:
        raise ValueError(f"{row.name} ends too early") from wrong
    except UnicodeDecodeError as wrong:
        raise ValueError(f"a short string of {row.name} is not UTF-8") from wrong
    if at != len(payload):
        raise ValueError(f"{row.name} is longer than its fields")
    return args


def encode_method(channel: int, name: str, **args: Any) -> bytes:
    """A method as a whole frame. A field that is not given is zero, empty or false. Raises
    ValueError for what a field cannot hold and KeyError for a method or field there is not."""
    row = BY_NAME[name]
    payload = _fields_of(row, args)
    if args:
        raise KeyError(f"{name} has no field {', '.join(args)}")
    numbers = row.class_id, row.method_id
    return b"".join((_FRAME.pack(FRAME_METHOD, channel, len(payload) + 4, *numbers), payload, _END))


def _read_fields(row: Method, payload: bytes) -> tuple[dict[str, Any], int]:
    args: dict[str, Any] = {}
    at, bit = 4, 0
    for name, kind in row.fields:
        if kind == "bit":
            args[name] = bool(payload[at] & 1 << bit)
            bit += 1
            continue
        if bit:
            at, bit = at + 1, 0
        args[name], at = _READERS[kind](payload, at)
    return args, at + 1 if bit else at


def _fields_of(row: Method, args: dict[str, Any]) -> bytes:
    """The fields as bytes; takes what it uses out of `args`."""
    parts: list[bytes] = []
    bits, bit = 0, 0
    for name, kind in row.fields:
        if kind == "bit":
            bits |= bool(args.pop(name, False)) << bit
            bit += 1
            continue
        if bit:
            parts.append(bytes((bits,)))
            bits = bit = 0
        parts.append(_written(kind, args.pop(name, _EMPTY.get(kind, 0))))
    if bit:
        parts.append(bytes((bits,)))
    return b"".join(parts)


def _written(kind: str, one: Any) -> bytes:
    if kind == "table":
        return write_table(one)
    packed = one.encode() if isinstance(one, str) else one
    if kind == "shortstr":
        if len(packed) > 255:
            raise ValueError("a short string is longer than 255 bytes")
        return bytes((len(packed),)) + packed
    if kind == "longstr":
        return _LONG.pack(len(packed)) + packed
    return _number(_NUMBERS[kind], one)


def _number(form: Struct, one: int) -> bytes:
    try:
        return form.pack(one)
    except error as wrong:
        raise ValueError(str(wrong)) from wrong


def _read_short_text(payload: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + payload[at]
    if end > len(payload):
        raise ValueError("a short string is longer than its method")
    return payload[at + 1 : end].decode(), end


def _read_long_text(payload: bytes, at: int) -> tuple[bytes, int]:
    end = at + 4 + _LONG.unpack_from(payload, at)[0]
    if end > len(payload):
        raise ValueError("a long string is longer than its method")
    return payload[at + 4 : end], end


def _number_reader(form: Struct) -> Callable[[bytes, int], tuple[int, int]]:
    def read(payload: bytes, at: int) -> tuple[int, int]:
        return form.unpack_from(payload, at)[0], at + form.size

    return read


_READERS: Final[Mapping[str, Callable[[bytes, int], tuple[Any, int]]]] = {
    "shortstr": _read_short_text,
    "longstr": _read_long_text,
    "table": read_table,
    **{kind: _number_reader(form) for kind, form in _NUMBERS.items()},
}
