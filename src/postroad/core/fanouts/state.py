"""The fan-outs under way: what is to reach which queues, and how far each is.

One rule: what is still to come keeps its bodies on the shelf; they are wanted by each queue that
has not had its turn, as if it had them already.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from postroad.core.ledger import Ledger, Row
from postroad.core.realm import Realm
from postroad.core.records import Published
from postroad.core.shelf import Shelf

if TYPE_CHECKING:
    from postroad.core.state import RouteSet

_parts = msgspec.msgpack.Decoder(list[Published]).decode


class Fanout(Row):
    """`count` messages from index `first` on of a shelf, on their way to the `queues` of its route
    set; those before `at` have had their turn. `source`: the exchange or topic they came by.
    `parts`: the facts of their publish, without bodies."""

    def __init__(self, id: int, place: tuple[int, int, int], source: int) -> None:
        super().__init__(b"f" + id.to_bytes(8, "big"))
        self.id = id
        self.shelf, self.first, self.count = place
        self.source = source
        self.at = 0
        self.parts: list[Published] = []
        self.queues: list[int] = []

    @property
    def to_go(self) -> int:
        """How many queues have not had their turn."""
        return len(self.queues) - self.at

    @property
    def whole(self) -> bool:
        """Whether all facts of the publish are there; they are of one step."""
        return sum([len(part.sizes) >> 2 for part in self.parts]) == self.count

    def has(self, shelf: int, index: int) -> bool:
        """Whether a message on a shelf is one of these."""
        return shelf == self.shelf and self.first <= index < self.first + self.count

    def encode(self) -> bytes:
        """The row of a fan-out."""
        place = [self.shelf, self.first, self.count]
        return msgspec.msgpack.encode([place, self.source, self.at, self.parts])


class Fanouts(Realm):
    """All fan-outs under way, oldest first. `sources`: how many each exchange or topic has.
    `reached`: which queues the last slice was for, each with the offset of the first message there
    (volatile)."""

    kinds = b"f"

    def __init__(
        self, ledger: Ledger, shelves: dict[int, Shelf], routes: "dict[int, RouteSet]"
    ) -> None:
        self.ledger = ledger
        self.shelves = shelves
        self.routes = routes
        self.all: dict[int, Fanout] = {}
        self.sources: dict[int, int] = {}
        self.reached: list[tuple[int, int]] = []

    def add(self, fanout: Fanout) -> None:
        """A fan-out is under way; its route set is there."""
        fanout.queues = self.routes[fanout.shelf].queues
        self.all[fanout.id] = fanout
        self.sources[fanout.source] = self.sources.get(fanout.source, 0) + 1

    def remove(self, fanout: Fanout) -> None:
        """A fan-out is over."""
        del self.all[fanout.id]
        self.sources[fanout.source] -= 1
        if not self.sources[fanout.source]:
            del self.sources[fanout.source]

    def of(self, shelf: int, index: int) -> Fanout | None:
        """The fan-out that a message on a shelf is part of, if any."""
        for fanout in self.all.values():
            if fanout.has(shelf, index):
                return fanout
        return None

    def wanted_bits(self, shelf: int, first: int, count: int) -> int:
        """Which of `count` messages on a shelf from index `first` on are still to reach queues;
        bit 0 is `first`."""
        mask = 0
        for fanout in self.all.values():
            low = max(first, fanout.first)
            high = min(first + count, fanout.first + fanout.count)
            if fanout.shelf == shelf and low < high:
                mask |= ((1 << (high - low)) - 1) << (low - first)
        return mask

    def to_go(self) -> int:
        """How many queues all of them have still to reach."""
        return sum([fanout.to_go for fanout in self.all.values()])

    def rows(self) -> Iterator[Row]:
        """Every row there is."""
        return iter(self.all.values())

    def load(self, kind: bytes, key: bytes, value: bytes) -> None:  # noqa: ARG002
        """Take a row of a checkpoint."""
        place, source, at, parts = msgspec.msgpack.decode(value)
        shelf, first, count = place
        fanout = Fanout(int.from_bytes(key, "big"), (shelf, first, count), source)
        fanout.at = at
        fanout.parts = _parts(msgspec.msgpack.encode(parts))
        self.add(fanout)

    def derive(self) -> None:
        """What is still to reach queues is wanted by these."""
        for fanout in self.all.values():
            shelf = self.shelves[fanout.shelf]
            shelf.count_live(fanout.first, fanout.count, fanout.to_go)

    def check(self) -> None:
        """Each has somewhere to go, and what to bring there."""
        assert sum(self.sources.values()) == len(self.all)
        for fanout in self.all.values():
            assert fanout.whole, "all of a publish is one step"
            assert fanout.to_go > 0, "what is over is forgotten"
            assert self.wanted_bits(fanout.shelf, fanout.first, 1), "its first message is wanted"
            self.shelves[fanout.shelf].where(fanout.first)
