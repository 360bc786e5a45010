"""Field tables: what is written is read back, and bytes that are none raise ValueError alone."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from postroad.limits import FIELD_DEPTH_MAX
from postroad.model.fields import FieldTable, FieldValue, Long, Stamp, read_table, write_table

EVERY_TYPE = {
    "truth": (b"t\x01", True),
    "signed byte": (b"b\xff", -1),
    "byte": (b"B\xff", 255),
    "short, as RabbitMQ has it": (b"s\xff\xfe", -2),
    "unsigned short": (b"u\xff\xfe", 65_534),
    "int": (b"I\xff\xff\xff\xff", -1),
    "unsigned int": (b"i\xff\xff\xff\xff", 4_294_967_295),
    "long": (b"l\x80" + bytes(7), -(1 << 63)),
    "long of py-amqp": (b"L\x80" + bytes(7), -(1 << 63)),
    "float": (b"f\x3f\x80\0\0", 1.0),
    "double": (b"d\x3f\xe0" + bytes(6), 0.5),
    "decimal": (b"D\x02\0\0\x01\x3a", Decimal("3.14")),
    "text": (b"S\0\0\0\3\xc3\xbcx", "üx"),
    "text that is none": (b"S\0\0\0\2\xff\xfe", b"\xff\xfe"),
    "bytes": (b"x\0\0\0\2ab", b"ab"),
    "array": (b"A\0\0\0\4t\x00VV", [False, None, None]),
    "time": (b"T\0\0\0\0\x65\x93\x7d\x25", 1_704_164_645),
    "table": (b"F\0\0\0\3\x01aV", {"a": None}),
    "nothing": (b"V", None),
}

scalars = (
    some.none()
    | some.booleans()
    | some.integers(-(1 << 63), (1 << 63) - 1)
    | some.floats(allow_nan=False)
    | some.text(some.characters(exclude_categories=["Cs"]))
    | some.binary()
)
names = some.text(some.characters(exclude_categories=["Cs"]), max_size=60)
values = some.recursive(
    scalars, lambda inner: some.lists(inner) | some.dictionaries(names, inner), max_leaves=12
)


def packed(fields: bytes) -> bytes:
    return len(fields).to_bytes(4, "big") + fields


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_every_type_of_rabbitmqs_dialect_is_read(kind: str) -> None:
    data, wanted = EVERY_TYPE[kind]
    table, end = read_table(b"before" + packed(b"\x04name" + data) + b"after", 6)
    assert table == {"name": wanted}
    assert type(table["name"]) in {type(wanted), Stamp}
    assert end == 6 + 4 + 5 + len(data)


@given(some.dictionaries(names, values))
def test_what_is_written_is_read_back(table: FieldTable) -> None:
    data = write_table(table)
    assert read_table(data, 0) == (table, len(data))


@given(some.binary(max_size=60))
def test_any_bytes_are_a_table_or_a_value_error(data: bytes) -> None:
    for whole in (data, packed(data)):
        try:
            _, end = read_table(whole, 0)
        except ValueError:
            continue
        assert end <= len(whole)


@pytest.mark.parametrize(
    ("one", "letter"),
    [
        (True, b"t"), ((1 << 31) - 1, b"I"), (1 << 31, b"l"), (-(1 << 31), b"I"), (Long(1), b"l"),
        (Stamp(1), b"T"), (0.5, b"d"), (Decimal("1.5"), b"D"), (Decimal("-1.5"), b"d"), (b"", b"x"),
    ],
)  # fmt: skip
def test_a_value_decides_its_type(one: FieldValue, letter: bytes) -> None:
    data = write_table({"": one})
    assert data[5:6] == letter
    assert read_table(data, 0)[0] == {"": one}


@pytest.mark.parametrize("one", [1 << 63, -(1 << 63) - 1])
def test_a_number_beyond_64_bits_is_refused(one: int) -> None:
    with pytest.raises(ValueError, match="no field holds"):
        write_table({"a": one})


def test_a_name_longer_than_255_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="255"):
        write_table({"ü" * 128: 1})


def test_tables_in_one_another_are_bounded_both_ways() -> None:
    deep: FieldTable = {}
    for _ in range(FIELD_DEPTH_MAX - 1):
        deep = {"a": deep}
    data = write_table(deep)
    assert read_table(data, 0)[0] == deep
    with pytest.raises(ValueError, match="deeper"):
        write_table({"a": deep})
    with pytest.raises(ValueError, match="deeper"):
        read_table(packed(b"\1aF" + data), 0)
    array: FieldValue = None
    for _ in range(FIELD_DEPTH_MAX):
        array = [array]
    with pytest.raises(ValueError, match="deeper"):
        write_table({"a": array})
