"""The inbox: what was handled stands in a table, beside the rows that handling it changed.

It stands over the database. The rule kept here: a message counts as handled if and only if the
transaction that handled it was committed.
"""

from typing import Any, Final

from postroad.model.message import Delivery
from postroad.outbox.databases import database, table_name

INBOX_TABLE: Final = "postroad_inbox"


class Inbox:
    """Which messages a program has handled, so that one that comes again changes nothing.

    `db` as of the `Outbox`; nothing is committed here. Ack the message after the commit.
    """

    def __init__(self, table: str = INBOX_TABLE) -> None:
        """`table`: its name, where need be with its schema. Raises `ValueError`."""
        self.table = table_name(table)

    def create(self, db: Any) -> None:
        """Make the table where it is not there. Raises `NoDatabase`."""
        sql = database(db)
        sql.run(
            f"CREATE TABLE IF NOT EXISTS {self.table}"
            f" (message VARCHAR(255) PRIMARY KEY, published_ms {sql.big} NOT NULL)"
        )

    def is_new(self, db: Any, message: Delivery, *, key: str | None = None) -> bool:
        """Note that a message is handled in this transaction; false where one was that was
        committed before. Of two transactions at once the second waits for the first.

        `key`: what makes it the same one, where a message may be published twice; without it the
        message's `identity`, which it keeps through redeliveries and moves, and the time it was
        published: a broker made anew counts from the beginning again.
        """
        queue, offset = message.identity
        own = f"{queue}:{offset}:{message.published_ms}"
        name = own if key is None else f"key:{key}"
        touched = database(db).run(
            f"INSERT INTO {self.table} (message, published_ms) VALUES (?, ?)"
            " ON CONFLICT DO NOTHING",
            (name, message.published_ms),
        )
        return touched == 1

    def forget(self, db: Any, before_ms: int) -> int:
        """Forget messages that were published before an instant, in ms since 1970; how many. They
        must not be able to come again."""
        return database(db).run(f"DELETE FROM {self.table} WHERE published_ms < ?", (before_ms,))
