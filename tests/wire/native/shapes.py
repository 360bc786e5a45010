"""Any value of any type that the model's commands and replies are made of."""

import dataclasses
import types
import typing
from collections.abc import Sequence
from enum import Enum

import msgspec
from hypothesis import strategies as st

from postroad.model.batch import Batch, BatchDone
from postroad.protocols.native import spec

_SCALARS: dict[object, st.SearchStrategy[object]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    str: st.text(max_size=8),
    bytes: st.binary(max_size=8),
    bool: st.booleans(),
    type(None): st.none(),
}


def any_of(kind: object) -> st.SearchStrategy[object]:
    """Any value of a type."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(any_of, args))
    if origin in (list, Sequence):
        return st.lists(any_of(args[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(any_of(args[0]), any_of(args[1]), max_size=3)
    if origin is tuple:
        if args[-1] is ...:
            return st.lists(any_of(args[0]), max_size=3).map(tuple)
        return st.tuples(*map(any_of, args))
    assert isinstance(kind, type), f"a type that nobody knows here: {kind!r}"
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    return any_made(kind)


def any_made(cls: type) -> st.SearchStrategy[object]:
    """Any value of a class of the model."""
    if cls in (Batch, BatchDone):
        return _batches(cls)
    hints = typing.get_type_hints(cls)
    names = fields_of(cls)
    return st.builds(lambda values: cls(*values), st.tuples(*(any_of(hints[one]) for one in names)))


def fields_of(cls: type) -> list[str]:
    """The names of a class's fields, in order."""
    if issubclass(cls, msgspec.Struct):
        return list(cls.__struct_fields__)
    return [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]


def _batches(cls: type) -> st.SearchStrategy[object]:
    rows = spec.COMMANDS if cls is Batch else spec.REPLIES
    single: list[type] = [row.cls for row in rows if row.cls is not cls]
    parts = st.lists(st.sampled_from(single).flatmap(any_made), max_size=3)
    if cls is BatchDone:
        return st.builds(BatchDone, parts)
    watched = st.lists(st.tuples(st.text(max_size=8), st.integers(0, 2**40)), max_size=2)
    return st.builds(Batch, parts, watched, st.booleans())


def parts() -> list[type]:
    """Every class that commands and replies are made of, and they themselves."""
    seen: dict[type, None] = {}
    for row in (*spec.COMMANDS, *spec.REPLIES):
        _walk(row.cls, seen)
    return list(seen)


def _walk(kind: object, seen: dict[type, None]) -> None:
    for one in typing.get_args(kind):
        _walk(one, seen)
    if not isinstance(kind, type) or typing.get_origin(kind) or kind in seen:
        return
    if issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind):
        seen[kind] = None
        if kind not in (Batch, BatchDone):
            for hint in typing.get_type_hints(kind).values():
                _walk(hint, seen)
