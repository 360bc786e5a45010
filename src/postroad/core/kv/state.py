"""What is remembered of kv: spaces, and three trees of entries, members and things due.

One rule: all of it is in rows; nothing is derived but the order of pages.
"""

from array import array
from collections.abc import Iterator
from typing import Protocol

import msgspec

from postroad.core.kv.entry import (
    BY_END,
    BY_HASH,
    BYTES,
    OF_FIELD,
    OF_KEY,
    OF_MEMBERS,
    OWNER,
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

REMOVAL_PLACES = 4_096
"""Parts of all hashes for which the last removal is remembered."""


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

    `asked`: how often chance was asked for; `removals`: how many keys were removed, and the last
    of them by a part of the hash; `all_removed_at`: when a space was flushed. These are
    volatile."""

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
        self.removals = 0
        self.all_removed_at = 0
        self.removed_at = array("Q", bytes(8 * REMOVAL_PLACES))

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

    def end_key(self, collection: int, field: bytes) -> bytes:
        """Where the end of a field lies."""
        return members_key(collection) + BY_END + hash_of(self.catalog.salt, field) + field

    def field_end(self, entry: Entry, field: bytes) -> int:
        """When a field of a map ends, in ms; 0 for never."""
        if not entry.fields_end:
            return 0
        packed = self.members.find(self.end_key(entry.collection, field))
        return 0 if packed is None else int.from_bytes(packed, "big")

    def removed(self, full: bytes) -> None:
        """A key is gone: whoever watched for it to stay absent must know."""
        self.removals += 1
        self.removed_at[full[4] << 4 | full[5] >> 4] = self.removals

    def removals_at(self, full: bytes) -> int:
        """A number that grows when this key, or one of some neighbours, is removed."""
        return max(self.all_removed_at, self.removed_at[full[4] << 4 | full[5] >> 4])

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
        if entry.fields_end:
            self._check_fields(prefix)
        count = self.members.count(prefix, prefix + BY_END)
        assert count == entry.count * (2 if entry.kind == SORTED else 1), "members are counted"
        assert entry.count > 0, "an empty collection is none"
        dying = self.calendar.find(due_key(0, OF_MEMBERS, prefix))
        assert dying is None, "what lives is not swept"

    def _check_fields(self, prefix: bytes) -> None:
        for key, end in self.members.walk(prefix + BY_END, prefix + OWNER, 0, self.size()):
            assert self.members.find(prefix + BY_HASH + key[9:]) is not None, "a field that ends"
            place = end + OF_FIELD + prefix + key[9:]
            assert self.calendar.find(place) == b"", "each end of a field is in the calendar"
        owner = self.members.find(prefix + OWNER)
        assert owner is not None, "a map with fields that end knows its key"
        packed = self.entries.find(owner)
        assert packed is not None, "which is there"
        assert members_key(read_entry(packed).collection) == prefix, "and has this map"
