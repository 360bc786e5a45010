"""How a table is spoken to through a connection of sqlite3, psycopg or SQLAlchemy.

It stands under the outbox and the inbox. The rule kept here: statements go through the caller's own
connection or session, in its transaction, and nothing here commits.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, Protocol

from postroad.errors import PostroadError

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")


class NoDatabase(PostroadError):  # noqa: N818  (the name is the sentence)
    """What was given is no connection to a database that is known here."""


class Database(Protocol):
    """A connection, whichever it is. `auto_key`, `blob`, `big`: its words for columns."""

    auto_key: str
    blob: str
    big: str

    def run(self, statement: str, values: Sequence[object] = ()) -> int:
        """Run a statement with `?` for each value; how many rows it touched."""

    def run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement once for each row of values."""

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows that a question has for an answer."""


class _Sqlite:
    auto_key = "INTEGER PRIMARY KEY AUTOINCREMENT"
    blob = "BLOB"
    big = "INTEGER"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[object] = ()) -> int:
        touched: int = self._connection.execute(statement, values).rowcount
        return touched

    def run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        self._connection.executemany(statement, rows)

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return [_in_order(row) for row in self._connection.execute(statement, values)]


class _Psycopg:
    auto_key = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    blob = "BYTEA"
    big = "BIGINT"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[object] = ()) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(statement.replace("?", "%s"), values)
            touched: int = cursor.rowcount
        return touched

    def run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(statement.replace("?", "%s"), rows)

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement.replace("?", "%s"), values)
            return [_in_order(row) for row in cursor.fetchall()]


class _Alchemy:
    def __init__(self, session: Any) -> None:
        self._session = session
        bind = session.get_bind() if hasattr(session, "get_bind") else session
        dialect = bind.dialect.name
        if dialect == "sqlite":
            words = (_Sqlite.auto_key, _Sqlite.blob, _Sqlite.big)
        elif dialect == "postgresql":
            words = (_Psycopg.auto_key, _Psycopg.blob, _Psycopg.big)
        else:
            raise NoDatabase(f"tables for {dialect} are not known here; use sqlite or postgresql")
        self.auto_key, self.blob, self.big = words

    def run(self, statement: str, values: Sequence[object] = ()) -> int:
        touched: int = self._session.execute(*_named(statement, [values])).rowcount
        return touched

    def run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        if rows:
            text, given = _named(statement, rows)
            self._session.execute(text, given)

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._session.execute(*_named(statement, [values]))]


def _named(statement: str, rows: Sequence[Sequence[object]]) -> tuple[Any, Any]:
    """A statement of SQLAlchemy, whose values have names."""
    from sqlalchemy import text

    parts = statement.split("?")
    named = parts[0] + "".join(f":v{at}{part}" for at, part in enumerate(parts[1:]))
    given = [{f"v{at}": one for at, one in enumerate(row)} for row in rows]
    return text(named), given[0] if len(given) == 1 else given


def _in_order(row: Any) -> tuple[Any, ...]:
    """Whatever kind of row the connection makes for its owner."""
    return tuple(row.values()) if isinstance(row, dict) else tuple(row)


def database(connection: Any) -> Database:
    """What speaks through a connection or session. Raises `NoDatabase`."""
    for kind in type(connection).__mro__:
        home = kind.__module__.partition(".")[0]
        if home in {"sqlite3", "_sqlite3"}:
            return _Sqlite(connection)
        if home == "psycopg":
            return _Psycopg(connection)
        if home == "sqlalchemy":
            return _Alchemy(connection)
    raise NoDatabase(
        f"{type(connection).__name__} is no connection of sqlite3 or psycopg and no connection or"
        " session of SQLAlchemy"
    )


def table_name(name: str) -> str:
    """A name that may stand in a statement as it is. Raises `ValueError`."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"`{name}` is no name of a table: letters, digits and `_`, a schema before"
        )
    return name
