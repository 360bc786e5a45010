"""Checkpoints in SQLite: a row for each page of state, one transaction for each cut.

It stands behind the checkpoints' interface, on SQLite's own files. The rule kept here: what is
loaded is exactly what was committed; a changed byte or a row that went missing is an error.
"""

import errno
import sqlite3
from collections.abc import Iterator
from struct import Struct

from google_crc32c import extend as crc32c_extend
from google_crc32c import value as crc32c

from postroad.errors import CorruptCheckpoint, PostroadError
from postroad.limits import CHECKPOINT_WAL_BYTES_MAX
from postroad.store.checkpoint import Cut, Rows

_VERSION = 1
_CUT = Struct("<qqqqqqq")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, crc INTEGER NOT NULL, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cut (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER, epoch INTEGER, n INTEGER, now_ms INTEGER, floor INTEGER,
    row_count INTEGER, row_sum INTEGER, crc INTEGER
);
"""
# SQLite quotes the damage in its message, which need not be text any more.
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
_SUM_MASK = (1 << 62) - 1


class SqliteCheckpoints:
    """One database file; may be used from any one thread at a time."""

    def __init__(self, path: str) -> None:
        """Open or create the database. Raises `CorruptCheckpoint`, `OSError`."""
        self._begun = False
        self._count = 0
        self._sum = 0
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise _os_error(error) from error
        try:
            self._set_up()
        except BaseException:
            self._db.close()
            raise

    def load(self) -> tuple[Cut | None, Iterator[tuple[bytes, bytes]]]:
        """Return the cut and all rows by key. Raises `CorruptCheckpoint`, at the end at the latest.

        Nothing may be saved until all rows are read.
        """
        return self._load_cut(), self._load_rows()

    def save(self, cut: Cut, rows: Rows) -> None:
        """Save a whole checkpoint in one transaction. Raises `OSError`."""
        self.begin()
        try:
            self.feed(rows)
            self.commit(cut)
        except (OSError, CorruptCheckpoint):
            self.abort()
            raise

    def begin(self) -> None:
        """Begin a checkpoint whose rows come in pieces. Raises `OSError`."""
        assert not self._begun, "one checkpoint is written at a time"
        self._load_cut()
        self._execute("BEGIN IMMEDIATE")
        self._begun = True

    def feed(self, rows: Rows) -> None:
        """Add rows to the one begun. Raises `OSError`."""
        assert self._begun, "begin comes before feed"
        for key, row in rows.items():
            self._forget(key)
            if row is not None:
                self._add(key, row)

    def commit(self, cut: Cut) -> None:
        """Make the one begun true, durable on return. Raises `OSError`."""
        assert self._begun, "begin comes before commit"
        fields = (cut.position, cut.epoch, cut.n, cut.now_ms, cut.floor, self._count, self._sum)
        self._execute(
            "INSERT OR REPLACE INTO cut VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*fields, crc32c(_CUT.pack(*fields))),
        )
        self._execute("COMMIT")
        self._begun = False

    def abort(self) -> None:
        """Forget the one begun, if any."""
        if self._begun:
            self._begun = False
            # A failed statement may have ended the transaction already.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Forget the one begun and let go of the file."""
        self.abort()
        self._db.close()

    def _set_up(self) -> None:
        try:
            # A write-ahead log with full syncs: a commit is durable on return, never half done.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA fullfsync = ON")
            self._db.execute("PRAGMA mmap_size = 0")
            self._db.execute(f"PRAGMA journal_size_limit = {CHECKPOINT_WAL_BYTES_MAX}")
            self._db.execute("PRAGMA cell_size_check = ON")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise PostroadError(
                    f"the checkpoint has version {version}, which a newer Postroad wrote; use that"
                    " one on this data directory"
                )
            if version != _VERSION:
                self._db.executescript(_SCHEMA)
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.OperationalError as error:
            raise _os_error(error) from error
        except _DAMAGE as error:
            raise CorruptCheckpoint(b"", str(error)) from error

    def _load_cut(self) -> Cut | None:
        self._count, self._sum = 0, 0
        try:
            row = self._db.execute(
                "SELECT position, epoch, n, now_ms, floor, row_count, row_sum, crc FROM cut"
            ).fetchone()
        except _DAMAGE as error:
            raise CorruptCheckpoint(b"", str(error)) from error
        if row is None:
            return None
        *fields, crc = row
        if not all(isinstance(field, int) for field in fields) or crc != crc32c(_CUT.pack(*fields)):
            raise CorruptCheckpoint(b"", "its cut does not match its checksum")
        self._count, self._sum = fields[5:]
        return Cut(*fields[:5])

    def _load_rows(self) -> Iterator[tuple[bytes, bytes]]:
        count, total = 0, 0
        try:
            for key, crc, row in self._db.execute("SELECT key, crc, value FROM rows ORDER BY key"):
                if not (isinstance(key, bytes) and isinstance(row, bytes)):
                    raise CorruptCheckpoint(b"", "a row is not made of bytes")
                if crc != _checksum(key, row):
                    raise CorruptCheckpoint(key, "it does not match its checksum")
                count += 1
                total = total + crc & _SUM_MASK
                yield key, row
        except _DAMAGE as error:
            raise CorruptCheckpoint(b"", str(error)) from error
        # A page of the database that lost cells looks well but for these.
        if (count, total) != (self._count, self._sum):
            raise CorruptCheckpoint(b"", f"it has {count} rows, not the {self._count} it should")

    def _forget(self, key: bytes) -> None:
        found = self._execute("SELECT rowid, crc FROM rows WHERE key = ?", (key,)).fetchone()
        if found is not None:
            self._execute("DELETE FROM rows WHERE rowid = ?", (found[0],))
            self._count -= 1
            self._sum = self._sum - found[1] & _SUM_MASK

    def _add(self, key: bytes, row: bytes) -> None:
        crc = _checksum(key, row)
        self._execute("INSERT INTO rows VALUES (?, ?, ?)", (key, crc, row))
        self._count += 1
        self._sum = self._sum + crc & _SUM_MASK

    def _execute(self, statement: str, values: tuple[bytes | int, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise _os_error(error) from error
        except _DAMAGE as error:
            raise CorruptCheckpoint(b"", str(error)) from error


def _checksum(key: bytes, row: bytes) -> int:
    return int(crc32c_extend(crc32c(key), row))


def _os_error(error: sqlite3.Error) -> OSError:
    full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    number = errno.ENOSPC if full else errno.EIO
    return OSError(number, f"the checkpoint could not be written: {error}")
