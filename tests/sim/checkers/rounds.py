"""What groups promise whose members share out among themselves: one generation at a time, each of
its members gets what the leader gave it, who left or was silent is out, and late ones are fenced.
"""

from typing import Any

from postroad.model import groups, rounds
from postroad.model.groups import CommitOffsets, LeaveGroup, MemberInfo
from postroad.model.replies import Refused, Why
from postroad.model.rounds import Entered, EnterGroup, Shared, ShareOut, StayInGroup
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import FOREVER_MS, Asked, Violation
from tests.sim.workloads.rounds import REBALANCES_MS, RING, SESSIONS_MS, STATICS

ACTING = (ShareOut, StayInGroup, CommitOffsets)


class Seat:
    """A member. `low_ms`: until when it is in for certain, `high_ms`: when it is out for certain if
    nothing of it is `open` and it does not `wait` for the others, having entered; `gone_at`: event
    since which it is out, `leaving`: somebody may have taken its place or sent it away. `of`: the
    generation it had its share in last, `keeps_ms`: until when it was not silent then."""

    def __init__(self) -> None:
        self.low_ms = 0
        self.high_ms = FOREVER_MS
        self.open = 0
        self.waits = False
        self.of = 0
        self.keeps_ms = 0
        self.gone_at = 0
        self.leaving = False
        self.session_ms = max(SESSIONS_MS)


class Round:
    """A generation. `terms`: its strategy, kind and leader; `members`: as its leader was told;
    `heard`: who was told of it; `ballots`: what its leader may have shared out, by member; `told`:
    what each got."""

    def __init__(self) -> None:
        self.terms: tuple[str, str, str] | None = None
        self.members: set[str] | None = None
        self.heard: set[str] = set()
        self.ballots: list[dict[str, bytes]] = []
        self.told: dict[str, bytes] = {}

    def agree(self) -> bool:
        """Whether one sharing out explains all that was heard."""
        return not self.ballots or any(
            all(one.get(who, b"") == share for who, share in self.told.items())
            for one in self.ballots
        )


def who(name: str) -> str:
    """A member by what lasts of it: its static id, or its name."""
    prefix = name.rsplit("-", 2)[0]
    return prefix if prefix in STATICS else name


def age(name: str) -> tuple[int, int]:
    """Names of one static id in the order they were given."""
    _, epoch, number = name.rsplit("-", 2)
    return int(epoch, 16), int(number, 16)


