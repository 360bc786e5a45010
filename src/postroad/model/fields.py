"""Field tables: named values of many types, as AMQP 0-9-1 carries them in RabbitMQ's dialect.

It stands below the stored head, so that every protocol can read what came by AMQP. The rule kept
here: reading raises ValueError and nothing else, however the bytes were made.
"""

from decimal import Decimal
from struct import Struct, error
from typing import TypeAlias

from postroad.limits import FIELD_DEPTH_MAX


class Stamp(int):
    """Seconds since 1970, of a field that says it is a time."""

    __slots__ = ()


class Long(int):
    """A number written in 64 bits though 32 would do."""

    __slots__ = ()


FieldValue: TypeAlias = (
    "bool | int | float | Decimal | str | bytes | list[FieldValue] | dict[str, FieldValue] | None"
)
"""What a field holds; a `Stamp` and a `Long` are numbers too."""
FieldTable: TypeAlias = dict[str, FieldValue]

_UNREADABLE = (error, IndexError)
_LENGTH = Struct(">I")
_DECIMAL = Struct(">BI")
_INT_32 = Struct(">i")
_INT_64 = Struct(">q")
_UINT_64 = Struct(">Q")
_DOUBLE = Struct(">d")
_NUMBERS = {
    ord("b"): Struct(">b"),
    ord("B"): Struct(">B"),
    ord("s"): Struct(">h"),
    ord("u"): Struct(">H"),
    ord("I"): _INT_32,
    ord("i"): _LENGTH,
    ord("f"): Struct(">f"),
    ord("d"): _DOUBLE,
}
_INT_32_MIN, _INT_32_MAX = -(1 << 31), (1 << 31) - 1
_INT_64_MIN, _INT_64_MAX = -(1 << 63), (1 << 63) - 1
_DECIMAL_PLACES_MAX = 255


def read_table(data: bytes, at: int) -> tuple[FieldTable, int]:
    """The table at `at`, its length before it, and where it ends. Of two fields of one name the
    later counts. Raises ValueError."""
    try:
        return _read_table(data, at, FIELD_DEPTH_MAX)
    except _UNREADABLE as wrong:
        raise ValueError(f"a field table ends too early: {wrong}") from wrong


def write_table(table: FieldTable) -> bytes:
    """A table with its length before it. Numbers are written in 32 bits where they fit, else in 64.
    Raises ValueError for a value or a name that no field can hold."""
    return _sized(_fields_of(table, FIELD_DEPTH_MAX))


def _read_table(data: bytes, at: int, depth: int) -> tuple[FieldTable, int]:
    at, end = _within(data, at, depth)
    table: FieldTable = {}
    while at < end:
        named = at + 1 + data[at]
        name = data[at + 1 : named].decode("utf-8", "replace")
        table[name], at = _read_value(data, named, depth)
    return table, _exactly(at, end)


def _read_array(data: bytes, at: int, depth: int) -> tuple[list[FieldValue], int]:
    at, end = _within(data, at, depth)
    values: list[FieldValue] = []
    while at < end:
        one, at = _read_value(data, at, depth)
        values.append(one)
    return values, _exactly(at, end)


def _within(data: bytes, at: int, depth: int) -> tuple[int, int]:
    """Where the values after a length begin and end."""
    if not depth:
        raise ValueError(f"a field table is nested deeper than {FIELD_DEPTH_MAX}")
    end = at + 4 + _LENGTH.unpack_from(data, at)[0]
    if end > len(data):
        raise ValueError("a field table is longer than what it came in")
    return at + 4, end


def _exactly(at: int, end: int) -> int:
    if at != end:
        raise ValueError("a field goes beyond the end of its table")
    return end


def _read_value(data: bytes, at: int, depth: int) -> tuple[FieldValue, int]:
    letter = data[at]
    at += 1
    number = _NUMBERS.get(letter)
    if number is not None:
        return number.unpack_from(data, at)[0], at + number.size
    if letter in b"Sx":
        return _read_long_text(data, at, is_text=letter == ord("S"))
    if letter == ord("F"):
        return _read_table(data, at, depth - 1)
    if letter == ord("A"):
        return _read_array(data, at, depth - 1)
    return _read_rare(letter, data, at)


