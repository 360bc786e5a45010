"""Lists as plainly as one can: what each command makes of them, and what it says then.

Nothing here is changed; what changes is made anew, so that there may be many courses of things.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from postroad.model import commands as asks
from postroad.model import lists, replies
from postroad.model.lists import LEFT
from postroad.model.replies import Why

Item = tuple[bytes, bytes]
"""Body and head."""
Answer = tuple[Any, ...]
NOTHING: Answer = ("ListItems", "", ())
"""Heard by who waited in vain."""
DONE: Answer = ("Done",)
ABSENT: Answer = ("Refused", Why.NO_SUCH_QUEUE)


class Row(NamedTuple):
    """One list. `items`: from left to right; `main`: its main end, empty while that is open;
    `passing`: it goes when it is empty."""

    items: tuple[Item, ...] = ()
    main: str = ""
    passing: bool = True

    def __repr__(self) -> str:
        bodies = b" ".join(body[:6].partition(b"|")[0] for body, _ in self.items).decode()
        return f"<{bodies}, main {self.main}{', passing' * self.passing}>"


Rows = tuple[tuple[str, Row], ...]
"""All lists that are there, by name."""
NO_ROW = Row()
Change = tuple[Row | None, Answer]


def answer_of(reply: Any) -> Answer:
    """What counts of an answer."""
    name = type(reply).__name__
    match reply:
        case lists.ListLength():
            return name, reply.length
        case lists.ListItems():
            return name, reply.list, tuple((one.body, one.head) for one in reply.messages)
        case lists.ListDescribed():
            return name, reply.length, reply.main_end, reply.passing
        case lists.ListRemoved():
            return name, reply.count
        case lists.ListPositions():
            return name, reply.positions
        case replies.Refused():
            return name, reply.why
        case replies.Declared():
            return name, reply.created
    return (name,)


def row_of(rows: Rows, name: str) -> Row | None:
    """A list, if it is there."""
    return next((row for one, row in rows if one == name), None)


def with_row(rows: Rows, name: str, row: Row | None) -> Rows:
    """With another list of this name; a passing one that is empty is gone."""
    others = tuple(one for one in rows if one[0] != name)
    if row is None or (row.passing and not row.items):
        return others
    return tuple(sorted((*others, (name, row))))


def changed(rows: Rows, command: Any) -> tuple[Rows, Answer]:
    """What a command that does not wait brings about, and says."""
    name = getattr(command, "list", None) or command.name
    before = row_of(rows, name)
    row, answer = CHANGES[type(command)](before, command)
    return (rows if row is before else with_row(rows, name, row)), answer


def popped(rows: Rows, command: lists.ListPop, name: str) -> tuple[Rows, Answer]:
    """The outermost of a list that has any are taken from it."""
    row = row_of(rows, name)
    assert row is not None, "there is something to pop"
    left = command.end == LEFT
    taken = row.items[: command.count] if left else row.items[::-1][: command.count]
    rest = row.items[len(taken) :] if left else row.items[: len(row.items) - len(taken)]
    return with_row(rows, name, row._replace(items=rest)), ("ListItems", name, taken)


def moved(rows: Rows, command: lists.ListMove) -> tuple[Rows, Answer]:
    """The outermost of a list that has any goes to another, or to the other end."""
    row = row_of(rows, command.source)
    assert row is not None, "there is something to move"
    left = command.source_end == LEFT
    item = row.items[0] if left else row.items[-1]
    row = row._replace(items=row.items[1:] if left else row.items[:-1])
    if command.target == command.source:
        # It is never empty meanwhile.
        items = (item, *row.items) if command.target_end == LEFT else (*row.items, item)
        rows = with_row(rows, command.target, row._replace(items=items))
    else:
        rows = with_row(rows, command.source, row)
        target = pushed(row_of(rows, command.target) or NO_ROW, command.target_end, [item])
        rows = with_row(rows, command.target, target)
    return rows, ("ListItems", command.target, (item,))


def pushed(row: Row, end: str, items: list[Item]) -> Row:
    """With more at one end, the last outermost."""
    main = row.main if row.items else end
    more = (*reversed(items), *row.items) if end == LEFT else (*row.items, *items)
    return Row(tuple(more), main, row.passing)


def items_of(bodies: Any, heads: Any) -> list[Item]:
    """Bodies with their heads."""
    return list(zip(bodies, heads or [b""] * len(bodies), strict=True))


def _push(row: Row | None, command: lists.ListPush) -> Change:
    if command.only_if_exists and (row is None or not row.items):
        return row, ("ListLength", 0)
    fresh = pushed(row or NO_ROW, command.end, items_of(command.bodies, command.heads))
    return fresh, ("ListLength", len(fresh.items))


def _describe(row: Row | None, _: lists.DescribeList) -> Change:
    if row is None:
        return row, ("ListDescribed", 0, "", False)
    return row, ("ListDescribed", len(row.items), row.main, row.passing)


def _range(row: Row | None, command: lists.ListRange) -> Change:
    if row is None:
        return row, NOTHING
    return row, ("ListItems", command.list, _part(row.items, command.first, command.last))


def _set(row: Row | None, command: lists.ListSet) -> Change:
    if row is None or not row.items:
        return row, ABSENT
    if not -len(row.items) <= command.index < len(row.items):
        return row, ("Refused", Why.OUT_OF_RANGE)
    items = list(row.items)
    items[command.index] = (command.body, command.head)
    return row._replace(items=tuple(items)), DONE


def _insert(row: Row | None, command: lists.ListInsert) -> Change:
    if row is None or not row.items:
        return row, ("ListLength", 0)
    at = next((at for at, one in enumerate(row.items) if one[0] == command.pivot), None)
    if at is None:
        return row, ("ListLength", -1)
    at += not command.before
    items = (*row.items[:at], (command.body, command.head), *row.items[at:])
    return row._replace(items=items), ("ListLength", len(items))


def _remove(row: Row | None, command: lists.ListRemove) -> Change:
    found = [] if row is None else _indexes(row, command.body)
    if command.count < 0:
        found.reverse()
    gone = set(found[: abs(command.count)] if command.count else found)
    if row is None or not gone:
        return row, ("ListRemoved", 0)
    rest = tuple(one for at, one in enumerate(row.items) if at not in gone)
    return row._replace(items=rest), ("ListRemoved", len(gone))


def _trim(row: Row | None, command: lists.ListTrim) -> Change:
    if row is None:
        return row, ("ListRemoved", 0)
    kept = _part(row.items, command.first, command.last)
    return row._replace(items=kept), ("ListRemoved", len(row.items) - len(kept))


def _position(row: Row | None, command: lists.ListPosition) -> Change:
    found = [] if row is None else _indexes(row, command.body)
    found = (found if command.rank > 0 else found[::-1])[abs(command.rank) - 1 :]
    return row, ("ListPositions", tuple(found[: command.count] if command.count else found))


def _declare(row: Row | None, _: asks.DeclareQueue) -> Change:
    fresh = Row((), "", passing=False) if row is None else row._replace(passing=False)
    return fresh, ("Declared", row is None)


def _delete(row: Row | None, _: asks.DeleteQueue) -> Change:
    return None, DONE if row is not None else ABSENT


def _purge(row: Row | None, _: asks.PurgeQueue) -> Change:
    return (row, ABSENT) if row is None else (row._replace(items=()), ("Purged",))


def _indexes(row: Row | None, body: bytes) -> list[int]:
    """Where a body is."""
    return [] if row is None else [at for at, one in enumerate(row.items) if one[0] == body]


def _part(items: tuple[Item, ...], first: int, last: int) -> tuple[Item, ...]:
    """From one index to another, both included."""
    low = max(0, first + len(items)) if first < 0 else first
    high = last + len(items) if last < 0 else last
    return items[low : high + 1] if low <= high else ()


CHANGES: dict[type, Callable[[Row | None, Any], Change]] = {
    lists.ListPush: _push,
    lists.DescribeList: _describe,
    lists.ListRange: _range,
    lists.ListSet: _set,
    lists.ListInsert: _insert,
    lists.ListRemove: _remove,
    lists.ListTrim: _trim,
    lists.ListPosition: _position,
    asks.DeclareQueue: _declare,
    asks.DeleteQueue: _delete,
    asks.PurgeQueue: _purge,
}
"""What those that never wait do to the list they name."""
