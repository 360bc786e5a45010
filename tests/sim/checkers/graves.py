"""What dead letters through exchanges promise: a note that tells every death, no circle that nobody
rejected, and that what is refused for want of room is not gone."""

from typing import Any

from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.message import Delivery
from postroad.model.replies import Why
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import Asked, Fate, Violation
from tests.sim.workloads.graves import AROUND, GRAVES, JOBS, LATE, NARROW, PAUSE, ROUND, TOMB, WAYS

WAYS_TO = {
    JOBS: ((PAUSE, "expired"),),
    ROUND: ((AROUND, "expired"), (AROUND, "rejected")),
    AROUND: ((ROUND, "expired"), (ROUND, "rejected")),
    TOMB: (
        *((JOBS, reason) for reason in ("max-deliveries", "rejected")),
        *((NARROW, reason) for reason in ("overflow", "rejected")),
    ),
}
"""By queue: who may have died last, and of what, to come there."""


def dies_of_it(ask: Asked, reply: Any) -> bool:
    """Whether a refusal says that the messages went to the dead letters."""
    command = ask.command
    if not isinstance(command, asks.Publish) or command.queues != (NARROW,):
        return False
    return isinstance(reply, replies.Refused) and reply.why is Why.QUEUE_FULL


class GraveRules(Watcher):
    """Looks at the notes of what comes."""

    def answered(self, ask: Asked, reply: Any, _now: int, _event: int) -> None:
        """Messages came, or some were refused and died."""
        name = getattr(ask.command, "queue", None)
        if isinstance(reply, replies.Received) and name in WAYS_TO:
            for message in reply.messages:
                _look_at(name, message)
        elif dies_of_it(ask, reply):
            for copy in ask.copies:
                if copy.fate in (Fate.ASKED, Fate.DOUBTFUL):
                    copy.fate = Fate.THERE

    def audit(self, read: Read, _now: int, _event: int) -> None:
        """Nothing is on its way."""
        for name in WAYS_TO:
            peeked = read(asks.Peek(name, count=1_000))
            if isinstance(peeked, replies.Peeked):
                for one in peeked.messages:
                    _look_at(name, one.message)

    def end(self, read: Read) -> None:
        """The way out is there again."""
        known = read(asks.DescribeQueue(TOMB))
        if isinstance(known, replies.Described):
            for command in WAYS:
                read(command)


def _look_at(name: str, message: Delivery) -> None:
    note = message.note
    deaths = [] if note is None else note.deaths
    if name == ROUND and deaths and all(one.reason == "expired" for one in deaths):
        raise Violation(f"{deaths} and it came back to `{ROUND}`")
    if note is None or not deaths:
        return
    if len({(one.queue, one.reason) for one in deaths}) != len(deaths):
        raise Violation(f"{deaths} tell of one queue and reason twice")
    if sorted(one.number for one in deaths) != list(range(len(deaths))):
        raise Violation(f"{deaths} do not tell which was the first")
    last = deaths[-1]
    if (last.queue, last.reason) not in WAYS_TO[name]:
        raise Violation(f"{last} is no way to come to `{name}`")
    way = (GRAVES, (LATE,)) if name == TOMB else ("", (name,))
    if (note.exchange, note.keys) != way:
        raise Violation(f"it came to `{name}` by {note.exchange} with {note.keys}")
