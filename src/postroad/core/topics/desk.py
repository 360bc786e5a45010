"""Where asks about topics wait: fetches, receives of groups, and the members of groups.

One rule: whoever waits is answered once there is enough for it, or its wait is over; what it waits
for is volatile, lost at a crash by design.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush

from postroad.core.decision import TOO_LONG, Answer, Decision, Step, World, too_long
from postroad.core.queue import Queue
from postroad.core.records import Record
from postroad.core.serve import Server, Terms
from postroad.core.topics.circle import circle_of
from postroad.core.topics.consumers import admit
from postroad.core.topics.members import Members
from postroad.core.topics.read import Reading, read
from postroad.core.topics.rounds import Rounds
from postroad.core.topics.topic import Share
from postroad.limits import (
    ENDED_WAITS_MAX,
    FETCH_SPANS_MAX,
    LAPSE_SLICE,
    RECEIVE_MAX,
    ROUNDS_MAX,
    WAIT_MS_MAX,
)
from postroad.model.ask import Ask, Caller
from postroad.model.commands import SESSION_LEASE
from postroad.model.groups import Heartbeat, JoinGroup, LeaveGroup, ReceiveShare
from postroad.model.replies import Received, Refused, Why
from postroad.model.rounds import EnterGroup, ShareOut, StayInGroup
from postroad.model.topics import Fetch

SERVED = (
    *(Fetch, ReceiveShare, JoinGroup, Heartbeat, LeaveGroup),
    *(EnterGroup, ShareOut, StayInGroup),
)
"""The commands that are answered here."""


class Standing:
    """An ask that waits until an instant, for the partitions or the group in `places`."""

    __slots__ = ("ask", "over", "places", "until_ms")

    def __init__(self, ask: Ask, places: list[int], until_ms: int) -> None:
        self.ask = ask
        self.places = places
        self.until_ms = until_ms
        self.over = False


class Desk:
    """Standing asks by partition or group, and by caller. `stirred`: places where something
    changed and somebody waits."""

    def __init__(
        self, world: World, server: Server, apply_all: Callable[[Sequence[Record]], None]
    ) -> None:
        self.world = world
        self.server = server
        self.members = Members(world, apply_all)
        self.rounds = Rounds(world, apply_all)
        self.apply_all = apply_all
        self.stirred: dict[int, None] = {}
        self.waiting = 0
        self._lines: dict[int, OrderedDict[Standing, None]] = {}
        self._of_caller: dict[int, dict[Standing, None]] = {}
        self._ends: list[tuple[int, int, Standing]] = []
        self._sequence = 0

    def handle(self, ask: Ask, now: int) -> Step:
        """Fetch, receive for a group, join, heartbeat, leave."""
        command = ask.command
        if isinstance(command, Fetch):
            return self._fetch(ask, command, now)
        if isinstance(command, ReceiveShare):
            return self._receive(ask, command, now)
        if isinstance(command, EnterGroup | ShareOut | StayInGroup) or self._in_circle(command):
            return self.rounds.handle(ask, now)
        if isinstance(command, JoinGroup):
            decision = self.members.join(command, now)
        elif isinstance(command, Heartbeat):
            decision = self.members.heartbeat(command, now)
        else:
            assert isinstance(command, LeaveGroup), "every command has a decider or is one of these"
            decision = self.members.leave(command)
        wait = decision.read_group
        group = self.world.state.group if wait is None else wait
        return Step(decision.records, [Answer(ask, decision.reply, group)], True)

    def _in_circle(self, command: object) -> bool:
        """Whether somebody leaves a group whose members share out among themselves."""
        if not isinstance(command, LeaveGroup):
            return False
        group = self.world.state.topics.group_of.get(command.group)
        return group is not None and circle_of(group) is not None and not group.members

    def stir(self, place: int) -> None:
        """Something may be there for those who wait at a partition or group."""
        if place in self._lines:
            self.stirred[place] = None

    def stir_all(self) -> None:
        """A topic is gone: whoever waits looks whether it was the one."""
        self.stirred.update(dict.fromkeys(self._lines))

    def stir_queue(self, queue: int) -> None:
        """A group's queue has something ready, or is gone."""
        share = self.world.state.topics.share_of_queue.get(queue)
        if share is not None:
            self.stir(share[0])

    def pump(self, now: int) -> Step | None:
        """Answer those that have enough now."""
        step = Step([], [], False)
        rounds = 0
        while self.stirred and rounds < ROUNDS_MAX:
            place = next(iter(self.stirred))
            rounds += 1
            if not self._serve(place, step, now):
                self.stirred.pop(place, None)
        return step if step.answers else None

    def _serve(self, place: int, step: Step, now: int) -> bool:
        """Answer some of those who wait at a place; whether others may be answered yet."""
        line = self._lines.get(place)
        if line is None:
            return False
        for standing in list(line):
            command = standing.ask.command
            if isinstance(command, Fetch):
                reading = read(self.world, command, now)
                if _is_enough(reading, command):
                    self._end(standing)
                    step.answers.append(Answer(standing.ask, reading.handout, reading.wait))
                continue
            assert isinstance(command, ReceiveShare), "only these wait"
            served = self._try(standing.ask, command, now)
            if served is None:
                continue
            self._end(standing)
            step.records.extend(served.records)
            step.answers.extend(served.answers)
            step.urgent = step.urgent or served.urgent
            return True
        return False

    def end_waits(self, now: int) -> list[Answer]:
        """Waits that are over: what there is must do."""
        answers: list[Answer] = []
        while len(answers) < LAPSE_SLICE:
            end = self._next_end()
            if not end or end > now:
                break
            standing = heappop(self._ends)[2]
            self._end(standing)
            answers.append(self._late(standing, now))
        return answers

    def silent(self, now: int) -> Step | None:
        """Members that were silent for too long are out; the records are applied."""
        records = self.members.silent(now)
        return Step(records, [], False) if records else self.rounds.tick(now)

    def next_end(self) -> int:
        """When the next wait or the next silent member is over, in ms; 0 for never."""
        ends = (self._next_end(), self.members.next_end(), self.rounds.next_end())
        return min([one for one in ends if one], default=0)

    def forget(self, caller: Caller) -> None:
        """A caller is gone: what it waited for is forgotten."""
        for standing in list(self._of_caller.get(caller.number, ())):
            self._end(standing)
        self.rounds.forget(caller)

    def stop_waiting(self) -> list[Answer]:
        """The process stops: everybody who waits gets what there is."""
        answers = self.rounds.stop_waiting()
        for standings in list(self._of_caller.values()):
            for standing in list(standings):
                self._end(standing)
                answers.append(self._late(standing, 0))
        return answers

    def end_waits_of(self, caller: Caller, number: int) -> list[Answer]:
        """A caller does not want to wait any longer for one of its asks."""
        answers: list[Answer] = []
        for standing in list(self._of_caller.get(caller.number, ())):
            if standing.ask.number == number:
                self._end(standing)
                answers.append(self._late(standing, 0))
        return answers

    def _late(self, standing: Standing, now: int) -> Answer:
        command = standing.ask.command
        if isinstance(command, Fetch):
            reading = read(self.world, command, now)
            return Answer(standing.ask, reading.handout, reading.wait)
        return Answer(standing.ask, Received([]), 0)

    def _fetch(self, ask: Ask, command: Fetch, now: int) -> Step:
        if len(command.spans) > FETCH_SPANS_MAX or too_long(command.wait_ms):
            text = f"a fetch reads at most {FETCH_SPANS_MAX:,} partitions; {TOO_LONG}"
            return self._refuse(ask, Why.BAD_COMMAND, text)
        reading = read(self.world, command, now)
        if command.wait_ms <= 0 or _is_enough(reading, command):
            return Step([], [Answer(ask, reading.handout, reading.wait)], False)
        topics = self.world.state.topics
        places: list[int] = []
        for span in command.spans:
            log = topics.partition_of(topics.by_name[span.topic], span.partition)
            assert log is not None, "a fetch that names none is answered at once"
            places.append(log.id)
        self._wait(Standing(ask, places, now + min(command.wait_ms, WAIT_MS_MAX)))
        return Step([], [], False)

    def _receive(self, ask: Ask, command: ReceiveShare, now: int) -> Step:
        share = self._share_of(command)
        if isinstance(share, Refused):
            return Step([], [Answer(ask, share, self.world.state.changed)], False)
        lease_ms = command.lease_ms
        bad_lease = lease_ms is not None and lease_ms < SESSION_LEASE
        if command.count < 1 or bad_lease or too_long(lease_ms, command.wait_ms):
            text = f"count is at least 1, times not below 0; {TOO_LONG}"
            return self._refuse(ask, Why.BAD_COMMAND, text)
        admitted = admit(self.world, share, command.consumer, now)
        if isinstance(admitted, Decision):
            assert isinstance(admitted.reply, Refused), "who is not admitted is told why"
            return self._refuse(ask, admitted.reply.why, admitted.reply.text)
        made = admitted[0]
        self.apply_all(made)
        if share.id not in self._lines or command.wait_ms <= 0:
            step = self._try(ask, command, now)
            if step is not None:
                return Step([*made, *step.records], step.answers, step.urgent)
        if command.wait_ms <= 0:
            return Step(made, [Answer(ask, Received([]), share.touched)], bool(made))
        self._wait(Standing(ask, [share.id], now + min(command.wait_ms, WAIT_MS_MAX)))
        return Step(made, [], False)

    def _share_of(self, command: ReceiveShare) -> Share | Refused:
        topics = self.world.state.topics
        topic = topics.by_name.get(command.topic)
        if topic is None:
            return Refused(Why.NO_SUCH_TOPIC, f"topic `{command.topic}` does not exist")
        share = topic.shares.get(command.group)
        if share is None:
            text = f"topic `{topic.name}` has no group `{command.group}` of mode lease"
            return Refused(Why.NO_SUCH_GROUP, text)
        number = command.partition
        if number is not None and not 0 <= number < len(share.queues):
            return Refused(Why.NO_SUCH_PARTITION, f"topic `{topic.name}` has no such partition")
        return share

    def _try(self, ask: Ask, command: ReceiveShare, now: int) -> Step | None:
        """Messages of the next partition that has some ready; `None` when none has."""
        share = self._share_of(command)
        if isinstance(share, Refused):
            return Step([], [Answer(ask, share, self.world.state.changed)], False)
        consumer = share.consumers.get(command.consumer)
        if consumer is None and command.consumer:
            text = f"consumer `{command.consumer}` was deleted while it waited"
            return self._refuse(ask, Why.NO_SUCH_CONSUMER, text)
        count = min(command.count, RECEIVE_MAX)
        holder = 0 if consumer is None else consumer.holder
        terms = Terms(count, command.lease_ms, command.leased, holder)
        total = len(share.queues)
        for step in range(total):
            number = (share.turn + step) % total
            if command.partition is not None and command.partition != number:
                continue
            queue: Queue = self.world.state.queues[share.queues[number]]
            served = self.server.hand_now(ask, queue, terms, now)
            if served is not None:
                share.turn = number + 1
                if consumer is not None:
                    consumer.active_ms = now
                return served
        return None

    def _wait(self, standing: Standing) -> None:
        for place in standing.places:
            self._lines.setdefault(place, OrderedDict())[standing] = None
        self._of_caller.setdefault(standing.ask.caller.number, {})[standing] = None
        self._sequence += 1
        self.waiting += 1
        heappush(self._ends, (standing.until_ms, self._sequence, standing))

    def _end(self, standing: Standing) -> None:
        standing.over = True
        self.waiting -= 1
        for place in standing.places:
            line = self._lines.get(place)
            if line is not None:
                line.pop(standing, None)
                if not line:
                    del self._lines[place]
        number = standing.ask.caller.number
        mine = self._of_caller[number]
        del mine[standing]
        if not mine:
            del self._of_caller[number]
        if len(self._ends) > 2 * self.waiting + ENDED_WAITS_MAX:
            self._ends = [end for end in self._ends if not end[2].over]
            heapify(self._ends)

    def _next_end(self) -> int:
        while self._ends and self._ends[0][2].over:
            heappop(self._ends)
        return self._ends[0][0] if self._ends else 0

    def _refuse(self, ask: Ask, why: Why, text: str) -> Step:
        return Step([], [Answer(ask, Refused(why, text), 0)], False)


def _is_enough(reading: Reading, command: Fetch) -> bool:
    """Whether a fetch need not wait: it has enough, it can never have any, or it went on over what
    is gone."""
    if reading.stuck or reading.bytes >= command.bytes_min:
        return True
    if reading.count_left <= 0:
        return True
    moved = [
        part
        for part, span in zip(reading.parts, command.spans, strict=True)
        if not part.count and part.next_offset != span.offset
    ]
    return bool(moved)
