"""The outbox: what is to be published stands in a table, beside the rows it tells of.

It stands over the database. The rule kept here: a message is there if and only if the transaction
that wrote it was committed.
"""

import os
from collections.abc import Sequence
from typing import Any, Final, Unpack

import msgspec

from postroad.api.messages import Body, MessageOptions, Outgoing, publish_one
from postroad.errors import MessageTooLarge
from postroad.limits import MESSAGE_BYTES_MAX
from postroad.model.value import value
from postroad.outbox.databases import Database, database, table_name

OUTBOX_TABLE: Final = "postroad_outbox"
TOKEN_BYTES: Final = 8

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


@value
class Target:
    """Where a message goes: a queue, or with a routing key through an exchange."""

    queue: str = ""
    exchange: str = ""
    routing_key: str = ""


@value
class Row:
    """A message that waits in the table; `id`: the table's own number of it; `token`: tells it from
    one of the same number in a table that was made anew."""

    id: int
    token: bytes
    target: Target
    message: Outgoing


class Outbox:
    """Messages that are published when a transaction is committed, and not when it is not.

    A `Relay` takes them to the broker. `db` is an open connection of sqlite3 or psycopg, or a
    connection or session of SQLAlchemy; nothing is committed here.
    """

    def __init__(self, table: str = OUTBOX_TABLE) -> None:
        """`table`: its name, where need be with its schema. Raises `ValueError`."""
        self.table = table_name(table)

    def create(self, db: Any) -> None:
        """Make the table where it is not there. Raises `NoDatabase`."""
        sql = database(db)
        sql.run(
            f"CREATE TABLE IF NOT EXISTS {self.table} (id {sql.auto_key},"
            f" token {sql.blob} NOT NULL,"
            f" queue TEXT NOT NULL, exchange TEXT NOT NULL, routing_key TEXT NOT NULL,"
            f" body {sql.blob} NOT NULL, options {sql.blob} NOT NULL)"
        )

    def publish(self, db: Any, queue: str, body: Body, **options: Unpack[MessageOptions]) -> None:
        """Let a message be published to a queue if the transaction is committed; the options are
        those of `Broker.publish`. Raises `NoDatabase`, `MessageTooLarge`, and `TypeError` and
        `ValueError` as that.
        """
        self._add(db, Target(queue), body, options)

    def publish_to(
        self,
        db: Any,
        exchange: str,
        body: Body,
        routing_key: str = "",
        **options: Unpack[MessageOptions],
    ) -> None:
        """The same through an exchange, as `Broker.publish_to` does."""
        self._add(db, Target("", exchange, routing_key), body, options)

    def count(self, db: Any) -> int:
        """How many messages wait: those that were published a moment ago among them."""
        [(count,)] = database(db).rows(f"SELECT COUNT(*) FROM {self.table}")
        return int(count)

    def read(self, db: Any, count: int, bytes_max: int) -> list[Row]:
        """The first messages that wait, in the order of their numbers: `count` at most, and no more
        than `bytes_max` of bodies, or one."""
        sql = database(db)
        # The sizes first: that many bodies at once may be more than the memory holds.
        look = f"SELECT id, LENGTH(body) FROM {self.table} ORDER BY id LIMIT {int(count)}"
        last, total = 0, 0
        for id, size in sql.rows(look):
            total += size
            if total > bytes_max and last:
                break
            last = id
        statement = (
            f"SELECT id, token, queue, exchange, routing_key, body, options FROM {self.table}"
            f" WHERE id <= ? ORDER BY id LIMIT {int(count)}"
        )
        return [
            Row(id, bytes(token), Target(*target), Outgoing(bytes(body), **_unpack(bytes(options))))
            for id, token, *target, body, options in sql.rows(statement, (last,))
        ]

    def remove(self, db: Any, rows: Sequence[tuple[int, bytes]]) -> None:
        """The messages of these numbers and tokens wait no more."""
        database(db).run_many(f"DELETE FROM {self.table} WHERE id = ? AND token = ?", rows)

    def _add(self, db: Any, target: Target, body: Body, options: MessageOptions) -> None:
        sql: Database = database(db)
        # What the broker would not take is refused here, where the program still can do something.
        publish = publish_one(("",), Outgoing(body, **options))
        [content] = publish.bodies
        size = len(content) + (len(publish.heads[0]) if publish.heads else 0)
        if size > MESSAGE_BYTES_MAX:
            text = f"a message of {size:,} bytes, and {MESSAGE_BYTES_MAX:,} are taken at most"
            raise MessageTooLarge(text, target.queue or target.exchange)
        given = {name: one for name, one in options.items() if one is not None}
        sql.run(
            f"INSERT INTO {self.table} (token, queue, exchange, routing_key, body, options)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                os.urandom(TOKEN_BYTES),
                target.queue,
                target.exchange,
                target.routing_key,
                content,
                _pack(given),
            ),
        )
