"""Writes the tables of the native protocol's reference page from the protocol's own.

It stands beside the page writer, which puts them where the page has a mark for each. The rule kept
here: what is on the wire is told from the classes that are on it.
"""

import dataclasses
import types
import typing
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, Final

import msgspec

from postroad.model.batch import Batch, BatchDone
from postroad.protocols.native import greeting, spec
from postroad.protocols.native.errors import FAULTS
from postroad.protocols.native.spec import Kind

_WORDS: Final[dict[object, str]] = {
    str: "text",
    bytes: "bytes",
    int: "int",
    float: "float",
    bool: "bool",
    type(None): "nil",
}
_TAGGED: Final = {Batch: ("commands", "[(tag, command)]"), BatchDone: ("replies", "[(tag, reply)]")}
_HEAD_KINDS: Final = "| kind | |"
_GREETINGS: Final = (greeting.Hello, greeting.Welcome, greeting.Report, greeting.Fault)


def renewed(page: str) -> str:
    """Return a page with each of its tables as it is now."""
    for name, lines in _tables().items():
        begin, end = f"<!-- table: {name} -->\n", "<!-- end -->"
        before, found, rest = page.partition(begin)
        assert found, f"the page has a mark for {name}"
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n" + "\n".join(lines) + f"\n\n{end}{after}"
    return page


def _tables() -> dict[str, list[str]]:
    return {
        "kinds": [_HEAD_KINDS, "|---|---|", *(f"| {one.value} | {one.name} |" for one in Kind)],
        "greetings": [line for cls in _GREETINGS for line in _entry(cls, f"`{cls.__name__}`")],
        "faults": list(_faults()),
        "commands": list(_commands()),
        "replies": [
            line for row in spec.REPLIES for line in _entry(row.cls, _title(row.number, row.cls))
        ],
        "parts": [line for cls in _parts() for line in _entry(cls, f"`{cls.__name__}`")],
    }


def _faults() -> Iterator[str]:
    yield from ("| code | name | |", "|---|---|---|")
    for code, text in FAULTS.items():
        yield f"| {code.value} | `{code.name}` | {text} |"


def _commands() -> Iterator[str]:
    for row in spec.COMMANDS:
        yield from _entry(row.cls, _title(row.number, row.cls), spec.AGAIN[row.again])


def _title(number: int, cls: type) -> str:
    return f"{number} `{cls.__name__}`"


def _entry(cls: type, title: str, again: str = "") -> Iterator[str]:
    form = " (array)" if _is_array(cls) else ""
    yield f"- **{title}**{form}: {' '.join((cls.__doc__ or '').split())}"
    fields = ", ".join(_fields(cls))
    if fields:
        yield f"  {'Values' if issubclass(cls, Enum) else 'Fields'}: {fields}."
    if again:
        yield f"  Asked again: {again}."


def _fields(cls: type) -> Iterator[str]:
    if issubclass(cls, Enum):
        yield from (f"{one.value} `{one.name}`" for one in cls)
        return
    hints = {} if cls in _TAGGED else typing.get_type_hints(cls)
    for name, default in _names(cls):
        own = _TAGGED.get(cls, ("", ""))
        kind = own[1] if name == own[0] else _word(hints.get(name) or _plain(cls, name))
        shown = "" if default is None else f" = {default}"
        yield f"`{name}: {kind}{shown}`"


def _plain(cls: type, name: str) -> object:
    """The type of a field of a class that names others that only a type checker sees."""
    return cls.__annotations__[name]


def _names(cls: type) -> Iterator[tuple[str, str | None]]:
    """Each field, and its default as it is shown."""
    if issubclass(cls, msgspec.Struct):
        for field in msgspec.structs.fields(cls):
            given = field.default is not msgspec.NODEFAULT
            yield field.name, _shown(field.default) if given else None
        return
    for plain in dataclasses.fields(cls):  # type: ignore[arg-type]  # it is one of ours
        missing = plain.default is dataclasses.MISSING
        yield plain.name, None if missing else _shown(plain.default)


def _shown(default: object) -> str:
    if default is None:
        return "nil"
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, str):
        return f'"{default}"'
    if isinstance(default, bytes | tuple):
        return "empty"
    return str(default) if isinstance(default, int | float) else "its defaults"


def _word(kind: Any) -> str:
    """A type in the words of the page."""
    if kind in _WORDS:
        return _WORDS[kind]
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_word, args))
    if origin in (list, Sequence) or (origin is tuple and args[-1] is ...):
        return f"[{_word(args[0])}]"
    if origin is tuple:
        return f"({', '.join(map(_word, args))})"
    if origin is dict:
        return f"{{{_word(args[0])}: {_word(args[1])}}}"
    return str(kind.__name__)


def _is_array(cls: type) -> bool:
    return issubclass(cls, msgspec.Struct) and bool(cls.__struct_config__.array_like)


def _parts() -> list[type]:
    """What commands and replies are made of, by name."""
    tops = {row.cls for row in spec.COMMANDS} | {row.cls for row in spec.REPLIES}
    seen: dict[type, None] = {}
    for cls in tops - _TAGGED.keys():
        _walk(cls, seen)
    return sorted((one for one in seen if one not in tops), key=lambda one: one.__name__)


def _walk(kind: Any, seen: dict[type, None]) -> None:
    for one in typing.get_args(kind):
        _walk(one, seen)
    if typing.get_origin(kind) or not isinstance(kind, type) or kind in seen:
        return
    if issubclass(kind, Enum):
        seen[kind] = None
    elif issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind):
        seen[kind] = None
        for hint in typing.get_type_hints(kind).values():
            _walk(hint, seen)
