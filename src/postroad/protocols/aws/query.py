"""The older Query protocol: form parameters to the same plain shapes that JSON gives.

It stands between HTTP and a service's typed inputs. The rule kept here: names and nesting come
from the service's own table; what the table does not name is ignored, what does not fit is refused.
"""

from typing import Final
from urllib.parse import parse_qsl

from postroad.limits import QUERY_DEPTH_MAX, QUERY_FIELDS_MAX
from postroad.model.value import value

SCALAR: Final = 0
LIST: Final = 1
MAP: Final = 2
STRUCT: Final = 3

Plain = str | list["Plain"] | dict[str, "Plain"]
Tree = dict[str, "str | Tree"]


@value
class Member:
    """How one member of an input is spelled in a form.

    `name`: in the plain shape; `wire`: in the form; `kind`: SCALAR, LIST, MAP or STRUCT;
    `inner`: the members of the structs in it (empty: scalars); `key`, `content`: the names of a
    map's two halves; `wrap`: the word between its name and the number of an entry, if there is one.
    """

    name: str
    wire: str
    kind: int = SCALAR
    inner: tuple["Member", ...] = ()
    key: str = "Name"
    content: str = "Value"
    wrap: str = ""


class MalformedForm(Exception):  # noqa: N818  (the name is the sentence)
    """The form is none, or does not fit the table. The text is one line."""


def read_form(data: bytes) -> dict[str, str]:
    """The parameters of a form; a repeated one counts last."""
    try:
        text = data.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS_MAX
        )
    except ValueError:
        raise MalformedForm("The query string is malformed.") from None
    return dict(pairs)


def shape_form(form: dict[str, str], members: tuple[Member, ...]) -> dict[str, Plain]:
    """The plain shape of a form's parameters."""
    return _struct(_grow(form), members)


def _grow(form: dict[str, str]) -> Tree:
    root: Tree = {}
    for path, text in form.items():
        *stem, leaf = path.split(".")
        if len(stem) > QUERY_DEPTH_MAX:
            raise MalformedForm(f"The parameter name {path[:80]} is nested too deep.")
        node = root
        for part in stem:
            below = node.setdefault(part, {})
            if isinstance(below, str):
                raise MalformedForm(f"The parameter {path[:80]} does not fit its neighbours.")
            node = below
        if leaf in node:
            raise MalformedForm(f"The parameter {path[:80]} does not fit its neighbours.")
        node[leaf] = text
    return root


def _struct(tree: Tree, members: tuple[Member, ...]) -> dict[str, Plain]:
    shape: dict[str, Plain] = {}
    for member in members:
        node = tree.get(member.wire)
        if node is not None:
            shape[member.name] = _member(node, member)
    return shape


def _member(node: str | Tree, member: Member) -> Plain:
    if member.kind == SCALAR:
        if not isinstance(node, str):
            raise MalformedForm(f"The parameter {member.wire} has one value.")
        return node
    if member.kind == STRUCT:
        return _item(node, member)
    if member.wrap:
        wrapped = {} if isinstance(node, str) else node.get(member.wrap)
        if wrapped is None or (isinstance(node, str) and node):
            raise MalformedForm(f"{member.wire} has entries as {member.wire}.{member.wrap}.1.")
        node = wrapped
    rows = _rows(node, member)
    if member.kind == LIST:
        return [_item(row, member) for row in rows]
    entries: dict[str, Plain] = {}
    for row in rows:
        if isinstance(row, str) or not isinstance(name := row.get(member.key), str):
            raise MalformedForm(f"An entry of {member.wire} lacks its {member.key}.")
        content = row.get(member.content)
        if content is None:
            raise MalformedForm(f"The entry {name[:80]} of {member.wire} lacks its value.")
        entries[name] = _item(content, member)
    return entries


def _item(node: str | Tree, member: Member) -> Plain:
    if not member.inner:
        if not isinstance(node, str):
            raise MalformedForm(f"An entry of {member.wire} has one value.")
        return node
    if isinstance(node, str):
        raise MalformedForm(f"An entry of {member.wire} is no single value.")
    return _struct(node, member.inner)


def _rows(node: str | Tree, member: Member) -> list[str | Tree]:
    if isinstance(node, str) or (member.kind == MAP and member.key in node):
        # Without a number it is the only one, as very old SDKs send it.
        return [node]
    numbered: list[tuple[int, str | Tree]] = []
    for place, row in node.items():
        if not place.isascii() or not place.isdigit() or len(place) > 9:
            raise MalformedForm(f"{member.wire} is numbered from 1, as in {member.wire}.1.")
        numbered.append((int(place), row))
    return [row for _, row in sorted(numbered, key=lambda one: one[0])]
