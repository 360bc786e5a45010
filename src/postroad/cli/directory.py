"""A data directory opened by the command line itself, for as long as one command takes.

It stands between the commands and the engine. The rule kept here: what the engine refuses becomes
an error of one line, so that the commands see answers only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from postroad.engine.blocking import BlockingDriver
from postroad.errors import DirectoryLocked, PostroadError
from postroad.model.commands import Command
from postroad.model.replies import Refused, Reply, Why

R = TypeVar("R")

_WHY = {
    Why.NO_SUCH_QUEUE: "there is no such queue; see `postroad queue list`",
    Why.SETTINGS_DIFFER: "the queue exists with other settings",
    Why.NO_SPACE: "the disk is full; free some space",
    Why.QUEUE_FULL: "the queue is full; receive from it or raise its limit",
}


class CommandRefused(PostroadError):  # noqa: N818  (the name is the sentence)
    """The engine refused; nothing was changed."""


class NoDirectory(PostroadError):  # noqa: N818
    """There is no data directory where one was named."""


class InUse(PostroadError):  # noqa: N818
    """A server holds the directory."""


class Asked(Protocol):
    """Whatever answers one command after another."""

    def ask(self, command: Command) -> Reply:
        """Ask, and wait for the answer."""


class Directory:
    """An open data directory."""

    def __init__(self, driver: Asked) -> None:
        """Made by `opened`."""
        self._driver = driver

    def ask(self, command: Command, answer: type[R]) -> R:
        """Ask one thing; `answer` is the reply that means yes. Raises `CommandRefused`."""
        reply: Reply = self._driver.ask(command)
        if isinstance(reply, Refused):
            raise CommandRefused(reply.text or _WHY.get(reply.why, reply.why.name.lower()))
        assert isinstance(reply, answer), reply
        return reply


@contextmanager
def opened(data: Path, *, make: bool = False) -> Iterator[Directory]:
    """Open a directory that exists, or with `make` one that need not; closed and sealed after."""
    if not make and not data.is_dir():
        raise NoDirectory(f"there is no data directory `{data}`; name one with --data DIR")
    try:
        driver = BlockingDriver(data)
    except DirectoryLocked as error:
        raise InUse(
            f"{error}; a server's queues are reached by its clients, such as"
            " `aws --endpoint-url http://127.0.0.1:9324 sqs list-queues`"
        ) from error
    try:
        yield Directory(driver)
    finally:
        driver.close()
