"""Logs that name the message: what a task writes can be found by its message, and the other way
round.

It stands over the context of a run. The rule kept here: a record is never lost for what it holds;
what JSON has no form for is shown as text.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

import msgspec

from postroad.app.context import Context
from postroad.app.jobs import id_of

QUEUE: Final = "postroad_queue"
"""Attribute of a record: the queue of the message."""
MESSAGE: Final = "postroad_message"
"""The id of the message: that of its job."""
ATTEMPT: Final = "postroad_attempt"
"""Which delivery of it, from 1."""

_NAMES: Final = (QUEUE, MESSAGE, ATTEMPT)
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_running: ContextVar[Context | None] = ContextVar("postroad_running", default=None)
_encode: Final = msgspec.json.Encoder(enc_hook=repr).encode


class MessageLogs(logging.Filter):
    """A middleware and a filter in one: `app.use(logs)`, and `handler.addFilter(logs)`.

    Records written while a task runs, by it or by what it calls, on its thread too, get the
    attributes `postroad_queue`, `postroad_message` and `postroad_attempt`; others get `None`, so
    that a format may name them.
    """

    @asynccontextmanager
    async def around(self, context: Context) -> AsyncIterator[None]:
        """For the time of one run."""
        token = _running.set(context)
        try:
            yield
        finally:
            _running.reset(token)

    def filter(self, record: logging.LogRecord) -> bool:
        """Give a record the attributes; all records pass."""
        context = _running.get()
        if context is None:
            values: tuple[object, ...] = (None, None, None)
        else:
            message = context.message
            values = (context.queue, id_of(message.identity), context.attempt)
        for name, one in zip(_NAMES, values, strict=True):
            if getattr(record, name, None) is None:
                setattr(record, name, one)
        return True


class JsonLines(logging.Formatter):
    """One JSON object per record: `time`, `level`, `logger`, `message`, what went wrong as `error`,
    and every attribute that was given with `extra` or by a filter, those of `MessageLogs` without
    their `postroad_`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _text(record.getMessage()),
        }
        for name, one in vars(record).items():
            if name not in _PLAIN and one is not None:
                line.setdefault(_shown(name), one)
        if record.exc_info:
            line["error"] = _text(self.formatException(record.exc_info))
        try:
            return _encode(line).decode()
        except Exception:  # noqa: BLE001  (the `repr` of a program's own types runs in it)
            return _encode({_text(name): _text(_told(one)) for name, one in line.items()}).decode()


def _shown(name: str) -> str:
    # `message` is what the record says.
    return "message_id" if name == MESSAGE else name.removeprefix("postroad_")


def _told(one: object) -> str:
    """As text; of what does not even have that its type."""
    try:
        return str(one)
    except Exception:  # noqa: BLE001  (likewise)
        return f"a {type(one).__name__}"


def _text(text: str) -> str:
    # Half a character, as names of files may have, has no form in JSON.
    return text.encode(errors="backslashreplace").decode()
