"""What limits promise: never more in any stretch of time, never more at once, and nothing at all
from a queue that is paused."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from postroad.limits import BURSTS_A_SECOND
from postroad.model import commands as asks
from postroad.model import replies
from tests.sim.checkers.registers import Register
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import Asked, Violation
from tests.sim.workloads.limits import EACH, FREED, QUEUES, SLOTS, SMS, VALVE

if TYPE_CHECKING:
    from tests.sim.checker import Checker

Line = list[tuple[int, int, int]]
"""Deliveries: no earlier than, no later than, how many."""
LINE_MAX = 400
TAKES = (asks.Receive, asks.Pop, asks.Attach)


class RateRules(Watcher):
    """`lines`: deliveries by queue and key. A receive is served after it was asked, and before it
    is heard of; a consumer is served at any time, and not counted."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.lines: dict[tuple[str, str | None], Line] = defaultdict(list)
        self.ended = False

    def answered(self, ask: Asked, reply: Any, now: int, _event: int) -> None:
        """Messages came."""
        name = getattr(ask.command, "queue", None)
        if not isinstance(reply, replies.Received) or name not in (SMS, EACH) or self.ended:
            return
        if isinstance(ask.command, asks.Attach) or not reply.messages:
            return
        if name == SMS:
            self._count((name, None), QUEUES[SMS].per_second, (ask.now, now, len(reply.messages)))
            return
        counts: dict[str, int] = defaultdict(int)
        for one in reply.messages:
            key = self.checker.recognise(EACH, one).key
            if key is not None:
                counts[key] += 1
        for key, count in counts.items():
            self._count((name, key), QUEUES[EACH].key_per_second, (ask.now, now, count))

    def began(self, now: int) -> None:
        """The clock may have lost a moment that nothing durable tells of."""
        for place, line in self.lines.items():
            self.lines[place] = [(min(one[0], now), min(one[1], now), one[2]) for one in line]

    def end(self, read: Read) -> None:
        """The story ends: nothing is held back any more."""
        self.ended = True
        if self.checker.known.views.keys() & QUEUES.keys():
            for command in FREED:
                read(command)

    def _count(self, place: tuple[str, str | None], rate: int | None, one: Any) -> None:
        line = self.lines[place]
        line.append(one)
        del line[:-LINE_MAX]
        assert rate is not None
        total = 0
        for since, _, count in sorted(line, reverse=True):
            total += count
            # What was not used is kept for a while, and a millisecond's worth beyond it.
            most = max(1, rate / BURSTS_A_SECOND) + rate * (one[1] - since + 1) / 1_000
            if total > most:
                raise Violation(f"{total} of {place} came in {one[1] - since} ms, {most} may")


class BoundRules(Watcher):
    """Of a queue there are never more leased than it says."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker

    def answered(self, ask: Asked, reply: Any, now: int, _event: int) -> None:
        """Messages came: count those that are held for certain."""
        command = ask.command
        if not isinstance(reply, replies.Received) or not reply.messages:
            return
        known = self.checker.known
        name = getattr(command, "queue", None)
        if name not in (SLOTS, "few") or not reply.messages[0].lease:
            return
        most = [one.leased_max for one in known.view(name).settings]
        if not most or None in most:
            return
        newest = max(one.lease for one in reply.messages)
        mine = {(one.queue, one.offset) for one in reply.messages}
        held = [
            entry.copy
            for place, entry in known.entries.items()
            if place[0] == reply.messages[0].queue
            and place not in mine
            # A lease of later on says nothing of the moment these were leased in.
            and 0 < entry.lease < newest
            and now < entry.alive_until
            if not entry.settling and not entry.copy.ends and entry.copy.spot == place
        ]
        if len(held) + len(mine) > max(one or 0 for one in most):
            raise Violation(f"{len(mine)} of `{name}` came while {held} are held")


class PauseRules(Watcher):
    """`paused`: whether the queue is. `shut`: it is for certain, and all that left before has
    arrived."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.paused = Register(value=False)
        self.shut = False

    def asked(self, ask: Asked) -> None:
        """It may be paused or resumed."""
        command = ask.command
        if isinstance(command, asks.ChangeQueue) and command.name == VALVE:
            assert command.settings is not None
            self.shut = False
            ask.writes.append(self.paused.write(command.settings.paused, ask.event))

    def answered(self, ask: Asked, reply: Any, now: int, event: int) -> None:
        """It was, or something came."""
        command = ask.command
        if isinstance(command, asks.ChangeQueue) and command.name == VALVE:
            for write in ask.writes:
                if isinstance(reply, replies.Refused):
                    self.paused.refuse(write)
                else:
                    self.paused.confirm(write, event)
        elif isinstance(command, TAKES) and command.queue == VALVE and _has_messages(reply):
            self._came(ask, now)

    def unknown(self, ask: Asked, until: int) -> None:
        """Nobody will tell."""
        if isinstance(ask.command, asks.ChangeQueue) and ask.command.name == VALVE:
            for write in ask.writes:
                self.paused.doubt(write, until)

    def audit(self, read: Read, _now: int, event: int) -> None:
        """All is quiet: it is as it was set, and gives what it has, or nothing."""
        described = read(asks.DescribeQueue(VALVE))
        if isinstance(described, replies.Refused):
            return
        paused = described.settings.paused
        if paused not in self.paused.may_be(event, 0, 0):
            raise Violation(f"paused is {paused}: {self.paused.writes}")
        self.paused.settle(paused, event)
        self.shut = paused
        received = read(asks.Receive(VALVE, 2, 60_000, 0)).messages
        if len(received) != (0 if paused else min(2, described.ready)):
            raise Violation(f"paused is {paused}, and {received} came of {described.ready}")
        if received:
            offsets = [one.offset for one in received]
            leases = [one.lease for one in received]
            counts = [one.delivery_count for one in received]
            read(asks.Settle(VALVE, offsets, leases, counts, asks.RELEASE))

    def _came(self, ask: Asked, now: int) -> None:
        pushed = isinstance(ask.command, asks.Attach)
        if self.shut or not (pushed or False in self.paused.may_be(ask.event, ask.now, now)):
            raise Violation(f"{ask.command} was served by a queue that is paused")


def _has_messages(reply: Any) -> bool:
    return isinstance(reply, replies.Received) and bool(reply.messages)
