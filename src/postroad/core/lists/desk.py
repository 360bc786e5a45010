"""Pops and moves of lists, which may wait: for lists by name, whether or not they are there.

One rule: whoever waited longest for a list is served first, be it a pop, a move or a receive; a
move reads its message before anything is changed, so it is served by time, which can wait for the
disk. Compiled by mypyc where possible.
"""

from collections.abc import Callable, Sequence

from postroad.core.decide.carry import Errand, carry, fetch
from postroad.core.decide.overflow import overflow_records
from postroad.core.decision import TOO_LONG, Answer, Decision, Missing, Step, World, too_long
from postroad.core.demand import Demand
from postroad.core.handout import Bodies, Handout, downward, pieces_of
from postroad.core.list_lane import ListLane
from postroad.core.lists import records as facts
from postroad.core.lists.look import END_NUMBERS, find, is_back, lane_of
from postroad.core.lists.place import (
    begun,
    fronted,
    load_for,
    new_list,
    refused_new,
    refused_push,
)
from postroad.core.page import Page
from postroad.core.queue import Queue
from postroad.core.records import Published, Record
from postroad.core.session import Waiter
from postroad.core.settled import popped_record
from postroad.limits import LIST_NAMES_MAX, RECEIVE_MAX, WAIT_MS_MAX
from postroad.model.ask import Ask
from postroad.model.lists import ENDS, ListItems, ListMove, ListPop
from postroad.model.message import Delivery
from postroad.model.policy import OVERFLOW_REJECT
from postroad.model.replies import Received, Refused, Why

SERVED = (ListPop, ListMove)
"""The commands that are answered here."""

Room = Callable[[Queue, int, int], int]
Spend = Callable[[Queue, int], None]
OTHER_END = {facts.LEFT_END: facts.RIGHT_END, facts.RIGHT_END: facts.LEFT_END}


