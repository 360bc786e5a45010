"""The facts of lists.

One rule: as in `core.records`, whose kinds they add to; `first`, `span`, `mask` mean the same.
"""

from postroad.core.records import Record

LEFT_END = 1
RIGHT_END = 2

BEFORE = -1
INSTEAD = 0
AFTER = 1


class ListBegun(Record, tag=33):
    """A queue is a list whose main lane ends at `main_end` (LEFT_END or RIGHT_END). `passing`: it
    was made by a push, and goes when it is empty."""

    queue: int
    main_end: int
    passing: bool


class Fronted(Record, tag=34):
    """Messages that were published last, in the same step, stand in the front lane, the last of
    them foremost."""

    queue: int
    first: int
    span: int
    mask: bytes


class Seated(Record, tag=35):
    """A message that was published last, in the same step, stands next to the message at offset
    `beside`: `side` BEFORE it or AFTER it, seen from the front, or INSTEAD of it, which leaves in
    the same step."""

    queue: int
    offset: int
    beside: int
    side: int


ListRecord = ListBegun | Fronted | Seated
