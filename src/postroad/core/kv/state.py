"""What is remembered of kv: spaces, and three trees of entries, members and things due.

One rule: all of it is in rows; nothing is derived but the order of pages.
"""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from postroad.core.kv.entry import (
    BY_HASH,
    BYTES,
    OF_KEY,
    OF_MEMBERS,
    SORTED,
    Entry,
    after,
    due_key,
    expiry_of,
    hash_of,
    members_key,
    read_entry,
    root_key,
)
from postroad.core.kv.tree import Numbers, Tree
from postroad.core.ledger import Ledger, Row
from postroad.core.realm import Realm


class Salted(Protocol):
    """Who knows the key of the hash that stands in for dice."""

    salt: bytes


class Space(Row):
    """A set of keys with a name. `root`: what its keys in the tree begin with, another one after
    each flush."""

    def __init__(self, number: int, name: str, root: int) -> None:
        super().__init__(b"ks" + number.to_bytes(8, "big"))
        self.number = number
        self.name = name
        self.root = root
        self.count = 0

    def encode(self) -> bytes:
        """The row of a space."""
        return msgspec.msgpack.encode([self.name, self.root, self.count])


class KvRealm(Realm):
    """All keys. `entries`: root, hash, key -> what is under it; `members`: collection, hash, member
    -> its value, and of sorted sets collection, score, member too; `calendar`: instant, what, key.

    `asked` (volatile): how often chance was asked for."""

    kinds = b"k"

    def __init__(self, ledger: Ledger, catalog: Salted) -> None:
        self.ledger = ledger
        self.catalog = catalog
        self.numbers = Numbers()
        self.spaces: dict[int, Space] = {}
        self.by_name: dict[str, Space] = {}
        self.by_root: dict[int, Space] = {}
        self.entries = Tree(b"e", ledger, self.numbers)
        self.members = Tree(b"m", ledger, self.numbers)
        self.calendar = Tree(b"d", ledger, self.numbers)
        self.asked = 0

    def size(self) -> int:
        """Bytes of memory all entries take, about."""
        return self.entries.size + self.members.size + self.calendar.size

    def add_space(self, space: Space) -> None:
        """Enter a space under its name and number."""
        self.spaces[space.number] = space
        self.by_name[space.name] = space
        self.by_root[space.root] = space

    def full_key(self, space: Space, key: bytes) -> bytes:
        """Where a key lies in the tree of entries."""
        return root_key(space.root) + hash_of(self.catalog.salt, key) + key

    def member_key(self, collection: int, member: bytes) -> bytes:
        """Where a member lies in the tree of members, by its hash."""
        return members_key(collection) + BY_HASH + hash_of(self.catalog.salt, member) + member

    def next_due(self) -> bytes:
        """The first place in the calendar; empty for none."""
        firsts = self.calendar.firsts
        return firsts[0] if firsts else b""

    def rows(self) -> Iterator[Row]:
        """Every row there is."""
        yield self.numbers
        yield from self.spaces.values()
        for tree in (self.entries, self.members, self.calendar):
            yield from tree.pages

    def load(self, kind: bytes, key: bytes, value: bytes) -> None:  # noqa: ARG002
        """Take a row of a checkpoint."""
        what, number = key[:1], key[1:]
        if what == b"h":
            numbers = self.numbers
            numbers.versions, *rest = msgspec.msgpack.decode(value)
            numbers.next_space, numbers.next_root = rest[0], rest[1]
            numbers.next_collection, numbers.next_page = rest[2], rest[3]
        elif what == b"s":
            name, root, count = msgspec.msgpack.decode(value)
            space = Space(int.from_bytes(number, "big"), name, root)
            space.count = count
            self.add_space(space)
        else:
            trees = {b"e": self.entries, b"m": self.members, b"d": self.calendar}
            trees[what].load(number, value)

    def derive(self) -> None:
        """All rows are there."""
        for tree in (self.entries, self.members, self.calendar):
            tree.derive()

    def check(self) -> None:
        """Everything that must hold between steps."""
        for tree in (self.entries, self.members, self.calendar):
            tree.check()
        for space in self.spaces.values():
            prefix = root_key(space.root)
            held = self.entries.walk(prefix, after(prefix), 0, space.count + 1)
            assert len(held) == space.count, "a space knows how many keys it has"
            for key, packed in held:
                due = expiry_of(packed)
                wanted = not due or self.calendar.find(due_key(due, OF_KEY, key)) == b""
                assert wanted, "each end is in the calendar"
                entry = read_entry(packed)
                if entry.kind != BYTES:
                    self._check_collection(entry)

    def _check_collection(self, entry: Entry) -> None:
        prefix = members_key(entry.collection)
        count = self.members.count(prefix, after(prefix))
        assert count == entry.count * (2 if entry.kind == SORTED else 1), "members are counted"
        assert entry.count > 0, "an empty collection is none"
        dying = self.calendar.find(due_key(0, OF_MEMBERS, prefix))
        assert dying is None, "what lives is not swept"
