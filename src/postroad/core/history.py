"""The facts of what was: settled and kept, put back, forgotten, come back at a time, rescheduled.

One rule: as in `records`, whose kinds they add to; `first`, `span`, `mask` mean the same.
"""

from postroad.core.records import Record
from postroad.model.choices import Edit, Which


class Kept(Record, tag=26):
    """Messages are done and stay readable in a queue that keeps what settled. `lease` 0: they were
    not leased."""

    queue: int
    lease: int
    first: int
    span: int
    mask: bytes
    now_ms: int


class Recalled(Record, tag=27):
    """Kept messages are kept no more, because they were published elsewhere, or here again, in the
    same step."""

    queue: int
    first: int
    span: int
    mask: bytes


class Forgotten(Record, tag=28):
    """Messages that settled at or before `until_ms` are kept no more: those of the first `pages`
    pages by (oldest sample, page)."""

    queue: int
    until_ms: int
    pages: int


class CameBack(Record, tag=29):
    """As Returned, and when it was, for the biographies. `failure`: what went wrong, kept with
    those that die of it."""

    queue: int
    lease: int
    first: int
    span: int
    mask: bytes
    due_ms: int
    counted: bool
    death: int
    now_ms: int
    failure: str = ""


class HolderLeft(Record, tag=30):
    """As HolderEnded, and when it was, for the biographies."""

    queue: int
    holder: int
    limit: int
    counted: bool
    now_ms: int


class Rescheduled(Record, tag=31):
    """Ready or delayed messages are ready at `due_ms`, 0: now."""

    queue: int
    first: int
    span: int
    mask: bytes
    due_ms: int


class MovePlanned(Record, tag=32):
    """What a background move begun in the same step moves, and what becomes of it on the way.
    `settled`: what is kept, and back into its own queue where that is the target."""

    task: int
    settled: bool
    which: Which
    edit: Edit | None


HistoryRecord = Kept | Recalled | Forgotten | CameBack | HolderLeft | Rescheduled | MovePlanned
