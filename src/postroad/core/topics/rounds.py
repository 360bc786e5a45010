"""Groups whose members share out among themselves: entering, sharing out, living and leaving.

One rule: nobody is told of a generation before all that are waited for have entered, and nobody
acts in a generation that is not the group's. Who is a member is volatile; the generation is a fact.
"""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from postroad.core.decision import Answer, Step, World
from postroad.core.records import Record
from postroad.core.topics import records as facts
from postroad.core.topics.circle import Circle, Seat, circle_of, is_waited_on, the_circle
from postroad.core.topics.rules import AGAIN, OUT, REPLACED, bad_enter, bad_shares, no_room, seat_of
from postroad.core.topics.topic import Group
from postroad.model.ask import Ask, Caller
from postroad.model.groups import LeaveGroup
from postroad.model.replies import Done, Refused, Reply, Why
from postroad.model.rounds import (
    COMPLETING,
    EMPTY,
    PREPARING,
    STABLE,
    EnterGroup,
    MemberNamed,
    Shared,
    ShareOut,
    StayInGroup,
)

ASKED = (EnterGroup, ShareOut, StayInGroup, LeaveGroup)


class Rounds:
    """All groups of the kind. Each ask is done with `records` and `answers` begun anew."""

    def __init__(self, world: World, apply_all: Callable[[Sequence[Record]], None]) -> None:
        self.world = world
        self.apply_all = apply_all
        self.records: list[Record] = []
        self.answers: list[Answer] = []
        self._ends: list[tuple[int, int]] = []
        self._names = 0
        self._touched = 0
        self._waiting: dict[int, dict[int, tuple[Group, Seat]]] = {}

    def handle(self, ask: Ask, now: int) -> Step:
        """Enter, share out, live, leave."""
        self.records, self.answers = [], []
        command = ask.command
        assert isinstance(command, ASKED), "the desk hands on nothing else"
        group = self.world.state.topics.group_of.get(command.group)
        self._touched = self.world.state.changed if group is None else group.touched
        if isinstance(command, EnterGroup):
            reply = self._enter(ask, command, now)
        elif isinstance(command, ShareOut):
            reply = self._share_out(ask, command, now)
        elif isinstance(command, StayInGroup):
            reply = self._stay(command, now)
        else:
            reply = self._leave(command, now)
        if reply is not None:
            self._say(ask, reply)
        return Step(self.records, self.answers, bool(self.records))

    def tick(self, now: int) -> Step | None:
        """What time does to one group; `None` when there is nothing."""
        while self._ends and self._ends[0][0] <= now:
            due, id = heappop(self._ends)
            group = self.world.state.topics.groups.get(id)
            circle = None if group is None else circle_of(group)
            if group is None or circle is None or circle.heaped_ms != due:
                continue
            self.records, self.answers = [], []
            self._touched = group.touched
            circle.heaped_ms = 0
            self._pass_time(group, circle, now)
            self._plan(group, circle)
            if self.records or self.answers:
                return Step(self.records, self.answers, bool(self.records))
        return None

    def next_end(self) -> int:
        """When `tick` may have something to do, in ms; 0 for never."""
        return self._ends[0][0] if self._ends else 0

    def forget(self, caller: Caller) -> None:
        """A caller is gone: nobody is told what it waited for; the member may come again."""
        for group, seat in self._waiting.pop(caller.number, {}).values():
            if seat.entering is not None and seat.entering.caller is caller:
                seat.entering = None
            if seat.awaiting is not None and seat.awaiting.caller is caller:
                seat.awaiting = None
                # Its silence counts from here on, as nobody is waited for.
                self._plan_at(group, the_circle(group), seat.until_ms)

    def stop_waiting(self) -> list[Answer]:
        """The process stops: whoever waits enters again elsewhere, or later."""
        self.records, self.answers = [], []
        for seats in list(self._waiting.values()):
            for _, seat in list(seats.values()):
                self._tell_both(seat, AGAIN)
        return self.answers

    def _wait(self, ask: Ask, group: Group, seat: Seat) -> None:
        self._waiting.setdefault(ask.caller.number, {})[ask.number] = (group, seat)

    def _enter(self, ask: Ask, command: EnterGroup, now: int) -> Reply | None:
        wrong = bad_enter(command)
        if wrong is not None:
            return wrong
        topics = self.world.state.topics
        group = topics.group_of.get(command.group)
        refused = no_room(topics, group, command)
        if refused is not None:
            return refused
        if group is None:
            made = facts.GroupMade(self.world.state.catalog.next_id, command.group, now)
            self._do(made)
            group = topics.groups[made.group]
        circle = circle_of(group)
        if circle is None:
            circle = Circle()
            group.circle = circle
        return self._seat(ask, command, group, circle, now)

    def _seat(
        self, ask: Ask, command: EnterGroup, group: Group, circle: Circle, now: int
    ) -> Reply | None:
        known = circle.by_static.get(command.static_id, "") if command.static_id else ""
        if known and command.member and known != command.member:
            return REPLACED
        name = command.member or known
        seat = circle.seats.get(name)
        common = circle.common(seat)
        if common is not None and common.isdisjoint(dict(command.strategies)):
            return Refused(Why.SETTINGS_DIFFER, "the members have no strategy in common")
        if seat is None:
            return self._newcomer(ask, command, group, circle, now)
        if command.static_id and not command.member:
            return self._replace(ask, command, group, seat, now)
        return self._again(ask, command, group, seat, now)

    def _newcomer(
        self, ask: Ask, command: EnterGroup, group: Group, circle: Circle, now: int
    ) -> Reply | None:
        name = command.member
        if name:
            if circle.named.pop(name, None) is None:
                return OUT
        else:
            name = self._new_name(command)
            if command.named_first and not command.static_id:
                circle.named[name] = now + command.session_ms
                self._plan_at(group, circle, circle.named[name])
                return MemberNamed(name)
        seat = Seat(name, command.static_id)
        seat.until_ms = now + command.session_ms
        circle.add(seat)
        circle.kind = command.kind
        if circle.state == EMPTY:
            circle.gather_ms = now + command.gather_ms if command.gather_ms else 0
            self._plan_at(group, circle, circle.gather_ms)
        self._park(ask, command, group, seat, now)
        return None

    def _replace(
        self, ask: Ask, command: EnterGroup, group: Group, seat: Seat, now: int
    ) -> Reply | None:
        """Somebody comes with the static id of a member: its place, its share, another name."""
        circle = the_circle(group)
        self._tell_both(seat, REPLACED)
        old, leader = seat.name, circle.leader
        circle.rename(seat, self._new_name(command))
        same = seat.strategies == dict(command.strategies)
        circle.say(seat, command)
        if circle.state == STABLE and same:
            self._live(group, circle, seat, now)
            # A leader that is not told so does not share out what stands already.
            return circle.entered(group.generation, seat, old if leader == old else leader)
        self._park(ask, command, group, seat, now)
        return None

    def _again(
        self, ask: Ask, command: EnterGroup, group: Group, seat: Seat, now: int
    ) -> Reply | None:
        circle = the_circle(group)
        same = seat.strategies == dict(command.strategies)
        settled = circle.state == COMPLETING or (
            circle.state == STABLE and seat.name != circle.leader
        )
        if same and settled:
            self._live(group, circle, seat, now)
            return circle.entered(group.generation, seat, circle.leader)
        self._park(ask, command, group, seat, now)
        return None

    def _park(self, ask: Ask, command: EnterGroup, group: Group, seat: Seat, now: int) -> None:
        """A member has entered and waits for the others."""
        circle = the_circle(group)
        if seat.entering is not None:
            self._say(seat.entering, AGAIN)
        circle.say(seat, command)
        if circle.state != PREPARING:
            self._prepare(group, circle, now)
        seat.entering = ask
        self._wait(ask, group, seat)
        circle.enter(seat)
        self._complete_if_all(group, circle, now)

    def _prepare(self, group: Group, circle: Circle, now: int) -> None:
        """All must enter again."""
        circle.state = PREPARING
        circle.due_ms = now + max(seat.rebalance_ms for seat in circle.seats.values())
        circle.begin()
        for seat in circle.seats.values():
            if seat.awaiting is not None:
                self._say(seat.awaiting, AGAIN)
                seat.awaiting = None
                seat.until_ms = now + seat.session_ms
        self._plan(group, circle)

    def _complete_if_all(self, group: Group, circle: Circle, now: int) -> None:
        if circle.state != PREPARING or circle.named or now < circle.gather_ms:
            return
        if not circle.missing:
            self._complete(group, circle, now)

    def _complete(self, group: Group, circle: Circle, now: int) -> None:
        """Nobody else is waited for: a new generation of who has entered, and of who is known by a
        static id."""
        circle.gather_ms = 0
        for seat in list(circle.seats.values()):
            if not seat.has_entered and not seat.static_id:
                self._take_out(circle, seat)
        present = [seat for seat in circle.seats.values() if seat.has_entered]
        if not circle.seats:
            self._empty(group, circle)
            return
        if not present:
            circle.due_ms = now + max(seat.rebalance_ms for seat in circle.seats.values())
            return
        circle.strategy = circle.chosen()
        self._do(facts.GroupTurned(group.id, group.generation + 1, circle.strategy))
        circle.state = COMPLETING
        if circle.leader not in [seat.name for seat in present]:
            circle.leader = present[0].name
        circle.due_ms = now + max(seat.rebalance_ms for seat in circle.seats.values())
        circle.begin()
        for seat in present:
            seat.until_ms = now + seat.session_ms
        for seat in circle.seats.values():
            seat.share = b""
            if seat.entering is not None:
                self._say(seat.entering, circle.entered(group.generation, seat, circle.leader))
                seat.entering = None
        self._plan(group, circle)

    def _share_out(self, ask: Ask, command: ShareOut, now: int) -> Reply | None:
        seat = self._member(command)
        if isinstance(seat, Refused):
            return seat
        group = self.world.state.topics.group_of[command.group]
        circle = the_circle(group)
        if circle.state == PREPARING:
            return AGAIN
        seat.until_ms = now + seat.session_ms
        if circle.state == STABLE:
            return Shared(group.generation, circle.strategy, circle.kind, seat.share)
        wrong = bad_shares(command)
        if wrong is not None:
            return wrong
        if seat.awaiting is not None:
            self._say(seat.awaiting, AGAIN)
        seat.awaiting = ask
        self._wait(ask, group, seat)
        seat.has_asked = True
        if seat.name == circle.leader:
            self._give(group, circle, dict(command.shares), now)
        return None

    def _give(self, group: Group, circle: Circle, shares: dict[str, bytes], now: int) -> None:
        circle.state = STABLE
        circle.due_ms = 0
        for seat in circle.seats.values():
            seat.share = shares.get(seat.name, b"")
            if seat.awaiting is not None:
                share = Shared(group.generation, circle.strategy, circle.kind, seat.share)
                self._say(seat.awaiting, share)
                seat.awaiting = None
                seat.until_ms = now + seat.session_ms
        self._plan(group, circle)

    def _stay(self, command: StayInGroup, now: int) -> Reply:
        seat = self._member(command)
        if isinstance(seat, Refused):
            return seat
        seat.until_ms = now + seat.session_ms
        circle = the_circle(self.world.state.topics.group_of[command.group])
        return AGAIN if circle.state == PREPARING else Done()

    def _leave(self, command: LeaveGroup, now: int) -> Reply:
        group = self.world.state.topics.group_of[command.group]
        circle = the_circle(group)
        if circle.named.pop(command.member, None) is not None:
            self._complete_if_all(group, circle, now)
            return Done()
        seat = seat_of(circle, command.member, command.static_id)
        if isinstance(seat, Refused):
            return seat
        self._remove(group, circle, [seat], now)
        return Done()

    def _member(self, command: ShareOut | StayInGroup) -> Seat | Refused:
        """A member that acts in the generation of its group, or why it does not count."""
        group = self.world.state.topics.group_of.get(command.group)
        circle = None if group is None else circle_of(group)
        if group is None or circle is None:
            return OUT
        seat = seat_of(circle, command.member, command.static_id)
        if isinstance(seat, Seat) and command.generation != group.generation:
            text = f"the generation of `{group.name}` is {group.generation}"
            return Refused(Why.WRONG_GENERATION, text)
        return seat

    def _pass_time(self, group: Group, circle: Circle, now: int) -> None:
        for name in [name for name, until in circle.named.items() if until <= now]:
            del circle.named[name]
        over = bool(circle.due_ms) and circle.due_ms <= now
        out = [
            one for one in circle.seats.values() if one.until_ms <= now and not is_waited_on(one)
        ]
        if circle.state == COMPLETING and over:
            out.extend(one for one in circle.seats.values() if not one.has_asked and one not in out)
        if out:
            self._remove(group, circle, out, now)
        if circle.state == PREPARING and circle.due_ms <= now:
            self._complete(group, circle, now)
        else:
            if circle.gather_ms and circle.gather_ms <= now:
                circle.gather_ms = 0
            self._complete_if_all(group, circle, now)

    def _remove(self, group: Group, circle: Circle, out: list[Seat], now: int) -> None:
        for seat in out:
            self._take_out(circle, seat)
        if not circle.seats:
            self._empty(group, circle)
        elif circle.state == PREPARING:
            self._complete_if_all(group, circle, now)
        else:
            self._prepare(group, circle, now)

    def _take_out(self, circle: Circle, seat: Seat) -> None:
        self._tell_both(seat, OUT)
        circle.take_out(seat)

    def _empty(self, group: Group, circle: Circle) -> None:
        circle.state = EMPTY
        circle.due_ms = circle.gather_ms = 0
        circle.strategy = circle.kind = ""
        self._do(facts.GroupTurned(group.id, group.generation + 1, ""))

    def _new_name(self, command: EnterGroup) -> str:
        self._names += 1
        return f"{command.static_id or command.prefix}-{self.world.epoch:x}-{self._names:x}"

    def _live(self, group: Group, circle: Circle, seat: Seat, now: int) -> None:
        seat.until_ms = now + seat.session_ms
        self._plan_at(group, circle, seat.until_ms)

    def _plan(self, group: Group, circle: Circle) -> None:
        self._plan_at(group, circle, circle.next_ms())

    def _plan_at(self, group: Group, circle: Circle, due: int) -> None:
        """Time looks at a group at an instant, unless it does so before."""
        if due and (not circle.heaped_ms or due < circle.heaped_ms):
            circle.heaped_ms = due
            heappush(self._ends, (due, group.id))

    def _do(self, record: Record) -> None:
        self.apply_all([record])
        self.records.append(record)

    def _tell_both(self, seat: Seat, reply: Reply) -> None:
        for ask in (seat.entering, seat.awaiting):
            if ask is not None:
                self._say(ask, reply)
        seat.entering = seat.awaiting = None

    def _say(self, ask: Ask, reply: Reply) -> None:
        waiting = self._waiting.get(ask.caller.number)
        if waiting is not None:
            waiting.pop(ask.number, None)
            if not waiting:
                del self._waiting[ask.caller.number]
        wait = self.world.state.group if self.records else self._touched
        self.answers.append(Answer(ask, reply, wait))
