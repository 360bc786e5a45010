"""The relay: takes what stands in an outbox to the broker, in order and once.

It stands between a database and a broker, which know nothing of each other. The rule kept here: the
broker notes in the step that publishes which rows it published, and the database lets go of them
only then; so whoever dies between the two, the next round begins by reading the note.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

import msgspec

from postroad.api.asks import Asks
from postroad.api.broker import Broker
from postroad.api.messages import Outgoing
from postroad.errors import Changed, PostroadError
from postroad.limits import BATCH_COMMANDS_MAX, OUTBOX_BATCH_BYTES, OUTBOX_BATCH_MESSAGES
from postroad.outbox.table import Outbox, Row, Target

SPACE: Final = "outbox"
"""The space of keys in the broker where relays note what they published."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[tuple[int, bytes]]).decode
_log = logging.getLogger("postroad.outbox")


class Relay:
    """Publishes the messages of one outbox. Several relays of one name may run beside each other;
    one of them publishes.

    `published`: how many messages this one has; `failure`: why its last round failed, empty when it
    did not.
    """

    def __init__(
        self,
        broker: Broker,
        connect: Callable[[], Any],
        outbox: Outbox | None = None,
        *,
        name: str,
        batch: int = OUTBOX_BATCH_MESSAGES,
    ) -> None:
        """`connect()` opens a connection or session of the database for a round. `name`: of this
        outbox among all whose messages go to the broker; it must stay the same. `batch`: how many
        messages one atomic step publishes at most.
        """
        if not 0 < batch <= OUTBOX_BATCH_MESSAGES:
            raise ValueError(f"`batch` is between 1 and {OUTBOX_BATCH_MESSAGES:,}, not {batch:,}")
        self.published = 0
        self.failure = ""
        self._broker = broker
        self._connect = connect
        self._outbox = outbox or Outbox()
        self._name = name
        self._batch = batch
        self._marks = broker.kv(SPACE)
        self._removed = b""
        self._bell = threading.Event()
        self._stopping = False

    def round(self) -> int:
        """Publish the messages that wait, one batch of them; how many. 0: there was none, or
        another relay was first. Raises what the broker or the database does; nothing is lost or
        published twice by it.
        """
        version = self._marks.watch(self._name)
        noted = self._marks.get(self._name)
        with closing(self._connect()) as db:
            if noted is not None:
                self._remove(db, noted)
            rows = _within(self._outbox.read(db, self._batch, OUTBOX_BATCH_BYTES))
            db.rollback()
            if not rows:
                return 0
            note = _pack([(row.id, row.token) for row in rows])
            mark = self._marks.later.compare_and_set(self._name, note, version=version)
            try:
                self._broker.batch([*self._publishes(rows), mark])
            except Changed:
                return 0
            self.published += len(rows)
            self._remove(db, note)
        return len(rows)

    def run(self, poll_s: float = 1.0) -> None:
        """Publish until `stop`. Looks whether messages wait every `poll_s` seconds, and at once
        when `wake` is called. A round that fails is logged, and tried again after that time: the
        messages of a queue that is missing or full hold up those behind them.
        """
        while not self._stopping:
            self._bell.clear()
            try:
                more = self.round() > 0
                self.failure = ""
            except Exception as error:  # noqa: BLE001  (any database's; it is told and tried again)
                if isinstance(error, PostroadError | OSError):
                    _log.warning("the outbox `%s` waits: %s", self._name, error)
                else:
                    _log.exception("the outbox `%s` waits", self._name)
                self.failure = f"{type(error).__name__}: {error}"
                more = False
            if not more and not self._stopping:
                self._bell.wait(poll_s)

    def wake(self) -> None:
        """Look now: something was committed."""
        self._bell.set()

    def stop(self) -> None:
        """Let `run` return after its round."""
        self._stopping = True
        self._bell.set()

    def _publishes(self, rows: list[Row]) -> list[Asks[Any]]:
        """One publish for each target, whose messages keep their order."""
        later = self._broker.later
        by_target: dict[Target, list[Outgoing]] = {}
        for row in rows:
            by_target.setdefault(row.target, []).append(row.message)
        return [
            later.publish_many(target.queue, messages)
            if target.queue
            else later.publish_many_to(target.exchange, messages, target.routing_key)
            for target, messages in by_target.items()
        ]

    def _remove(self, db: Any, note: bytes) -> None:
        """What was published waits no more. Once is enough: a round that finds nothing writes
        nothing."""
        if note != self._removed:
            self._outbox.remove(db, _unpack(note))
            db.commit()
            self._removed = note


def _within(rows: list[Row]) -> list[Row]:
    """As many rows as one step may carry, and one at least: each target is a command of it, and so
    is the note."""
    size = 0
    targets: set[Target] = set()
    for at, row in enumerate(rows):
        size += len(row.message.body)
        targets.add(row.target)
        if at and (size > OUTBOX_BATCH_BYTES or len(targets) >= BATCH_COMMANDS_MAX):
            return rows[:at]
    return rows