class ListDesk:
    """Takes from lists. `room`: how many messages may leave a queue now; `spend`: tell that some
    did. `moving`: moves that waited, and whose lists have something now; `rests`: the last was just
    now, and all else that time does has a turn."""

    def __init__(
        self,
        world: World,
        demand: Demand,
        gate: tuple[Room, Spend],
        apply_all: Callable[[Sequence[Record]], None],
    ) -> None:
        self.world = world
        self.demand = demand
        self.room, self.spend = gate
        self.apply_all = apply_all
        self.moving: dict[Waiter, None] = {}
        self.rests = False

    def handle(self, ask: Ask, now: int) -> Step | Missing:
        """A pop or a move."""
        command = ask.command
        if isinstance(command, ListPop):
            return self._pop(ask, command, now)
        assert isinstance(command, ListMove), "every command has a decider or is one of these"
        return self._move(ask, command, now)

    def serve(self, queue: Queue, waiter: Waiter, now: int) -> Step | None:
        """Who has waited longest for a list gets what is ready; `None` where that is a move, which
        has to wait for a tick."""
        command = waiter.ask.command
        if isinstance(command, ListMove):
            self.moving[waiter] = None
            return None
        assert isinstance(command, ListPop), "only these wait for lists"
        self.demand.end_wait(waiter)
        found = find(self.world, queue.name, command.space, now)
        if isinstance(found, Decision):
            return Step([], [Answer(waiter.ask, _refusal(found), self.world.state.group)], False)
        room = self.room(queue, min(command.count, RECEIVE_MAX), now)
        return self._hand_out(waiter.ask, queue, room, command.end, now)

    def next_move(self, now: int) -> Step | Missing | None:
        """The next of the moves that waited, every other time."""
        if self.rests:
            self.rests = False
            return None
        while self.moving:
            waiter = next(iter(self.moving))
            command = waiter.ask.command
            assert isinstance(command, ListMove), "a move waits as such"
            queue = self.world.state.by_name.get(command.source)
            step: Step | Missing | None = None
            if queue is not None and not waiter.over and self.room(queue, 1, now):
                step = self._carry_of(waiter.ask, command, now)
                if isinstance(step, Missing):
                    return step
                self.demand.end_wait(waiter)
            del self.moving[waiter]
            if queue is not None and queue.pages.ready:
                self.demand.stir(queue.id, queue.name)
            if step is not None:
                self.rests = True
                return step
        return None

    def _carry_of(self, ask: Ask, command: ListMove, now: int) -> Step | Missing:
        """A move that waited: what came under the name of its list may be no list."""
        source = find(self.world, command.source, command.space, now)
        if isinstance(source, Decision):
            return _say(ask, _refusal(source), self.world.state.changed)
        assert source is not None, "it was there just now"
        return self._carry(ask, command, source, now)

    def _pop(self, ask: Ask, command: ListPop, now: int) -> Step:
        names = tuple(dict.fromkeys(command.lists))
        wrong = _bad_times(command.wait_ms)
        if not 1 <= len(names) <= LIST_NAMES_MAX or command.count < 1 or command.end not in ENDS:
            wrong = f"a pop is of 1 to {LIST_NAMES_MAX:,} lists, `left` or `right`, 1 or more"
        if wrong:
            return _say(ask, Refused(Why.BAD_COMMAND, wrong), 0)
        for name in names:
            queue = find(self.world, name, command.space, now)
            if isinstance(queue, Decision):
                return _say(ask, _refusal(queue), self.world.state.changed)
            if queue is None or not queue.pages.ready or self._is_taken(queue, command.wait_ms):
                continue
            room = self.room(queue, min(command.count, RECEIVE_MAX), now)
            if room:
                return self._hand_out(ask, queue, room, command.end, now)
        return self._wait(ask, names, command.wait_ms, now)

    def _move(self, ask: Ask, command: ListMove, now: int) -> Step | Missing:
        wrong = _bad_times(command.wait_ms)
        if command.source_end not in ENDS or command.target_end not in ENDS:
            wrong = "an end of a list is `left` or `right`"
        if wrong:
            return _say(ask, Refused(Why.BAD_COMMAND, wrong), 0)
        source = find(self.world, command.source, command.space, now)
        if isinstance(source, Decision):
            return _say(ask, _refusal(source), self.world.state.changed)
        taken = source is None or self._is_taken(source, command.wait_ms)
        if source is not None and not taken and self.room(source, 1, now):
            return self._carry(ask, command, source, now)
        return self._wait(ask, (command.source,), command.wait_ms, now)

    def _is_taken(self, queue: Queue, wait_ms: int) -> bool:
        """Whether who may wait has to, because others do already."""
        if wait_ms <= 0:
            return False
        waits = self.demand.next_waiter(queue.id) or self.demand.next_at_list(queue.name)
        return waits is not None

    def _wait(self, ask: Ask, names: tuple[str, ...], wait_ms: int, now: int) -> Step:
        if wait_ms <= 0:
            return _say(ask, ListItems("", []), self.world.state.changed)
        waiter = Waiter(ask, 0, 1, None, False)
        waiter.lists = names
        self.demand.wait(waiter, now + min(wait_ms, WAIT_MS_MAX))
        for name in names:
            queue = self.world.state.by_name.get(name)
            if queue is not None and queue.pages.ready:
                # What is there may only have to wait for its turn: the pump finds out when that is.
                self.demand.stir(queue.id, name)
        return Step([], [], False)

    def _hand_out(self, ask: Ask, queue: Queue, count: int, end: str, now: int) -> Step:
        records = self._as_list(queue, end)
        lane = queue.pages.lanes
        assert isinstance(lane, ListLane), "it is a list by now"
        handout = Handout(queue.id, now)
        handout.name = queue.name
        for page, mask, down in lane.take(count, is_back(queue, end)):
            pieces = pieces_of(queue, page.base, mask, page)
            handout.pieces.extend(downward(pieces) if down else pieces)
            record = popped_record(queue, page.base, mask, now)
            self.apply_all([record])
            records.append(record)
        self.spend(queue, handout.count())
        return Step(records, [Answer(ask, handout, self.world.state.group)], True)

    def _as_list(self, queue: Queue, end: str) -> list[Record]:
        """Who takes the first from a queue that is no list yet takes the oldest."""
        if queue.list_end:
            return []
        begin = facts.ListBegun(queue.id, OTHER_END[END_NUMBERS[end]], queue.passing)
        self.apply_all([begin])
        return [begin]

    def _carry(self, ask: Ask, command: ListMove, source: Queue, now: int) -> Step | Missing:
        """The move itself, of a list that has something."""
        back = source.list_end != 0 and is_back(source, command.source_end)
        page, mask, _ = lane_of(source).take(1, back)[0]
        fetched = fetch(self.world, source, [(page, mask)])
        if isinstance(fetched, Missing):
            return fetched
        bodies = fetched[0][1]
        target = find(self.world, command.target, command.space, now)
        refusal = self._refused(command, source, target, bodies)
        if refusal is not None:
            return _say(ask, refusal, self.world.state.changed)
        records = self._as_list(source, command.source_end)
        if target is None:
            made = new_list(self.world, command.target, command.target_end, now)
            self.apply_all(made)
            records.extend(made)
            target = self.world.state.by_name[command.target]
        assert isinstance(target, Queue), "a refusal was told before"
        begin = begun(target, END_NUMBERS[command.target_end])
        self.apply_all(begin)
        records.extend(begin)
        moved = self._moved(command, (source, target), (page, mask), now)
        records.extend(moved)
        reply = ListItems(target.name, [_as_moved(target, moved[0], bodies, now)])
        return Step(records, [Answer(ask, reply, self.world.state.group)], True)

    def _refused(
        self, command: ListMove, source: Queue, target: Queue | Decision | None, bodies: Bodies
    ) -> Refused | None:
        if isinstance(target, Decision):
            return _refusal(target)
        if self.world.short_of_space:
            text = "the disk is almost full; free some space or consume messages"
            return Refused(Why.NO_SPACE, text)
        load = load_for(bodies.bodies[:1], None if bodies.heads is None else bodies.heads[:1], True)
        if target is None:
            refusal = refused_new(self.world, command.target, load)
        else:
            refusal = None if target is source else refused_push(self.world, target, load)
        return None if refusal is None else _refusal(refusal)

    def _moved(
        self, command: ListMove, pair: tuple[Queue, Queue], picked: tuple[Page, int], now: int
    ) -> list[Record]:
        """The facts of the move, applied."""
        source, target = pair
        errand = Errand(source, target)
        errand.again = target is source
        taken = carry(self.world, errand, [picked], now)
        assert not isinstance(taken, Missing), "the body was here just now"
        records = list(taken.records)
        if not is_back(target, command.target_end):
            records.extend(fronted(target.id, target.next_offset, 1))
        self.apply_all(records)
        if target.settings.overflow != OVERFLOW_REJECT:
            dropped = overflow_records(target, True)
            self.apply_all(dropped)
            records.extend(dropped)
        self.spend(source, 1)
        return records


def nothing_for(waiter: Waiter) -> Received | ListItems:
    """What is said at the end of a wait in vain."""
    return ListItems("", []) if waiter.lists else Received([])


def _as_moved(target: Queue, record: Record, bodies: Bodies, now: int) -> Delivery:
    assert isinstance(record, Published), "a move publishes first"
    assert record.notes is not None, "what moved has a note"
    note = record.notes[0]
    head = b"" if bodies.heads is None else bodies.heads[0]
    offset = target.next_offset - 1
    return Delivery(target.id, offset, 0, 1, now, note.published_ms, bodies.bodies[0], head, note)


def _bad_times(wait_ms: int) -> str:
    return TOO_LONG if too_long(wait_ms) else ""


def _refusal(decision: Decision) -> Refused:
    reply = decision.reply
    assert isinstance(reply, Refused), "a decision without a queue is a refusal"
    return reply


def _say(ask: Ask, reply: Refused | ListItems, group: int) -> Step:
    return Step([], [Answer(ask, reply, group)], False)
