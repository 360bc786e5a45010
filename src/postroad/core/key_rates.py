"""Ordering keys with a rate each: a key without a token rests until it has one.

One rule: what is remembered of a key's rate outlives the key, or one that comes and goes would
never be held back; it is forgotten when the key could deliver as much as a new one. Compiled by
mypyc where possible.
"""

from heapq import heappop, heappush

from postroad.core.bucket import Bucket
from postroad.core.key import Key
from postroad.core.keys import Keys
from postroad.core.lanes import Choice
from postroad.core.page import Page
from postroad.limits import STALE_MAX


class RatedKeys(Keys):
    """`rate`: most deliveries a second of each key. `buckets`: of keys that delivered lately, by
    number; `resting`: when keys without a token have one again."""

    def __init__(self, pages: dict[int, Page], strict: bool, held_max: int, rate: int) -> None:
        super().__init__(pages, strict, held_max)
        self.rate = rate
        self.now_ms = 0
        self.begun_ms = 0
        self.buckets: dict[int, Bucket] = {}
        self.buckets_max = STALE_MAX
        self.resting: dict[int, int] = {}
        self.dues: list[tuple[int, int]] = []

    def set_rate(self, rate: int) -> None:
        """Another rate; who rests looks at it at once."""
        if rate != self.rate:
            self.rate = rate
            for bucket in self.buckets.values():
                bucket.rate = rate
            self.rouse()

    def rouse(self) -> None:
        """Nobody rests any more."""
        numbers = list(self.resting)
        self.resting.clear()
        self.dues.clear()
        for number in numbers:
            key = self.by_number.get(number)
            if key is not None:
                self._offer(key)

    def wake(self, now: int, begun_ms: int) -> None:
        """Keys whose next token is there may give messages again."""
        self.now_ms = now
        self.begun_ms = begun_ms
        while self.dues and self.dues[0][0] <= now:
            number = heappop(self.dues)[1]
            self.resting.pop(number, None)
            key = self.by_number.get(number)
            if key is not None:
                self._offer(key)
        if len(self.buckets) > self.buckets_max:
            self.buckets = {
                number: bucket for number, bucket in self.buckets.items() if not bucket.is_full(now)
            }
            self.buckets_max = 2 * len(self.buckets) + STALE_MAX

    def next_due(self) -> int:
        """When the first of those who rest has a token."""
        return self.dues[0][0] if self.dues else 0

    def is_plain(self, delayed: int) -> bool:  # noqa: ARG002
        """Never: each message must be counted."""
        return False

    def clear(self) -> None:
        """No key has a message; what they delivered is not forgotten."""
        super().clear()
        self.resting.clear()
        self.dues.clear()

    def _bucket(self, key: Key) -> Bucket:
        bucket = self.buckets.get(key.number)
        if bucket is None:
            bucket = Bucket(self.rate, self.begun_ms)
            self.buckets[key.number] = bucket
        return bucket

    def _room(self, key: Key) -> int:
        return min(super()._room(key), self._bucket(key).left(self.now_ms))

    def _first(self) -> Key | None:
        key = super()._first()
        while key is not None and not self._bucket(key).left(self.now_ms):
            heappop(self.heap)
            self._rest(key)
            key = super()._first()
        return key

    def _take_run(self, key: Key, choice: Choice, loose: int) -> None:
        before = key.chosen if key.turn == self.turn else 0
        super()._take_run(key, choice, loose)
        bucket = self._bucket(key)
        bucket.spend(key.chosen - before)
        if key.heaped < 0 and not bucket.left(self.now_ms):
            self._rest(key)

    def _undo(self, key: Key, offset: int) -> None:
        super()._undo(key, offset)
        self._bucket(key).spend(-1)
        self.resting.pop(key.number, None)

    def _rest(self, key: Key) -> None:
        key.heaped = -1
        if key.number not in self.resting:
            due = self._bucket(key).next_ms()
            self.resting[key.number] = due
            heappush(self.dues, (due, key.number))

    def _offer(self, key: Key) -> None:
        if key.number not in self.resting:
            super()._offer(key)


def with_rate(keys: Keys, rate: int | None) -> Keys:
    """The same keys with this rate; what they are made of is handed over, not made anew."""
    if isinstance(keys, RatedKeys):
        if rate is not None:
            keys.set_rate(rate)
            return keys
        keys.rouse()
        return _handed_over(keys, Keys(keys.pages, keys.strict, keys.held_max))
    if rate is None:
        return keys
    return _handed_over(keys, RatedKeys(keys.pages, keys.strict, keys.held_max, rate))


def _handed_over(old: Keys, new: Keys) -> Keys:
    # Pages ask the old ones for their keys' numbers: they share this index.
    new.by_index = old.by_index
    new.by_number = old.by_number
    new.heap = old.heap
    new.loose = old.loose
    new.numbers = old.numbers
    new.next_index = old.next_index
    new.free = old.free
    new.held = old.held
    new.loud = old.loud
    new.turn = old.turn
    return new
