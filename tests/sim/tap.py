"""The journal looked at from outside: what is durable, and all that was ever written."""

from array import array
from collections.abc import Iterator

from postroad.core.apply import apply
from postroad.core.codec import AnyRecord, decode_group
from postroad.core.kv.records import KvMembersSet, KvWritten
from postroad.core.records import Leased, Published, QueueDeclared
from postroad.core.state import State
from postroad.core.topics.records import Claimed
from postroad.journal.envelope import Filter, unpack
from postroad.journal.files import FileJournal


class Tap:
    """`publishes`, `leases`, `values` under keys: durable for sure. `names`: queue id -> name.
    `history`: all groups by position. `kinds`: names of the kinds of records among them."""

    def __init__(self) -> None:
        self.publishes: set[int] = set()
        self.leases: set[tuple[int, int]] = set()
        self.values: set[bytes] = set()
        self.names: dict[int, str] = {}
        self.history: dict[int, bytes] = {}
        self.kinds: set[str] = set()

    def written(self, frames: list[bytes], first: int) -> None:
        """The journal said that a group rests at a position."""
        for at, frame in enumerate(frames):
            self.history[first + at] = frame
        payload = b"".join(unpack(frame).payload for frame in frames)
        for step in decode_group(payload):
            for record in step:
                self._note(record)

    def reopened(self, journal: FileJournal) -> None:
        """A new life: what the journal has is what counts from here on."""
        first, end = journal.bounds()
        for position in [position for position in self.history if position >= end]:
            del self.history[position]
        self.history.update(journal.read(first, end))
        for step in self._all_steps():
            for record in step:
                self._note(record)

    def claimed(self, journal: FileJournal) -> None:
        """The claim of a new life is history too."""
        self.history.update(journal.read(journal.bounds()[1] - 1, journal.bounds()[1]))

    def replayed(self) -> State:
        """The state that the whole history makes, from nothing."""
        state = State()
        for step in self._all_steps():
            for record in step:
                apply(state, record)
        return state

    def _all_steps(self) -> Iterator[list[AnyRecord]]:
        positions = sorted(self.history)
        assert positions == list(range(1, len(positions) + 1)), "the history has no hole"
        rule = Filter()
        for position in positions:
            payload = rule.feed(unpack(self.history[position]))
            if payload is not None:
                yield from decode_group(payload)

    def _note(self, record: AnyRecord) -> None:
        self.kinds.add(type(record).__name__)
        if isinstance(record, Published):
            self.publishes.update(publishes_in(record))
        elif isinstance(record, Leased):
            self.leases.add((record.queue, record.lease))
        elif isinstance(record, Claimed):
            self.leases.add((record.queue, record.taken))
        elif isinstance(record, KvWritten | KvMembersSet):
            self.values.update(record.values)
        elif isinstance(record, QueueDeclared):
            self.names[record.queue] = record.name


def publishes_in(record: Published) -> set[int]:
    """The numbers of the publishes whose bodies a record carries."""
    found = set()
    at = 0
    for size in array("I", record.sizes):
        found.add(int(record.blob[at : at + 12].partition(b".")[0]))
        at += size
    return found
