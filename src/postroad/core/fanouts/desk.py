"""Who published what is still on its way, and who has to wait for that.

One rule: a publisher is told when the last queue has its message; what it publishes next, and what
anybody publishes through the same exchange, goes behind. Lost at a crash by design: who was not
told may publish again.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from postroad.core.decision import Answer, Step
from postroad.core.fanouts.advance import next_slice
from postroad.core.fanouts.records import FanoutBegan
from postroad.core.fanouts.state import Fanout
from postroad.core.fleeting import Fleeting
from postroad.core.handout import Handout
from postroad.core.queue import Queue
from postroad.core.records import Published as Facts
from postroad.core.records import Record
from postroad.core.relief import Relief
from postroad.limits import FANOUT_PLACES_MAX, FANOUTS_MAX
from postroad.model.ask import Ask, Caller
from postroad.model.batch import Batch, Run
from postroad.model.commands import Command, Publish
from postroad.model.exchanges import PublishTo, Routed, RoutedGroup
from postroad.model.lists import ListPush
from postroad.model.replies import Published, Refused, Reply
from postroad.model.schedules import FireSchedule
from postroad.model.topics import Append

PUBLISHES = (Publish, PublishTo, Append, ListPush, Batch, Run)
"""What brings messages along."""
RUNS = (Run, FireSchedule)
"""What publishes something that only its decision tells."""
MAY_PUBLISH = (*PUBLISHES, FireSchedule)
"""What waits while its caller has a fan-out under way."""


class Telling:
    """A publish that waits for its fan-outs. `left`: those under way; `places`: where each of them
    came to, as (queue, offset); `shifts`: how many messages of others come before its own there.
    `named`: the queues that the publish named, in its order."""

    __slots__ = ("ask", "left", "named", "places", "reply", "shifts")

    def __init__(self, ask: Ask, reply: Reply, shifts: dict[int, int], named: list[int]) -> None:
        self.ask = ask
        self.reply = reply
        self.named = named
        self.shifts = shifts
        self.left = set(shifts)
        self.places: dict[int, list[tuple[int, int]]] = {fanout: [] for fanout in shifts}


class FanoutDesk:
    """`told`: by fan-out who is to be told of it. `rested`: time had its turn since the last
    slice."""

    def __init__(
        self,
        relief: Relief,
        fleeting: Fleeting,
        apply_all: Callable[[Sequence[Record]], None],
        holds_more: Callable[[Queue, int, bool], None],
    ) -> None:
        self.world = relief.world
        self._fleeting = fleeting
        self._holds_more = holds_more
        self._relief = relief
        self._apply_all = apply_all
        self.told: dict[int, list[Telling]] = {}
        self.callers: dict[Caller, int] = {}
        self._of_program: list[int] = []
        self.rested = True

    def step(self, records: list[Record], answers: list[Answer]) -> Step:
        """What commands came to, without the answers that wait for fan-outs they began."""
        if self.under_way():
            begun = [record.fanout for record in records if isinstance(record, FanoutBegan)]
            if begun and self.world.behind is not None:
                self._of_program.extend(begun)
                answers = [Answer(one.ask, _placeless(one.reply), one.wait) for one in answers]
            elif begun:
                answers = self._others(begun, answers)
        return Step(records, answers, bool(answers))

    def enter(self, command: Batch | Run) -> None:
        """A batch or a program begins: in a batch all is placed at once."""
        self.world.at_once = isinstance(command, Batch)
        self.world.behind = set() if isinstance(command, Run) else None

    def leave(self, ask: Ask, step: Step) -> Step:
        """It is over; where a program began fan-outs its answer waits for them."""
        begun, self._of_program = self._of_program, []
        self.world.at_once = False
        self.world.behind = None
        if begun:
            for answer in step.answers:
                if answer.ask is ask:
                    self._wait(answer, dict.fromkeys(begun, 0), [])
            step.answers = [one for one in step.answers if one.ask is not ask]
        return step

    def spreads(self, record: Facts) -> bool:
        """Whether messages are to reach their queues in slices."""
        return (
            self.under_way() and self.world.state.fanouts.of(record.shelf, record.first) is not None
        )

    def under_way(self) -> bool:
        """Whether any fan-out is."""
        return len(self.world.state.fanouts.all) > 0

    def has_turn(self) -> bool:
        """Whether a slice is next, and nothing else that time does."""
        turn = self.rested and self.under_way()
        self.rested = True
        return turn

    def advance(self, now: int) -> Step:
        """The next slice of the oldest fan-out."""
        fanout = next(iter(self.world.state.fanouts.all.values()))
        record = next_slice(self.world, fanout, len(self.told.get(fanout.id, ())), now)
        self._apply_all([record])
        self._arrived(fanout, now)
        answers = self._advanced(fanout)
        self.rested = False
        return Step([record, *self._relief.of_reached()], answers, bool(answers))

    def forget(self, caller: Caller) -> None:
        """A caller is gone; its messages go on."""
        if self.callers.pop(caller, 0):
            for fanout, tellings in list(self.told.items()):
                self.told[fanout] = [one for one in tellings if one.ask.caller is not caller]

    def holds(self, ask: Ask) -> bool:
        """Whether an ask must wait: it would go ahead of a fan-out that it has to follow."""
        command = ask.command
        if not isinstance(command, MAY_PUBLISH):
            return False
        if ask.caller in self.callers:
            return True
        if isinstance(command, RUNS):
            return len(self.world.state.fanouts.all) >= FANOUTS_MAX
        if isinstance(command, Batch):
            parts = command.commands
            return isinstance(parts, list | tuple) and any(map(self._goes_behind, parts))
        return self._goes_behind(command)

    def together(self, asks: list[Ask]) -> int:
        """How many of some publishes that may be decided as one are, so that not too many have to
        be told of too many queues."""
        command = asks[0].command
        count = 0
        if len(asks) == 1:
            return 1
        if isinstance(command, Publish) and isinstance(command.queues, tuple):
            count = len(command.queues)
        elif isinstance(command, PublishTo) and isinstance(command.exchange, str):
            exchange = self.world.state.exchanges.by_name.get(command.exchange)
            if exchange is not None:
                count = len(self.world.state.exchanges.from_source.get(exchange.id, ()))
        if count <= self.world.fanout_queues_max:
            return len(asks)
        return min(len(asks), max(1, FANOUT_PLACES_MAX // count))

    def _arrived(self, fanout: Fanout, now: int) -> None:
        """After a slice: who waits for its queues looks, and time knows of them."""
        state, parts = self.world.state, fanout.parts
        timed = any(part.dues or part.expires for part in parts)
        queues = [state.queues[id] for id, _ in state.fanouts.reached]
        for queue in queues:
            self._holds_more(queue, now, timed)
        for part in parts:
            if part.expires:
                self._fleeting.came(part, queues)

    def _advanced(self, fanout: Fanout) -> list[Answer]:
        """After a slice: the answers to those whose messages are all there now."""
        state = self.world.state
        reached = state.fanouts.reached
        tellings = self.told.get(fanout.id, [])
        for telling in tellings:
            shift = telling.shifts[fanout.id]
            places = telling.places[fanout.id]
            if shift:
                places.extend([(id, offset + shift) for id, offset in reached])
            else:
                places.extend(reached)
        if fanout.to_go:
            return []
        answers: list[Answer] = []
        for telling in self.told.pop(fanout.id, []):
            telling.left.discard(fanout.id)
            if not telling.left:
                self._leave(telling)
                answers.append(Answer(telling.ask, self._said(telling), state.group))
        return answers

    def _others(self, begun: list[int], answers: list[Answer]) -> list[Answer]:
        others: list[Answer] = []
        named = self._named(answers[0].ask.command)
        for answer in answers:
            shifts = _shifts_of(answer.reply, begun)
            if shifts:
                self._wait(answer, shifts, named)
            else:
                others.append(answer)
        return others

    def _wait(self, answer: Answer, shifts: dict[int, int], named: list[int]) -> None:
        ask, reply = answer.ask, answer.reply
        assert not isinstance(reply, Handout), "a publish hands nothing out"
        telling = Telling(ask, reply, shifts, named)
        self.callers[ask.caller] = self.callers.get(ask.caller, 0) + 1
        for fanout in shifts:
            self.told.setdefault(fanout, []).append(telling)

    def _goes_behind(self, command: Command) -> bool:
        state = self.world.state
        sources = state.fanouts.sources
        full = len(state.fanouts.all) >= FANOUTS_MAX
        # Nobody has looked yet whether the command is sound.
        if isinstance(command, PublishTo) and isinstance(command.exchange, str):
            exchange = state.exchanges.by_name.get(command.exchange)
            return full if exchange is None else full or exchange.id in sources
        if isinstance(command, Append) and isinstance(command.topic, str):
            topic = state.topics.by_name.get(command.topic)
            return topic is not None and (full or topic.id in sources)
        named = command.queues if isinstance(command, Publish) else ()
        return full and isinstance(named, tuple) and len(named) > self.world.fanout_queues_max

    def _named(self, command: Command) -> list[int]:
        """The numbers of the queues a publish names; publishes that are decided as one name the
        same."""
        if not isinstance(command, Publish):
            return []
        return [self.world.state.by_name[name].id for name in command.queues]

    def _leave(self, telling: Telling) -> None:
        caller = telling.ask.caller
        left = self.callers.get(caller, 0) - 1
        if left > 0:
            self.callers[caller] = left
        else:
            self.callers.pop(caller, None)

    def _said(self, telling: Telling) -> Reply:
        """The answer, with the places it waited for."""
        reply, places = telling.reply, telling.places
        if isinstance(reply, Routed):
            groups = [
                RoutedGroup(group.indexes, tuple(places[-group.places[0][0]]), group.offsets)
                if _is_open(group.places)
                else group
                for group in reply.groups
            ]
            return replace(reply, groups=tuple(groups))
        if not isinstance(reply, Published):
            return reply
        found = dict(next(iter(places.values())))
        return replace(reply, places=tuple([(id, found.get(id, 0)) for id in telling.named]))


def _is_open(places: tuple[tuple[int, int], ...]) -> bool:
    """Whether these stand for the places of a fan-out."""
    return len(places) > 0 and places[0][0] < 0


def _placeless(reply: Reply | Handout) -> Reply | Handout:
    """The answer for a program, which does not wait to know the places of its fan-outs."""
    if not isinstance(reply, Routed):
        return reply
    groups = [
        RoutedGroup(group.indexes, ()) if _is_open(group.places) else group
        for group in reply.groups
    ]
    return replace(reply, groups=tuple(groups))


def _shifts_of(reply: Reply | Handout, begun: list[int]) -> dict[int, int]:
    """The fan-outs that an answer waits for, and how far behind the first message its own are."""
    if isinstance(reply, Refused):
        return {}
    if isinstance(reply, Published):
        open_places = [reply.places[0]] if _is_open(reply.places) else []
    elif isinstance(reply, Routed):
        open_places = [one.places[0] for one in reply.groups if _is_open(one.places)]
    else:
        return dict.fromkeys(begun, 0)
    return {-fanout: shift for fanout, shift in open_places}
