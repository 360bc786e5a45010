"""A member of a group that reads topics: what it owns, where it is, what it has done.

It stands between the faces of a consumer and the model. The rule kept here: what a program has
finished is committed before its partition is let go, and nothing else is.
"""

from collections.abc import Sequence
from typing import Final, TypedDict
from uuid import uuid4

from postroad.api.asks import Asks
from postroad.api.refusals import expect
from postroad.api.topics import TopicMessage, messages_of
from postroad.errors import Fenced
from postroad.model import groups, replies
from postroad.model import topics as logs
from postroad.model.groups import Membership
from postroad.model.replies import Refused, Why

HANDOVER_MS: Final = 50
"""A member that waits for partitions, or shall let some go, asks again so soon."""

Log = tuple[str, int]
"""(topic, partition)."""

_OUT: Final = (Why.NO_SUCH_MEMBER, Why.WRONG_GENERATION)
"""It was silent for too long, or others know more of the group than it does."""


class Reader:
    """One member. `positions`: next offset to read of each partition it owns; `done`: next offset
    after what the program finished and nobody committed yet; `begun`: where it began to read each,
    when it was given to it. `start_offset`: where a group without a commit begins, instead of
    `start`; `holds_start`: that place is committed at once, so that it stays the same."""

    def __init__(self, topics: tuple[str, ...], group: str, member: str) -> None:
        self.topics = topics
        self.group = group
        self.member = member
        self.strategy = groups.STICKY
        self.session_ms = 30_000
        self.start: int | str = logs.EARLIEST
        self.start_offset: int | None = None
        self.holds_start = False
        self.count = 500
        self.generation = 0
        self.complete = False
        self.positions: dict[Log, int] = {}
        self.done: dict[Log, int] = {}
        self.begun: dict[Log, int] = {}
        self.waited_ms = 0
        self._turn = 0

    @property
    def assignment(self) -> list[Log]:
        """The partitions this member reads now."""
        return sorted(self.positions)

    def poll(self, wait_ms: int) -> Asks[list[TopicMessage]]:
        """Live on as a member, and read what comes next, waiting up to `wait_ms` for it."""
        yield from self._live()
        if self.holds_start:
            yield from self.commit()
        wait = min(wait_ms, self.session_ms // 3)
        if not self.complete:
            wait = min(wait, HANDOVER_MS)
        self.waited_ms = wait
        return (yield from self._read(self.count, wait))

    def more(self, count: int, wait_ms: int) -> Asks[list[TopicMessage]]:
        """Read on while nothing is let go of: what was read and is not done yet stays this
        member's. Nothing where it is no member any more.
        """
        if not (yield from self.beat()):
            return []
        return (yield from self._read(count, min(wait_ms, self.session_ms // 3)))

    def beat(self) -> Asks[bool]:
        """Tell that it lives, and let go of nothing; false where it is no member any more."""
        if not self.generation:
            return False
        owned = tuple(self.positions)
        reply = yield groups.Heartbeat(self.group, self.member, self.generation, owned)
        if isinstance(reply, Refused) and reply.why in _OUT:
            self.forget()
            return False
        self.generation = expect(reply, Membership).generation
        return True

    def _read(self, count: int, wait_ms: int) -> Asks[list[TopicMessage]]:
        places = sorted(self.positions)
        # Another one is first each time, so that none has to wait for the others' ends.
        self._turn += 1
        at = self._turn % len(places) if places else 0
        spans = tuple(
            logs.Span(topic, number, self.positions[topic, number])
            for topic, number in places[at:] + places[:at]
        )
        command = logs.Fetch(spans, count, wait_ms=wait_ms)
        fetched = expect((yield command), logs.Fetched)
        found: list[TopicMessage] = []
        for part in fetched.parts:
            place = (part.topic, part.partition)
            if part.start < 0:
                continue
            inside = part.start <= self.positions[place] <= part.end
            self.positions[place] = part.next_offset if inside else part.start
            found.extend(messages_of(part))
        return found

    def was_idle_for(self, idle_ms: int, most_ms: int | None) -> bool:
        """Whether nothing came for long enough, and nothing is on its way from other members."""
        return most_ms is not None and self.complete and idle_ms >= most_ms

    def is_ours(self, message: TopicMessage) -> bool:
        """Whether a message was read since its partition was given to this member."""
        place = (message.topic, message.partition)
        return place in self.positions and message.offset >= self.begun[place]

    def finish(self, message: TopicMessage) -> None:
        """The program is done with a message, and with all before it in its partition."""
        if self.is_ours(message):
            self.done[message.topic, message.partition] = message.offset + 1

    def commit(self) -> Asks[None]:
        """Remember for good what was finished. Raises `Fenced` or `MemberNotFound` where others
        read it now."""
        yield from self._commit(list(self.done))

    def commit_with(self, message: TopicMessage) -> Asks[None]:
        """Commit up to a message and with it, together with whatever stands in the same batch."""
        place = (message.topic, message.partition)
        if not self.is_ours(message):
            text = "the partition was another member's since this message was read"
            raise Fenced(text, message.topic)
        position = groups.Position(*place, message.offset + 1)
        command = groups.CommitOffsets(self.group, (position,), self.member, self.generation)
        expect((yield command), replies.Done)
        if self.done.get(place, 0) <= position.offset:
            self.done.pop(place, None)

    def leave(self) -> Asks[None]:
        """Commit, and let the others have the partitions."""
        if not self.generation:
            return
        if self.done:
            done = yield self._command(list(self.done))
            assert isinstance(done, replies.Done | Refused), done
        yield groups.LeaveGroup(self.group, self.member)
        self.forget()

    def forget(self) -> None:
        """No member any more: all begins anew from what was committed."""
        self.generation = 0
        self.positions = {}
        self.done = {}

    def _live(self) -> Asks[None]:
        """Join, or tell that one lives; let go what is to be let go, begin what is new."""
        for _ in range(2):
            if not self.generation:
                command: groups.JoinGroup | groups.Heartbeat = groups.JoinGroup(
                    self.group, self.member, self.topics, self.strategy, self.session_ms
                )
            else:
                owned = tuple(self.positions)
                command = groups.Heartbeat(self.group, self.member, self.generation, owned)
            reply = yield command
            if isinstance(reply, Refused) and reply.why == Why.NO_SUCH_MEMBER:
                self.forget()
                continue
            lost = yield from self._adopt(expect(reply, Membership))
            if not lost:
                return

    def _adopt(self, membership: Membership) -> Asks[bool]:
        """Whether something was let go, which the broker should know soon."""
        self.generation = membership.generation
        self.complete = membership.complete
        mine = set(membership.assignment)
        lost = [place for place in self.positions if place not in mine]
        yield from self._commit([place for place in lost if place in self.done])
        for place in lost:
            del self.positions[place]
        fresh = [place for place in membership.assignment if place not in self.positions]
        if fresh:
            yield from self._begin(fresh)
        return bool(lost)

    def _begin(self, fresh: list[Log]) -> Asks[None]:
        """Where the group was in partitions that are new to this member."""
        described = expect((yield groups.DescribeGroup(self.group)), groups.GroupDescribed)
        known = {(part.topic, part.partition): part.offset for part in described.parts}
        for topic, number in fresh:
            offset = known.get((topic, number), -1)
            if offset < 0:
                offset = yield from self._first(topic, number)
                if self.holds_start:
                    self.done[topic, number] = offset
            self.positions[topic, number] = offset
            self.begun[topic, number] = offset

    def _first(self, topic: str, number: int) -> Asks[int]:
        start = self.start if self.start_offset is None else logs.LATEST
        command = logs.FindOffset(topic, number, start)
        found = expect((yield command), logs.OffsetFound, topic).offset
        # From behind the end one would be sent back to the beginning.
        return found if self.start_offset is None else min(self.start_offset, found)

    def _commit(self, places: list[Log]) -> Asks[None]:
        if places:
            expect((yield self._command(places)), replies.Done)
            for place in places:
                del self.done[place]

    def _command(self, places: list[Log]) -> groups.CommitOffsets:
        positions = tuple(groups.Position(*place, self.done[place]) for place in places)
        return groups.CommitOffsets(self.group, positions, self.member, self.generation)


class ReaderOptions(TypedDict, total=False):
    """What one may set on a consumer. `start`: where a group without a commit begins; `count`: most
    messages read at once; `member`: its name, for listings; the others as in `JoinGroup`."""

    start: int | str
    count: int
    member: str
    strategy: str
    session_ms: int


def reader_of(topics: str | Sequence[str], group: str, options: ReaderOptions) -> Reader:
    """A member that has not joined yet."""
    names = (topics,) if isinstance(topics, str) else tuple(topics)
    reader = Reader(names, group, options.get("member") or uuid4().hex)
    reader.start = options.get("start", logs.EARLIEST)
    reader.count = options.get("count", 500)
    reader.strategy = options.get("strategy", groups.STICKY)
    reader.session_ms = options.get("session_ms", 30_000)
    return reader
