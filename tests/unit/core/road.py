"""A core with a list for a journal and a dict for a store: what tests of the core drive."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from postroad.core.codec import AnyRecord, decode_group, encode_step, head_of_group
from postroad.core.decision import Answer, Missing, Step
from postroad.core.handout import Bodies, Handout, Piece, fetched, fill_piece
from postroad.core.load import canonical, load_rows
from postroad.core.machine import Core
from postroad.core.queue import Queue
from postroad.core.records import Published, Record
from postroad.core.state import State
from postroad.limits import DUES_MENDED_MAX
from postroad.model import commands
from postroad.model.ask import Ask, Caller
from postroad.model.batch import BatchDone
from postroad.model.commands import Command
from postroad.model.lists import ListItems
from postroad.model.message import Delivery, Note
from postroad.model.policy import QueueSettings
from postroad.model.replies import (
    Described,
    Peeked,
    PeekedMessage,
    Received,
    Reply,
    Settled,
    Why,
)
from postroad.model.replies import Published as Confirmed

SALT = b"salt of the tests"
START_MS = 1_000_000
Body = tuple[bytes, bytes | None, int, Note | None]


class Shelves:
    """Bodies by shelf and index; those of a shelf in `away` must be loaded first."""

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], Body] = {}
        self.hashes: dict[tuple[int, int], int] = {}
        self.away: set[int] = set()

    def add(self, record: Published, first: int, _group: int) -> None:
        assert first <= record.first, "a block begins at or before what is in it"
        heads = array("I", record.head_sizes)
        low = head_low = 0
        for at, size in enumerate(array("I", record.sizes)):
            head = None
            if heads:
                head = record.heads[head_low : head_low + heads[at]]
                head_low += heads[at]
            note = None if record.notes is None else record.notes[at]
            body = record.blob[low : low + size]
            low += size
            self.held[record.shelf, record.first + at] = (body, head, record.now_ms, note)
        for at, key in enumerate(array("Q", record.keys)):
            self.hashes[record.shelf, record.first + at] = key

    def fetch(self, piece: Piece) -> Bodies | None:
        if piece.shelf in self.away:
            return None
        assert piece.block <= piece.index, "a piece lies inside its block"
        shift = piece.index - piece.offset
        found = [self.held[piece.shelf, offset + shift] for offset in piece.offsets()]
        heads = None
        if any(one[1] is not None for one in found):
            heads = [one[1] or b"" for one in found]
        notes = [one[3] for one in found] if any(one[3] for one in found) else None
        return Bodies([one[0] for one in found], heads, [one[2] for one in found], notes)

    def times(self, piece: Piece) -> list[int] | None:
        bodies = self.fetch(piece)
        return None if bodies is None else bodies.times

    def keys(self, piece: Piece) -> "array[int] | None":
        if piece.shelf in self.away:
            return None
        indexes = range(piece.index, piece.index + piece.count)
        return array("Q", [self.hashes.get((piece.shelf, index), 0) for index in indexes])


class Road:
    """Asks go in, replies come out, time is moved by hand; each step is durable at once."""

    def __init__(self, epoch: int = 1, now: int = START_MS) -> None:
        self.library = Shelves()
        self.core = Core(self.library)
        self.now = now
        self.steps: list[bytes] = []
        self.told: list[tuple[int, Reply]] = []
        self.caller = self.connect(1)
        self.asked = 0
        self.begin(epoch)

    @property
    def state(self) -> State:
        return self.core.state

    def begin(self, epoch: int) -> None:
        self.state.group = len(self.steps) + 1
        self.take(self.core.begin(epoch, SALT, self.now))

    def connect(self, number: int) -> Caller:
        return Caller(number, lambda ask, reply: self.told.append((ask, reply)))

    def take(self, step: Step) -> list[Record]:
        """A step is durable at once, and its answers leave."""
        state = self.state
        if step.records:
            self.steps.append(b"".join(encode_step(step.records)))
        for answer in step.answers:
            assert answer.wait <= state.group, "no reply waits for what is not there"
            answer.ask.caller.sink(answer.ask.number, self.filled(answer))
        state.durable = state.group
        state.group += 1
        state.freed.clear()
        return step.records

    def filled(self, answer: Answer) -> Reply:
        return self.filled_reply(answer.reply)

    def filled_reply(self, handout: Any) -> Reply:
        if isinstance(handout, BatchDone):
            return BatchDone([self.filled_reply(one) for one in handout.replies])
        if not isinstance(handout, Handout):
            reply: Reply = handout
            return reply
        messages: list[Delivery] = []
        for piece in handout.pieces:
            bodies = self.library.fetch(piece)
            assert bodies is not None, "a test that sends bodies away looks at no handout"
            fill_piece(handout, piece, bodies, messages)
        if handout.parts is not None:
            return fetched(handout.parts, messages)
        if handout.name:
            return ListItems(handout.name, messages)
        if handout.states is None:
            size = handout.bytes if handout.consumer else 0
            more = (handout.next_offset, handout.gone, size)
            return Received(messages, handout.consumer, *more)
        seen = zip(handout.states, handout.dues, messages, strict=True)
        return Peeked([PeekedMessage(*one) for one in seen], handout.next_offset)

    def ask(self, command: Command, caller: Caller | None = None) -> Reply | None:
        """The reply to a command, or `None` when it waits."""
        asked = self.ask_of(caller or self.caller, command)
        number = asked.number
        step = self.core.handle(asked, self.now)
        assert not isinstance(step, Missing), "the bodies are all here"
        self.take(step)
        self.pump()
        return next((reply for one, reply in self.told if one == number), None)

    def ask_of(self, caller: Caller, command: Command) -> Ask:
        """A question that nobody has been asked yet."""
        self.asked += 1
        return Ask(caller, self.asked, command)

    def pump(self) -> None:
        self.next_due()
        step = self.core.pump(self.now)
        if step is not None:
            self.take(step)
        self.next_due()

    def next_due(self) -> int:
        """When time has something to do; what the core remembers of that is what it would find."""
        due = self.core.next_due()
        found = self.core.wake.look()
        # Of very many entries that are outdated a look puts right some: it may be early, not late.
        early = len(self.state.queues) > DUES_MENDED_MAX and due > 0 and (due < found or not found)
        assert due == found or early, "what was known is not true any more"
        return due

    def tick(self) -> list[Record]:
        """The records of one slice of time."""
        step = self.core.tick(self.now)
        assert not isinstance(step, Missing), "the bodies are all here"
        return [] if step is None else self.take(step)

    def settle_down(self) -> None:
        """Let time do all it has to do now, and serve who waits."""
        self.pass_time()
        self.pump()

    def pass_time(self) -> None:
        """Let time do all it has to do now; it must come to an end."""
        idle = 0
        while 0 < self.next_due() <= self.now:
            idle = 0 if self.tick() else idle + 1
            assert idle < 1_000, "time says that it has something to do, and does nothing"

    def wait(self, ms: int) -> None:
        self.now += ms
        self.settle_down()

    def queue(self, name: str = "q") -> Queue:
        return self.state.by_name[name]

    def declare(self, name: str = "q", **settings: object) -> Queue:
        declared = self.ask(commands.DeclareQueue(name, QueueSettings(**settings)))  # type: ignore[arg-type]
        assert declared is not None, declared
        return self.queue(name)

    def publish(
        self, *bodies: bytes, to: tuple[str, ...] = ("q",), **columns: Sequence[object]
    ) -> int:
        """Publish and return the first offset in the first queue."""
        published = self.ask(commands.Publish(to, bodies, **columns))  # type: ignore[arg-type]
        assert isinstance(published, Confirmed), published
        return published.places[0][1]

    def fill(self, count: int, to: str = "q") -> None:
        """Messages whose bodies are their offsets."""
        first = self.queue(to).next_offset
        self.publish(*(b"%d" % one for one in range(first, first + count)), to=(to,))

    def receive(
        self, queue: str = "q", count: int = 1, lease_ms: int | None = None
    ) -> list[Delivery]:
        received = self.ask(commands.Receive(queue, count, lease_ms))
        assert isinstance(received, Received), received
        return received.messages

    def settle(
        self, messages: Sequence[Delivery], outcome: int = commands.ACK, **more: object
    ) -> list[tuple[int, Why]]:
        """Which of the messages could not be settled."""
        name = self.state.queues[messages[0].queue].name
        settled = self.ask(
            commands.Settle(name, *_receipts(messages), outcome, **more)  # type: ignore[arg-type]
        )
        assert isinstance(settled, Settled), settled
        return list(settled.failed)

    def extend(self, messages: Sequence[Delivery], lease_ms: int) -> list[tuple[int, Why]]:
        name = self.state.queues[messages[0].queue].name
        offsets, leases, _ = _receipts(messages)
        settled = self.ask(commands.Extend(name, offsets, leases, lease_ms))
        assert isinstance(settled, Settled), settled
        return list(settled.failed)

    def counts(self, queue: str = "q") -> tuple[int, int, int, int]:
        """(ready, delayed, leased, dead)."""
        seen = self.ask(commands.DescribeQueue(queue))
        assert isinstance(seen, Described), seen
        return seen.ready, seen.delayed, seen.leased, seen.dead

    def peek(self, queue: str = "q", **more: object) -> list[PeekedMessage]:
        peeked = self.ask(commands.Peek(queue, **more))  # type: ignore[arg-type]
        assert isinstance(peeked, Peeked), peeked
        return peeked.messages

    def records(self, start: int = 0) -> list[AnyRecord]:
        """The facts from step `start` on, as a journal would give them back."""
        steps = self.steps[start:]
        group = decode_group(b"".join((head_of_group(len(steps)), *steps)))
        return [record for step in group for record in step]

    def cut(self) -> dict[bytes, bytes]:
        """The rows of a first checkpoint taken now."""
        ledger = self.state.ledger
        ledger.cut()
        while not ledger.pay_some(1 << 20):
            pass
        return {key: row for key, row in ledger.take().items() if row is not None}

    def check(self) -> None:
        """The state holds together, and the journal tells the same story."""
        self.state.check()
        assert canonical(replayed(self.records())) == canonical(self.state)

    def restart(self, epoch: int, rows: dict[bytes, bytes] | None = None, start: int = 0) -> None:
        """Crash and come back, from the journal alone or from rows and the steps after them."""
        state = replayed(self.records(start), (rows or {}).items())
        self.core = Core(self.library)
        self.core.state = state
        self.core.world.state = state
        self.begin(epoch)


def replayed(records: Iterable[Record], rows: Iterable[tuple[bytes, bytes]] = ()) -> State:
    core = Core(Shelves())
    load_rows(core.state, rows)
    for record in records:
        core.replay(record)
    return core.state


def bodies_of(messages: Sequence[Delivery]) -> list[bytes]:
    return [message.body for message in messages]


def _receipts(messages: Sequence[Delivery]) -> tuple[list[int], list[int], list[int]]:
    return (
        [message.offset for message in messages],
        [message.lease for message in messages],
        [message.delivery_count for message in messages],
    )
