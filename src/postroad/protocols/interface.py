"""What a protocol's session looks like to the sockets above it.

One rule: a session owns no socket and reads no clock; it turns bytes into asks and replies into
bytes.
"""

from typing import Protocol

from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.model.value import value


@value
class Output:
    """What a session wants done: bytes to send, numbered commands to ask, whether to close then."""

    send: bytes = b""
    asks: tuple[tuple[int, Command], ...] = ()
    close: bool = False


class Session(Protocol):
    """One connection's state."""

    def receive(self, data: bytes, now_ms: int) -> Output:
        """Bytes came in. Never raises for anything a client can send."""

    def answer(self, number: int, reply: Reply, now_ms: int) -> Output:
        """The reply to the ask with that number."""

    def tick(self, now_ms: int) -> Output:
        """Time went by (about once a second): idle connections close themselves here."""
