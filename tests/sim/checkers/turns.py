"""What one session publishes to a queue comes there in the order it asked, however many queues each
publish goes to."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from postroad.model.exchanges import Routed
from postroad.model.replies import Published
from tests.sim.checkers.watcher import Watcher
from tests.sim.copies import Asked, Violation


class TurnRules(Watcher):
    """`seen`: of each session and queue (number of the ask, offset of its first message there), in
    order of the numbers."""

    def __init__(self) -> None:
        self.seen: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def answered(self, ask: Asked, reply: Any, _now: int, event: int) -> None:  # noqa: ARG002
        """A session hears where its messages are."""
        for queue, offset in _firsts(reply):
            mine = self.seen.setdefault((ask.session, queue), [])
            at = bisect_right(mine, (ask.number, offset))
            early = at and mine[at - 1][1] >= offset
            if early or (at < len(mine) and mine[at][1] <= offset):
                raise Violation(
                    f"ask {ask.number} of session {ask.session} is at {offset} of queue {queue},"
                    f" and what it asked before or after is on the other side: {mine[-5:]}"
                )
            mine.insert(at, (ask.number, offset))

    def forgotten(self, session: int) -> None:
        """A session is gone."""
        for key in [key for key in self.seen if key[0] == session]:
            del self.seen[key]

    def died(self, _now: int) -> None:
        """The process is gone, and all sessions with it."""
        self.seen.clear()


def _firsts(reply: Any) -> Iterator[tuple[int, int]]:
    """Queue and offset of the first message of a publish in each queue that had none of it."""
    if isinstance(reply, Published) and reply.offsets is None and not reply.targets:
        yield from reply.places
    elif isinstance(reply, Routed):
        firsts: dict[int, int] = {}
        for group in reply.groups:
            for queue, offset in group.places if group.offsets is None else ():
                firsts[queue] = min(offset, firsts.get(queue, offset))
        yield from firsts.items()
