"""The engine's driver as the server sees it.

It stands between the parts that `build.py` joins. The rule kept here: the server knows no more
of the engine than this, so that its tests can stand in for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.net.hub import Road
from postroad.server.config import Settings


class Report(Protocol):
    """What the engine found when it opened the directory."""

    @property
    def position(self) -> int:
        """The journal's position that the checkpoint is of."""

    @property
    def records(self) -> int:
        """Records of the groups that were read."""

    @property
    def dropped(self) -> int:
        """Groups that did not count."""

    @property
    def queues(self) -> int:
        """Queues there are."""

    @property
    def groups(self) -> int:
        """Groups of records read from the journal."""

    @property
    def messages(self) -> int:
        """Messages that wait in all queues."""

    @property
    def torn_bytes(self) -> int:
        """Bytes of an append that a crash cut short, and that were cut off."""

    @property
    def epoch(self) -> int:
        """The number of this opening; it grows with each."""


class Driver(Road, Protocol):
    """An engine on the event loop."""

    @property
    def report(self) -> Report:
        """What opening found."""

    @property
    def secret(self) -> bytes:
        """The key of this data directory for hashes that clients must not forge."""

    @property
    def durability(self) -> str:
        """What is done before an acknowledgement, in words."""

    @property
    def compiled(self) -> bool:
        """Whether the hot modules in use are compiled."""

    @property
    def short_of_space(self) -> bool:
        """Whether the disk is so full that publishes are refused."""

    @property
    def failed(self) -> asyncio.Future[str]:
        """Done when the journal failed: nothing can be made durable any more."""

    async def ask(self, command: Command) -> Reply:
        """Ask one thing and wait for the answer."""

    def figures(self) -> dict[str, float]:
        """Tell gauges and counters by the names of `postroad.metrics`."""

    async def close(self) -> None:
        """Answer whoever waits, make all durable, write a checkpoint and the seal."""


OpenDriver = Callable[[Settings], Awaitable[Driver]]
"""Opens the data directory of some settings; raises `PostroadError`."""
