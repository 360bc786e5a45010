"""What topics promise: an offset has one body for ever, what was confirmed is there in order, and
commits and generations never go back."""

from typing import Any, get_args

from postroad.model import groups, topics
from postroad.model.claims import ClaimCommand
from postroad.model.replies import Done, Received, Refused
from postroad.model.rounds import RoundCommand
from tests.sim.checkers.registers import Register
from tests.sim.copies import Asked, Violation
from tests.sim.workloads.topics import OUTSIDE, READERS, TOPICS

Place = tuple[str, int, int]


class TopicRules:
    """`used`: whether anybody asked of topics. `bodies`: what stands at a place for certain;
    `hoped`: bodies that may have come in; `keys`: of each body its key. `commits`: what was
    committed from outside. `generation`: the last that a member heard of; `floors`: of each join
    on its way, what had been heard of when it was asked, if no end of the group may come between;
    `ends`: how many of those are on their way."""

    asks = (
        *(topics.DeclareTopic, topics.ChangeTopic, topics.DeleteTopic, topics.DescribeTopic),
        *(topics.Append, topics.Fetch, topics.FindOffset, topics.CutTopic),
        *(groups.JoinGroup, groups.Heartbeat, groups.LeaveGroup, groups.CommitOffsets),
        *(groups.DescribeGroup, groups.DeleteGroup, groups.DeclareGroup, groups.SeekGroup),
        groups.ReceiveShare,
        *get_args(ClaimCommand),
        *get_args(RoundCommand),
    )

    def __init__(self) -> None:
        self.used = False
        self.bodies: dict[Place, bytes] = {}
        self.hoped: set[bytes] = set()
        self.keys: dict[bytes, bytes] = {}
        self.commits: dict[int, Register] = {0: Register(-1), 1: Register(-1)}
        self.generation = 0
        self.floors: dict[int, int] = {}
        self.ends = 0

    def asked(self, ask: Asked) -> None:
        """A command is asked."""
        self.used = True
        command = ask.command
        if isinstance(command, topics.Append) and command.topic != "passing":
            self.hoped.update(command.bodies)
            for body, key in zip(command.bodies, command.keys or (), strict=False):
                assert key is not None
                self.keys[body] = key
        elif isinstance(command, groups.CommitOffsets) and command.group == OUTSIDE:
            for one in command.positions:
                write = self.commits[one.partition].write(one.offset, ask.event)
                ask.writes.append((one.partition, write))
        elif isinstance(command, groups.JoinGroup) and not self.ends:
            self.floors[id(ask)] = self.generation
        elif _ends_readers(command):
            self.ends += 1
            self.floors.clear()

    def answered(self, ask: Asked, reply: Any, _now: int, event: int) -> None:
        """A command is answered."""
        command = ask.command
        for number, write in ask.writes:
            if isinstance(reply, Refused):
                self.commits[number].refuse(write)
            else:
                self.commits[number].confirm(write, event)
        if isinstance(reply, topics.Appended) and command.topic != "passing":
            rows = zip(command.bodies, reply.partitions, reply.offsets, strict=True)
            for body, number, offset in rows:
                self._stands((command.topic, number, offset), body)
        elif isinstance(reply, topics.Fetched):
            for part, span in zip(reply.parts, command.spans, strict=True):
                self._read(part, span.offset)
        elif isinstance(reply, Received):
            for message in reply.messages:
                self._seen(command.topic, message.offset, message.body)
        elif isinstance(reply, Refused) and isinstance(command, topics.Append):
            self.hoped.difference_update(command.bodies)
        else:
            self._turned(ask, reply)

    def _turned(self, ask: Asked, reply: Any) -> None:
        """Generations grow as long as their group is there; two that join at once may hear of it in
        any order."""
        if isinstance(ask.command, groups.JoinGroup):
            floor = self.floors.pop(id(ask), None)
            if floor is None or not isinstance(reply, groups.Membership):
                return
            if reply.generation <= floor:
                raise Violation(f"generation {reply.generation} came after {floor}")
            self.generation = max(self.generation, reply.generation)
        elif _ends_readers(ask.command):
            self.ends -= 1
            if isinstance(reply, Done):
                self.generation = 0

    def unknown(self, ask: Asked, until: int) -> None:
        """Nobody will tell what became of it: all that was hoped for may be so."""
        for number, write in ask.writes:
            self.commits[number].doubt(write, until)
        self.floors.pop(id(ask), None)
        if _ends_readers(ask.command):
            self.ends -= 1
            self.generation = 0

    def audit(self, read: Any, _now: int, event: int) -> None:
        """All is quiet: read everything."""
        if not self.used:
            return
        for name, total in (("log", 2), ("brief", 1), ("table", 1)):
            for number in range(total):
                self._audit_log(read, name, number)
        described = read(groups.DescribeGroup(OUTSIDE))
        if isinstance(described, groups.GroupDescribed):
            for part in described.parts:
                register = self.commits[part.partition]
                if part.offset not in register.may_be(event, 0, 0):
                    raise Violation(f"{part.offset} is committed: {register.writes}")
                register.settle(part.offset, event)

    def bury(self, read: Any) -> None:
        """The end: all topics are deleted, and nothing of them shall be left."""
        if self.used:
            for name in TOPICS:
                read(topics.DeleteTopic(name))
            self.bodies.clear()

    def _audit_log(self, read: Any, name: str, number: int) -> None:
        found = read(topics.FindOffset(name, number, "earliest"))
        if isinstance(found, Refused):
            if any(place[0] == name for place in self.bodies):
                raise Violation(f"topic {name} is gone")
            return
        start = offset = found.offset
        if start and name == "log":
            raise Violation(f"a topic that keeps all begins at {start}")
        present: dict[int, bytes] = {}
        while True:
            part = read(topics.Fetch((topics.Span(name, number, offset),), 1_000)).parts[0]
            self._read(part, offset)
            present.update((one.offset, one.body) for one in part.messages)
            if part.next_offset == offset:
                break
            offset = part.next_offset
        mine = [place for place in self.bodies if place[:2] == (name, number)]
        last = {self.keys.get(self.bodies[place]): place[2] for place in sorted(mine)}
        for place in mine:
            if place[2] < start:
                del self.bodies[place]
            elif place[2] not in present and (name != "table" or place[2] in last.values()):
                raise Violation(f"{place} was confirmed and is lost")

    def _read(self, part: topics.FetchedPart, offset: int) -> None:
        if part.topic == "passing":
            return
        for message in part.messages:
            if message.offset < offset or (part.topic != "table" and message.offset != offset):
                raise Violation(f"{part.topic}: {message.offset} came where {offset} was due")
            offset = message.offset + 1
            self._stands((part.topic, part.partition, message.offset), message.body)

    def _seen(self, topic: str, offset: int, body: bytes) -> None:
        """A group got a message; of which partition it does not say."""
        found = [self.bodies.get((topic, number, offset)) for number in (0, 1)]
        if body not in found and body not in self.hoped:
            raise Violation(f"{topic}: offset {offset} never had {body[:20]!r}")

    def _stands(self, place: Place, body: bytes) -> None:
        known = self.bodies.setdefault(place, body)
        if known != body:
            raise Violation(f"{place} had {known[:20]!r}, and now has {body[:20]!r}")
        if body not in self.hoped:
            raise Violation(f"{place} has {body[:20]!r}, which nobody published")


def _ends_readers(command: Any) -> bool:
    return isinstance(command, groups.DeleteGroup) and command.group == READERS
