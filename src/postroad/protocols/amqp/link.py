"""What a channel sees of its connection.

It stands between the session and everything a channel does. The rule kept here: a channel asks and
sends through its link only, and the link adds nothing of its own.
"""

from collections.abc import Callable, Generator
from typing import Protocol

from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.protocols.amqp.config import AmqpConfig
from postroad.protocols.amqp.errors import Fault

Script = Generator[Command, Reply, None]
"""One method at work: it yields commands, gets their replies, and sends frames through the link. It
may raise `ChannelFault` and `ConnectionFault`."""


class Link(Protocol):
    """The session, as its channels see it."""

    now_ms: int
    """The wall clock of this turn."""
    frame_max: int
    """The largest frame agreed upon, in bytes, with its eight bytes of head and end."""
    vhost: str
    user: str
    config: AmqpConfig
    full: bool
    """Whether the client reads too slowly: grant no credit until it does."""
    known_exchanges: set[str]
    """Exchanges that were there when they were last published to: what is pipelined behind another
    publish to one of them need not wait."""
    standing: int
    """Asks that wait until there is something: nobody is kept waiting by them."""
    eras: dict[int, int]
    """By channel: how often publishes of it were asked for again in parts; see `PublishTo`."""
    held_back: int
    """Pieces of work that wait in all channels; with too many of them no more is read."""

    def ask(self, command: Command, then: Callable[[Reply], None], *, many: bool = False) -> int:
        """Ask the core; `then` takes the reply, or with `many` every reply until `done`. Returns
        the number of the ask."""

    def done(self, number: int) -> None:
        """Expect no more replies to an ask with `many`; those that still come are dropped."""

    def end_wait(self, number: int) -> None:
        """Do not let an ask wait any longer; it is answered all the same."""

    def send(self, frames: bytes) -> None:
        """Append whole frames to what goes out in this turn."""

    def fault(self, channel: int, fault: Fault, method: str) -> None:
        """Close the channel (`ChannelFault`) or the connection (`ConnectionFault`) because of
        `method`; for what goes wrong outside of handlers, scripts, `publish` and `ack`, which
        raise."""

    def leave(self, channel: int) -> None:
        """Let go of a channel; its number may be used again."""

    def renew(self, channel: int, era: int) -> None:
        """Publishes of a channel that were asked for in this era were refused: another begins."""

    def core(self, name: str) -> str:
        """Return the core's name for an AMQP name of this connection's vhost."""

    def name(self, core: str) -> str | None:
        """Return the AMQP name of what the core calls so; `None`: it is of another vhost."""
