"""Which rows of the state changed since the last checkpoint, and what they were at the cut.

One rule: every change of a row is announced by `touch` before it is made, so that a checkpoint sees
the state of one moment although it is written while the world goes on (copy on write, a row at a
time).
"""

from mypy_extensions import mypyc_attr

from postroad.limits import CUT_ROWS


@mypyc_attr(allow_interpreted_subclasses=True)
class Row:
    """A part of the state that a checkpoint writes as one row."""

    key: bytes
    dirty: bool
    owed: bool

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.dirty = False
        self.owed = False

    def encode(self) -> bytes:
        """The row's value now."""
        raise AssertionError("each kind of row encodes itself")


class Ledger:
    """Dirty rows, rows owed to the running checkpoint, and the encoded rows it has not taken
    yet."""

    def __init__(self) -> None:
        self.dirty: dict[bytes, Row | None] = {}
        self.owed: dict[bytes, Row] = {}
        self._order: list[bytes] = []
        self.rows: dict[bytes, bytes | None] = {}
        self.row_bytes = 0
        self.erased: list[bytes] = []

    def touch(self, row: Row) -> None:
        """Call before changing a row."""
        if row.owed:
            self._pay(row)
        if not row.dirty:
            row.dirty = True
            self.dirty[row.key] = row

    def drop(self, row: Row) -> None:
        """Call before forgetting a row."""
        if row.owed:
            self._pay(row)
        row.dirty = False
        self.dirty[row.key] = None

    def cut(self) -> None:
        """A checkpoint begins: everything dirty is owed to it as it is now."""
        assert not self.owed, "one checkpoint at a time"
        assert not self.rows, "what was encoded has been taken"
        self.erased = []
        for key, row in self.dirty.items():
            if row is None:
                self.rows[key] = None
                self.erased.append(key)
            else:
                row.dirty = False
                row.owed = True
                self.owed[key] = row
        self.dirty = {}
        # A list of its own: the first key of a dict is the farther to find the more are gone.
        self._order = list(self.owed)
        self._order.reverse()

    def pay_some(self, bytes_max: int, rows_max: int = CUT_ROWS) -> bool:
        """Encode owed rows, about `bytes_max` and at most `rows_max` of them; true when none is
        owed any more."""
        start = self.row_bytes
        while self._order and rows_max and self.row_bytes - start < bytes_max:
            row = self.owed.get(self._order.pop())
            if row is not None:
                rows_max -= 1
                self._pay(row)
        return not self.owed

    def take(self) -> dict[bytes, bytes | None]:
        """The rows encoded so far; the caller writes them."""
        rows, self.rows = self.rows, {}
        self.row_bytes = 0
        return rows

    def give_up(self) -> None:
        """The running checkpoint failed; who calls this touches every row there is. Those that are
        there no more are remembered here, or they would come back."""
        for key in self.erased:
            self.dirty.setdefault(key, None)
        self.erased = []
        for row in self.owed.values():
            row.owed = False
        self.owed = {}
        self._order = []
        self.rows = {}
        self.row_bytes = 0

    def _pay(self, row: Row) -> None:
        value = row.encode()
        self.rows[row.key] = value
        self.row_bytes += len(value)
        row.owed = False
        del self.owed[row.key]