class RoundRules(Watcher):
    """`seats`: by the names of members. `all`: generations by number; `current`: the highest that
    anybody heard of, `floors`: when an ask was asked; `shared`: those whose members have their
    shares. `outside`: commits from outside, and who was in for certain then. `lost`: asks nobody
    hears the end of, since a moment ago. `deleting`: asks to delete the group, on their way."""

    def __init__(self) -> None:
        self.seats: dict[str, Seat] = {}
        self.all: dict[int, Round] = {}
        self.current = 0
        self.floors: dict[int, int] = {}
        self.lost: list[Asked] = []
        self.event = 0
        self.outside: dict[int, tuple[int, str]] = {}
        self.deleting = 0
        self.shared: set[int] = set()

    def asked(self, ask: Asked) -> None:
        """Somebody enters, lives, shares out, commits or goes."""
        self._give_up(ask.now)
        self.event = ask.event
        command = ask.command
        if getattr(command, "group", None) != RING:
            return
        self.deleting += isinstance(command, groups.DeleteGroup)
        self.floors[id(ask)] = 0 if self.deleting else self.current
        name = getattr(command, "member", "")
        if isinstance(command, EnterGroup | LeaveGroup) and command.static_id:
            self._may_go(command.static_id)
        if isinstance(command, LeaveGroup) and name:
            self._seat(name).leaving = True
        if isinstance(command, (*ACTING, EnterGroup)) and name:
            self._seat(name).open += 1
        if isinstance(command, ShareOut):
            mine = self._round(command.generation)
            leads = mine.terms is not None and mine.terms[2] == who(name)
            if leads or command.shares:
                mine.ballots.append({who(one): share for one, share in command.shares})
        if isinstance(command, CommitOffsets) and not command.member:
            self.outside[id(ask)] = self._surely_in(ask.now)

    def answered(self, ask: Asked, reply: Any, now: int, event: int) -> None:
        """What the group says to that."""
        self._give_up(now)
        self.event = event
        command = ask.command
        if getattr(command, "group", None) != RING:
            return
        floor = self.floors.pop(id(ask))
        outside = self.outside.pop(id(ask), None)
        self._close(ask)
        self.deleting -= isinstance(command, groups.DeleteGroup)
        if isinstance(reply, Refused):
            self._refused(ask, reply, now)
        elif outside is not None:
            self._from_outside(ask, outside, now)
        elif isinstance(reply, Entered):
            self._entered(ask, reply, floor, now)
        elif isinstance(reply, Shared):
            self._shared(ask, reply)
            self._acts(ask, floor, now)
        elif isinstance(command, StayInGroup | CommitOffsets):
            self._acts(ask, floor, now)
        elif isinstance(command, LeaveGroup) and command.member:
            self._gone(command.member)
        elif isinstance(command, groups.DeleteGroup):
            self._forget_all()

    def unknown(self, ask: Asked, _until: int) -> None:
        """Nobody will tell: a member whose ask it was may have been heard of until now."""
        if id(ask) not in self.floors:
            return
        del self.floors[id(ask)]
        self.outside.pop(id(ask), None)
        self.lost.append(ask)
        if isinstance(ask.command, groups.DeleteGroup):
            self.deleting -= 1
            self._forget_all()

    def died(self, _now: int) -> None:
        """All members are gone; the generation stays."""
        self.lost.clear()
        for seat in self.seats.values():
            seat.open = 0
            seat.gone_at = seat.gone_at or self.event + 1

    def audit(self, read: Read, now: int, _event: int) -> None:
        """All is quiet: those are in that are heard of, and nobody else."""
        self._give_up(now)
        if not self.seats:
            return
        described = read(groups.DescribeGroup(RING))
        if isinstance(described, Refused):
            if self.current:
                raise Violation(f"group {RING} is lost")
            return
        if described.generation < self.current:
            raise Violation(f"the generation is {described.generation}, after {self.current}")
        names = {one.member for one in described.members}
        for name in names:
            self._may_be_in(name, described.state, now)
        for name, seat in self.seats.items():
            if self._is_in(seat, now) and name not in names:
                raise Violation(f"`{name}` is in until {seat.low_ms}, and is not there at {now}")
        listed = [one for one in read(rounds.ListGroupStates()).groups if one.group == RING]
        if [(one.state, one.kind) for one in listed] != [(described.state, described.kind)]:
            raise Violation(f"{described}, and listed is {listed}")
        if described.state == rounds.STABLE:
            self._audit_shares(described.generation, described.members)

    def _audit_shares(self, generation: int, members: list[MemberInfo]) -> None:
        if generation in self.all and self.all[generation].ballots:
            for one in members:
                self._told(generation, one.member, one.share)

    def _seat(self, name: str) -> Seat:
        return self.seats.setdefault(name, Seat())

    def _round(self, generation: int) -> Round:
        return self.all.setdefault(generation, Round())

    def _may_go(self, static_id: str) -> None:
        """Somebody comes, or goes, with a static id: others that have it may be out."""
        for name, seat in self.seats.items():
            if who(name) == static_id:
                seat.leaving = True

    def _gone(self, name: str) -> None:
        seat = self._seat(name)
        seat.gone_at = seat.gone_at or self.event

    def _is_in(self, seat: Seat, now: int) -> bool:
        return now < seat.low_ms and not seat.leaving and not seat.gone_at

    def _surely_in(self, now: int) -> tuple[int, str]:
        """Until when the group has a member for certain, and which."""
        found = [(seat.low_ms, name) for name, seat in self.seats.items() if self._is_in(seat, now)]
        return max(found, default=(0, ""))

    def _forget_all(self) -> None:
        """The group may be another from here on."""
        self.current = 0
        self.all.clear()
        self.shared.clear()
        self.floors = dict.fromkeys(self.floors, 0)

    def _close(self, ask: Asked) -> None:
        """An ask of a member is not on its way any more."""
        command = ask.command
        if isinstance(command, (*ACTING, EnterGroup)) and command.member:
            seat = self._seat(command.member)
            seat.open = max(0, seat.open - 1)

    def _give_up(self, now: int) -> None:
        """What nobody hears the end of was heard of by now at the latest; who has entered may wait
        for the others."""
        for ask in self.lost:
            self._close(ask)
            name = getattr(ask.command, "member", "")
            if name:
                self._seat(name).waits |= isinstance(ask.command, EnterGroup)
                self._heard_of(self._seat(name), now)
        self.lost.clear()

    def _heard_of(self, seat: Seat, now: int) -> None:
        high_ms = 0 if seat.high_ms == FOREVER_MS else seat.high_ms
        seat.high_ms = max(high_ms, now + seat.session_ms)

    def _refused(self, ask: Asked, reply: Refused, now: int) -> None:
        command = ask.command
        name = getattr(command, "member", "")
        if not name or not isinstance(command, (*ACTING, EnterGroup, LeaveGroup)):
            return
        seat = self._seat(name)
        if reply.why in (Why.NO_SUCH_MEMBER, Why.FENCED):
            if self._is_in(seat, now):
                raise Violation(f"`{name}` is in until {seat.low_ms}, and is told: {reply.text}")
            self._gone(name)
        elif not isinstance(command, CommitOffsets):
            self._heard_of(seat, now)

    def _acts(self, ask: Asked, floor: int, now: int) -> None:
        """A member was obeyed: it must be one, of the generation there is."""
        command = ask.command
        seat = self._seat(command.member)
        if 0 < seat.gone_at < ask.event:
            raise Violation(f"`{command.member}` is out, and was obeyed: {command}")
        if seat.high_ms < ask.now and not seat.open and not seat.waits:
            raise Violation(f"`{command.member}` was silent until {seat.high_ms}, and was obeyed")
        if command.generation < floor:
            raise Violation(f"it is generation {floor}, and {command} was obeyed")
        if isinstance(command, CommitOffsets):
            return
        self._heard_of(seat, now)
        if isinstance(command, ShareOut) or command.generation in self.shared:
            # Before all have their shares, who has not asked for it may be out.
            seat.low_ms = max(seat.low_ms, ask.now + min(seat.session_ms, *REBALANCES_MS))
            seat.of, seat.keeps_ms = command.generation, ask.now + seat.session_ms

    def _from_outside(self, ask: Asked, surely: tuple[int, str], now: int) -> None:
        until_ms, name = surely
        seat = self.seats.get(name)
        if seat is not None and self._is_in(seat, now) and now < until_ms:
            raise Violation(f"{ask.command} counts from outside, though `{name}` is in")

    def _entered(self, ask: Asked, reply: Entered, floor: int, now: int) -> None:
        name, generation = reply.member, reply.generation
        if not self.deleting:
            if generation < floor:
                raise Violation(f"`{name}` is of generation {generation}, after {floor}")
            self.current = max(self.current, generation)
        seat = self._seat(name)
        if 0 < seat.gone_at < ask.event:
            raise Violation(f"`{name}` is out, and has entered")
        seat.waits = False
        seat.session_ms = ask.command.session_ms
        self._heard_of(seat, now)
        for other in self.seats if who(name) in STATICS else ():
            if who(other) == who(name) and age(other) < age(name):
                self._gone(other)
        if reply.strategy not in dict(ask.command.strategies):
            raise Violation(f"`{name}` does not know the strategy {reply.strategy}")
        mine = self._round(generation)
        terms = (reply.strategy, reply.kind, who(reply.leader))
        if mine.terms not in (None, terms):
            raise Violation(f"generation {generation} is {mine.terms} and {terms}")
        mine.terms = terms
        mine.heard.add(who(name))
        for one, _, _ in reply.members:
            if 0 < self._seat(one).gone_at < ask.event:
                raise Violation(f"`{one}` is out, and of generation {generation}")
        self._of_members(generation, mine, reply, now)

    def _of_members(self, generation: int, mine: Round, reply: Entered, now: int) -> None:
        """The leader hears of all, each once, and of what they say of themselves."""
        told = [who(one) for one, _, _ in reply.members]
        if told:
            if len(set(told)) != len(told) or mine.members not in (None, set(told)):
                raise Violation(f"generation {generation} has {mine.members} and {told}")
            mine.members = set(told)
            for one, static_id, metadata in reply.members:
                said = metadata.startswith(reply.strategy.encode())
                if not said or (static_id or one) != who(one):
                    raise Violation(f"`{one}` is said to be {static_id}: {metadata!r}")
            if generation == self.current:
                self._are_all_there(generation, told, now)
        if mine.members is not None and not mine.heard <= mine.members:
            raise Violation(f"generation {generation}: {mine.heard} entered of {mine.members}")

    def _are_all_there(self, generation: int, told: list[str], now: int) -> None:
        """Who has a static id keeps its seat in the next round, entered or not."""
        for name, seat in self.seats.items():
            if who(name) not in STATICS or seat.of + 1 != generation:
                continue
            stays = now < seat.keeps_ms and not seat.leaving and not seat.gone_at
            if stays and who(name) not in told:
                raise Violation(f"`{name}` is in until {seat.keeps_ms}, and its leader is not told")

    def _shared(self, ask: Asked, reply: Shared) -> None:
        command = ask.command
        if reply.generation != command.generation:
            raise Violation(f"{command} is answered of generation {reply.generation}")
        self.shared.add(reply.generation)
        self._told(reply.generation, command.member, reply.share)

    def _told(self, generation: int, name: str, share: bytes) -> None:
        mine = self._round(generation)
        if mine.told.setdefault(who(name), share) != share or not mine.agree():
            raise Violation(f"`{name}` got {share!r}, of {mine.ballots}, others {mine.told}")

    def _may_be_in(self, name: str, state: str, now: int) -> None:
        """A member that is listed: heard of lately, and not gone."""
        fresh = name not in self.seats
        seat = self._seat(name)
        if seat.gone_at:
            raise Violation(f"`{name}` is out, and is listed")
        if fresh or seat.waits:
            seat.waits = state == rounds.PREPARING
            self._heard_of(seat, now)
        elif seat.high_ms <= now and not seat.open:
            raise Violation(f"`{name}` was heard of until {seat.high_ms}, and is in at {now}")
