"""The ordering keys that have messages in a queue, and what each holds.

One rule: a key is here exactly as long as a message of it is, dead ones too; its index is given to
another afterwards. Compiled by mypyc where possible.
"""

from postroad.core.bits import bits_of
from postroad.core.key import Key
from postroad.core.lanes import Lanes
from postroad.core.loose import Loose
from postroad.core.page import Page
from postroad.limits import NOISY_LEASES_MIN


class KeyBook(Lanes):
    """The keys of a queue; `strict`: one receiver at a time per key; `held_max`: most leases of one
    key, 0 for any number. `held`: what all keys hold; `loud`: at least so many keys may be noisy
    (never less than they are). `numbers`: of keys by index, which their pages hold too; a purge
    leaves it to them. `free`: indexes of keys that are forgotten."""

    def __init__(self, pages: dict[int, Page], strict: bool, held_max: int) -> None:
        super().__init__(pages)
        self.strict = strict
        self.held_max = held_max
        self.held = 0
        self.loud = 0
        self.by_number: dict[int, Key] = {}
        self.by_index: dict[int, Key] = {}
        self.numbers: dict[int, int] = {}
        self.next_index = 1
        self.free: list[int] = []
        self.heap: list[int] = []
        self.loose = Loose(pages)
        self.turn = 0

    def clear(self) -> None:
        """No key has a message."""
        self.held = 0
        self.loud = 0
        self.by_number.clear()
        self.by_index.clear()
        # Purged pages, and rows of them that a checkpoint is owed, still know their keys.
        self.numbers = {}
        self.free.clear()
        self.heap.clear()
        self.loose.clear()

    def _new_key(self, number: int, offset: int) -> Key:
        index = self.free.pop() if self.free else self.next_index
        if index == self.next_index:
            self.next_index += 1
        key = Key(number, index, offset)
        self.by_number[number] = key
        self.by_index[index] = key
        self.numbers[index] = number
        return key

    def _forget(self, key: Key) -> None:
        """Nothing of a key is left; its index is for another."""
        del self.by_number[key.number]
        del self.by_index[key.index]
        del self.numbers[key.index]
        self.free.append(key.index)

    def _held_of(self, page: Page, mask: int) -> int:
        """Which of some messages their keys hold."""
        held = page.leased & mask
        waiting = page.delayed & mask if self.strict else 0
        if waiting and page.firsts is not None:
            for slot in bits_of(waiting):
                if page.firsts[slot]:
                    held |= 1 << slot
        return held

    def _hold(self, key: Key) -> None:
        """A key holds one message more."""
        key.held += 1
        self.held += 1
        if key.held == NOISY_LEASES_MIN:
            self.loud += 1

    def _release(self, key: Key) -> None:
        """A key holds one message less."""
        if key.held == NOISY_LEASES_MIN:
            self.loud -= 1
        key.held -= 1
        self.held -= 1
