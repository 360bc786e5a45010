"""What a protocol's session looks like to the sockets above it.

One rule: a session owns no socket and reads no clock; it turns bytes into asks and replies into
bytes.
"""

from typing import Protocol, runtime_checkable

from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.model.value import value


@value
class Output:
    """What a session wants done: bytes to send, numbered commands to ask, whether to close then.
    `busy`: read no more until an output says otherwise. `cancels`: numbers of asks that are to be
    answered now, and not wait any longer."""

    send: bytes = b""
    asks: tuple[tuple[int, Command], ...] = ()
    close: bool = False
    busy: bool = False
    cancels: tuple[int, ...] = ()


class Session(Protocol):
    """One connection's state."""

    def receive(self, data: bytes, now_ms: int) -> Output:
        """Bytes came in. Never raises for anything a client can send."""

    def answer(self, number: int, reply: Reply, now_ms: int) -> Output:
        """The reply to the ask with that number."""

    def tick(self, now_ms: int) -> Output:
        """Time went by (about once a second): idle connections close themselves here."""


@runtime_checkable
class Pipelined(Protocol):
    """A session whose client may have more outstanding than others."""

    @property
    def asks_max(self) -> int:
        """With so many asks that wait for their answers no more is read; it may change."""


@runtime_checkable
class Attentive(Protocol):
    """A session that wants to know more of its connection."""

    def met(self, *, loopback: bool) -> None:
        """Say before anything else whether the peer is on this machine."""

    def stall(self, full: bool, now_ms: int) -> Output:
        """The peer does not take what was sent (`full`), or does again."""

    def farewell(self, now_ms: int) -> Output:
        """The connection is about to be closed from this side: the last words."""
