"""A list as plainly as one can: Python lists, from front to back."""

from postroad.model.lists import LEFT, RIGHT
from postroad.model.message import Delivery


class Item:
    """A message: ready, or leased until an instant."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.until_ms = 0
        self.lease: Delivery | None = None


class NaiveList:
    """`items`: from the front to the back; `main`: where the back is, empty while that is open."""

    def __init__(self, passing: bool) -> None:
        self.items: list[Item] = []
        self.main = ""
        self.passing = passing

    @property
    def ready(self) -> list[Item]:
        return [item for item in self.items if not item.until_ms]

    @property
    def row(self) -> list[Item]:
        """What is ready, from left to right."""
        return self.ready[::-1] if self.main == LEFT else self.ready

    @property
    def bodies(self) -> list[bytes]:
        return [item.body for item in self.row]

    def push(self, end: str, *items: Item) -> None:
        if not self.main or not self.items:
            self.main = end
        for item in items:
            self.items.insert(len(self.items) if end == self.main else 0, item)

    def outermost(self, end: str, count: int) -> list[Item]:
        """Those a pop takes; the first pop says where the front is."""
        if not self.main and self.ready:
            self.main = RIGHT if end == LEFT else LEFT
        return self.row[:count] if end == LEFT else self.row[::-1][:count]

    def seat(self, item: Item, beside: Item, left: bool) -> None:
        self.main = self.main or RIGHT
        at = self.items.index(beside)
        self.items.insert(at if left == (self.main == RIGHT) else at + 1, item)

    def replace(self, old: Item, new: Item) -> None:
        self.main = self.main or RIGHT
        self.items[self.items.index(old)] = new

    def drop(self, items: list[Item]) -> None:
        gone = set(map(id, items))
        self.items = [item for item in self.items if id(item) not in gone]

    def lapse(self, now: int) -> None:
        for item in self.items:
            if item.until_ms and item.until_ms <= now:
                item.until_ms = 0
                item.lease = None
