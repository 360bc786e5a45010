"""The seam between the engine and whatever keeps its checkpoints: memory or SQLite.

It stands between engine and store. The rule kept here: all rows of a checkpoint and its cut become
true in one transaction, durable on return, or none of them does.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeAlias

from postroad.model.value import value

Rows: TypeAlias = Mapping[bytes, bytes | None]
"""Rows to save; None deletes a row."""


@value
class Cut:
    """The place in the journal a checkpoint speaks of.

    `epoch`, `n` and `now_ms` are those of the last group before `position` that counted; `floor`
    is the oldest position still needed to load it.
    """

    position: int
    epoch: int
    n: int
    now_ms: int
    floor: int


class Checkpoints(Protocol):
    """One checkpoint, renewed row by row. Writing comes from one thread at a time."""

    def load(self) -> tuple[Cut | None, Iterator[tuple[bytes, bytes]]]:
        """Return the cut (None: nothing saved yet) and all rows by key.

        Raises `CorruptCheckpoint`, at the call or while the rows are read.
        """
        ...

    def save(self, cut: Cut, rows: Rows) -> None:
        """Save a whole checkpoint in one transaction, durable on return. Raises `OSError`."""
        ...

    def begin(self) -> None:
        """Begin a checkpoint whose rows come in pieces."""
        ...

    def feed(self, rows: Rows) -> None:
        """Add rows to the one begun; nothing counts before `commit`. Raises `OSError`."""
        ...

    def commit(self, cut: Cut) -> None:
        """Make the one begun true, durable on return. Raises `OSError`: then nothing changed."""
        ...

    def abort(self) -> None:
        """Forget the one begun, if any."""
        ...

    def close(self) -> None:
        """Forget the one begun and let go of the file."""
        ...


class MemoryCheckpoints:
    """A checkpoint in a dict. What was fed and not committed vanishes with `crash`."""

    def __init__(self) -> None:
        self._cut: Cut | None = None
        self._rows: dict[bytes, bytes] = {}
        self._fed: dict[bytes, bytes | None] | None = None

    def load(self) -> tuple[Cut | None, Iterator[tuple[bytes, bytes]]]:
        """Return the cut and all rows by key."""
        return self._cut, iter(sorted(self._rows.items()))

    def save(self, cut: Cut, rows: Rows) -> None:
        """Save a whole checkpoint."""
        self.begin()
        self.feed(rows)
        self.commit(cut)

    def begin(self) -> None:
        """Begin a checkpoint whose rows come in pieces."""
        assert self._fed is None, "one checkpoint is written at a time"
        self._fed = {}

    def feed(self, rows: Rows) -> None:
        """Add rows to the one begun."""
        assert self._fed is not None, "begin comes before feed"
        self._fed.update(rows)

    def commit(self, cut: Cut) -> None:
        """Make the one begun true."""
        assert self._fed is not None, "begin comes before commit"
        for key, row in self._fed.items():
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        self._cut = cut
        self._fed = None

    def abort(self) -> None:
        """Forget the one begun, if any."""
        self._fed = None

    def crash(self) -> None:
        """Lose what a power cut loses."""
        self.abort()

    def close(self) -> None:
        """Forget the one begun; what was committed stays, as a file would."""
        self.abort()