def _read_long_text(data: bytes, at: int, *, is_text: bool) -> tuple[str | bytes, int]:
    end = at + 4 + _LENGTH.unpack_from(data, at)[0]
    if end > len(data):
        raise ValueError("a text in a field table is longer than what it came in")
    text = data[at + 4 : end]
    if is_text:
        try:
            return text.decode(), end
        except UnicodeDecodeError:
            return text, end
    return text, end


def _read_rare(letter: int, data: bytes, at: int) -> tuple[FieldValue, int]:
    if letter == ord("t"):
        return data[at] != 0, at + 1
    if letter == ord("V"):
        return None, at
    if letter in b"lL":  # py-amqp writes a large number as an `L`
        number = _INT_64.unpack_from(data, at)[0]
        return (Long(number) if _INT_32_MIN <= number <= _INT_32_MAX else number), at + 8
    if letter == ord("T"):
        return Stamp(_UINT_64.unpack_from(data, at)[0]), at + 8
    if letter == ord("D"):
        places, digits = _DECIMAL.unpack_from(data, at)
        return Decimal(digits).scaleb(-places), at + 5
    raise ValueError(f"a field table has a value of the unknown type {chr(letter)!r}")


def _sized(packed: bytes) -> bytes:
    return _LENGTH.pack(len(packed)) + packed


def _fields_of(table: FieldTable, depth: int) -> bytes:
    if not depth:
        raise ValueError(f"a field table is nested deeper than {FIELD_DEPTH_MAX}")
    parts: list[bytes] = []
    for name, one in table.items():
        packed = name.encode("utf-8", "replace")
        if len(packed) > 255:
            raise ValueError("the name of a field is longer than 255 bytes")
        parts += (bytes((len(packed),)), packed, _value_of(one, depth))
    return b"".join(parts)


def _value_of(one: FieldValue, depth: int) -> bytes:
    if isinstance(one, str):
        return b"S" + _sized(one.encode("utf-8", "replace"))
    if isinstance(one, bool):
        return b"t\x01" if one else b"t\x00"
    if isinstance(one, int):
        return _number_of(one)
    if isinstance(one, dict):
        return b"F" + _sized(_fields_of(one, depth - 1))
    if isinstance(one, list):
        return b"A" + _sized(_array_of(one, depth - 1))
    if isinstance(one, bytes):
        return b"x" + _sized(one)
    if isinstance(one, float):
        return b"d" + _DOUBLE.pack(one)
    if isinstance(one, Decimal):
        return _decimal_of(one)
    return b"V"


def _array_of(values: list[FieldValue], depth: int) -> bytes:
    if not depth:
        raise ValueError(f"a field table is nested deeper than {FIELD_DEPTH_MAX}")
    return b"".join(_value_of(one, depth) for one in values)


def _number_of(one: int) -> bytes:
    if isinstance(one, Stamp) and 0 <= one < 1 << 64:
        return b"T" + _UINT_64.pack(one)
    if _INT_32_MIN <= one <= _INT_32_MAX and not isinstance(one, Long):
        return b"I" + _INT_32.pack(one)
    if _INT_64_MIN <= one <= _INT_64_MAX:
        return b"l" + _INT_64.pack(one)
    raise ValueError(f"no field holds the number {one}")


def _decimal_of(one: Decimal) -> bytes:
    """A decimal as its digits and places; what does not fit is written as the nearest double."""
    sign, digits, exponent = one.as_tuple()
    if isinstance(exponent, int) and -_DECIMAL_PLACES_MAX <= exponent <= 0 and not sign:
        number = int("".join(map(str, digits)))
        if number < 1 << 32:
            return b"D" + _DECIMAL.pack(-exponent, number)
    return b"d" + _DOUBLE.pack(float(one))
