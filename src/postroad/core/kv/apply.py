"""Facts of kv -> change of state.

One rule: apply is total; every change of a key takes the next number of all changes as its version,
so that no version is ever given twice.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.kv import records as facts
from postroad.core.kv.entry import (
    BY_END,
    BY_HASH,
    BY_SCORE,
    BYTES,
    LASTS,
    MAP,
    OF_FIELD,
    OF_KEY,
    OF_MEMBERS,
    OF_ROOT,
    OWNER,
    SORTED,
    Entry,
    after,
    due_key,
    expiry_of,
    hash_of,
    kind_of,
    members_key,
    pack_entry,
    read_entry,
    root_key,
)
from postroad.core.kv.state import KvRealm, Space
from postroad.core.state import State
from postroad.limits import KV_FREE_AT_ONCE


def space_made(state: State, record: facts.KvSpaceMade) -> None:
    """A space, with nothing in it."""
    kv = state.kv
    space = Space(record.space, record.name, _next_root(kv))
    kv.numbers.next_space = record.space + 1
    kv.ledger.touch(space)
    kv.add_space(space)


def written(state: State, record: facts.KvWritten) -> None:
    """Bytes under keys, whatever was there."""
    kv = state.kv
    space = kv.spaces[record.space]
    entries = kv.entries
    kv.ledger.touch(kv.numbers)
    kv.ledger.touch(space)
    keys, values, given_ms = record.keys, record.values, record.expires_ms
    root, salt = root_key(space.root), kv.catalog.salt
    for at in range(len(keys)):
        key = keys[at]
        full = root + hash_of(salt, key) + key
        expires_ms = given_ms
        if given_ms == LASTS:
            packed = entries.find(full)
            expires_ms = 0 if packed is None else expiry_of(packed)
        kv.numbers.versions += 1
        fresh = pack_entry(BYTES, kv.numbers.versions, expires_ms, values[at])
        old = entries.put(full, fresh, state.group)
        if old is None:
            space.count += 1
        elif old[0] != BYTES:
            _let_go(kv, full, old)
        if expires_ms:
            _plan(kv, full, 0, expires_ms)


def deleted(state: State, record: facts.KvDeleted) -> None:
    """Keys are gone; what they held goes in slices where it is much."""
    kv = state.kv
    space = kv.spaces[record.space]
    for key in record.keys:
        _remove(kv, kv.full_key(space, key), state.group)


def expiry_set(state: State, record: facts.KvExpirySet) -> None:
    """Another end."""
    kv = state.kv
    space = kv.spaces[record.space]
    for key in record.keys:
        full = kv.full_key(space, key)
        packed = kv.entries.find(full)
        assert packed is not None, "what ends is there"
        entry = read_entry(packed)
        _plan(kv, full, entry.expires_ms, record.expires_ms)
        entry.expires_ms = record.expires_ms
        _changed(kv, full, entry, state.group)


def members_set(state: State, record: facts.KvMembersSet) -> None:
    """Members and their values."""
    kv = state.kv
    space = kv.spaces[record.space]
    full = kv.full_key(space, record.key)
    packed = kv.entries.find(full)
    if packed is None:
        entry = Entry(record.kind, 0, 0, b"")
        kv.ledger.touch(kv.numbers)
        entry.collection = kv.numbers.next_collection
        kv.numbers.next_collection += 1
        kv.ledger.touch(space)
        space.count += 1
    else:
        entry = read_entry(packed)
    assert entry.kind == record.kind, "a collection keeps its kind"
    if entry.fields_end:
        for member in record.members:
            plan_field(kv, entry, member, 0)
    prefix = members_key(entry.collection)
    for member, value in zip(record.members, record.values, strict=True):
        old = kv.members.put(kv.member_key(entry.collection, member), value)
        if old is None:
            entry.count += 1
        if record.kind == SORTED and old != value:
            if old is not None:
                kv.members.remove(prefix + BY_SCORE + old + member)
            kv.members.put(prefix + BY_SCORE + value + member, b"")
    _changed(kv, full, entry, state.group)


def members_removed(state: State, record: facts.KvMembersRemoved) -> None:
    """Members are gone, and with the last one the key."""
    kv = state.kv
    full = kv.full_key(kv.spaces[record.space], record.key)
    packed = kv.entries.find(full)
    assert packed is not None, "members left what is there"
    entry = read_entry(packed)
    prefix = members_key(entry.collection)
    for member in record.members:
        if entry.fields_end:
            plan_field(kv, entry, member, 0)
        old = kv.members.remove(kv.member_key(entry.collection, member))
        if old is not None:
            entry.count -= 1
            if entry.kind == SORTED:
                kv.members.remove(prefix + BY_SCORE + old + member)
    _changed(kv, full, entry, state.group)
    if not entry.count:
        _remove(kv, full, state.group)


def expired(state: State, record: facts.KvExpired) -> None:
    """The first keys that ended."""
    kv = state.kv
    ended = kv.calendar.cut(
        due_key(1, b"", b""), due_key(record.until_ms + 1, b"", b""), record.limit
    )
    for place in ended[::2]:
        if place[8:9] == OF_FIELD:
            _field_ended(kv, place[9:17], place[17:], state.group)
        else:
            _remove(kv, place[9:], state.group)


def swept(state: State, record: facts.KvSwept) -> None:
    """The first entries of what is gone."""
    kv = state.kv
    place = kv.next_due()
    what, prefix = place[8:9], place[9:]
    if what == OF_MEMBERS:
        _cut_members(kv, prefix, record.limit)
        done = not kv.members.any_in(prefix, after(prefix))
    else:
        assert what == OF_ROOT, "what is swept is marked so"
        gone = kv.entries.cut(prefix, after(prefix), record.limit)
        for at in range(0, len(gone), 2):
            _let_go(kv, gone[at], gone[at + 1])
        done = not kv.entries.any_in(prefix, after(prefix))
    if done:
        kv.calendar.remove(place)


def flushed(state: State, record: facts.KvFlushed) -> None:
    """Out of sight at once, swept in slices."""
    kv = state.kv
    space = kv.spaces[record.space]
    kv.ledger.touch(space)
    del kv.by_root[space.root]
    kv.calendar.put(due_key(0, OF_ROOT, root_key(space.root)), b"")
    space.root = _next_root(kv)
    space.count = 0
    kv.by_root[space.root] = space
    kv.entries.dropped = max(kv.entries.dropped, state.group)
    kv.removals += 1
    kv.all_removed_at = kv.removals


def renamed(state: State, record: facts.KvRenamed) -> None:
    """The same under another key."""
    kv = state.kv
    source = kv.full_key(kv.spaces[record.space], record.key)
    target = kv.full_key(kv.spaces[record.target], record.new_key)
    packed = kv.entries.remove(source, state.group)
    assert packed is not None, "what is renamed is there"
    _count(kv, source, -1)
    kv.removed(source)
    entry = read_entry(packed)
    if entry.fields_end:
        kv.members.put(members_key(entry.collection) + OWNER, target)
    _plan(kv, source, entry.expires_ms, 0)
    kv.ledger.touch(kv.numbers)
    kv.numbers.versions += 1
    entry.version = kv.numbers.versions
    _put(kv, kv.spaces[record.target], target, entry.pack(), state.group)


def _next_root(kv: KvRealm) -> int:
    kv.ledger.touch(kv.numbers)
    root = kv.numbers.next_root
    kv.numbers.next_root += 1
    return root


def _put(kv: KvRealm, space: Space, full: bytes, packed: bytes, group: int) -> None:
    """Set what is under a key, and let go of what was."""
    old = kv.entries.put(full, packed, group)
    if old is None:
        kv.ledger.touch(space)
        space.count += 1
    else:
        _let_go(kv, full, old)
    _plan(kv, full, 0, expiry_of(packed))


def _changed(kv: KvRealm, full: bytes, entry: Entry, group: int) -> None:
    kv.ledger.touch(kv.numbers)
    kv.numbers.versions += 1
    entry.version = kv.numbers.versions
    kv.entries.put(full, entry.pack(), group)


def _remove(kv: KvRealm, full: bytes, group: int) -> None:
    packed = kv.entries.remove(full, group)
    if packed is not None:
        kv.removed(full)
        _count(kv, full, -1)
        _let_go(kv, full, packed)


def _count(kv: KvRealm, full: bytes, change: int) -> None:
    space = kv.by_root.get(int.from_bytes(full[:4], "big"))
    if space is not None:
        kv.ledger.touch(space)
        space.count += change


def _let_go(kv: KvRealm, full: bytes, packed: bytes) -> None:
    """Free what an entry held: its place in the calendar, and its members, in slices if many."""
    _plan(kv, full, expiry_of(packed), 0)
    if kind_of(packed) == BYTES:
        return
    entry = read_entry(packed)
    prefix = members_key(entry.collection)
    if entry.count <= KV_FREE_AT_ONCE:
        # Each field may have an end beside its value, and the map its owner.
        _cut_members(kv, prefix, 2 * entry.count + 1)
    else:
        kv.calendar.put(due_key(0, OF_MEMBERS, prefix), b"")


def _cut_members(kv: KvRealm, prefix: bytes, limit: int) -> None:
    """Free the first entries of a collection that is gone, and the places of its fields' ends."""
    taken = kv.members.cut(prefix, after(prefix), limit)
    for at in range(0, len(taken), 2):
        if taken[at][8:9] == BY_END:
            kv.calendar.remove(taken[at + 1] + OF_FIELD + prefix + taken[at][9:])


def field_ends_set(state: State, record: facts.KvFieldEndsSet) -> None:
    """Other ends of fields."""
    kv = state.kv
    full = kv.full_key(kv.spaces[record.space], record.key)
    packed = kv.entries.find(full)
    assert packed is not None, "what has fields is there"
    entry = read_entry(packed)
    assert entry.kind == MAP, "fields are a map's"
    if not entry.fields_end:
        entry.fields_end = True
        kv.members.put(members_key(entry.collection) + OWNER, full)
    for field in record.fields:
        plan_field(kv, entry, field, record.expires_ms)
    _changed(kv, full, entry, state.group)


def plan_field(kv: KvRealm, entry: Entry, field: bytes, new_ms: int) -> None:
    """A field ends at another instant than before; 0: never."""
    end = kv.end_key(entry.collection, field)
    what = OF_FIELD + members_key(entry.collection) + end[9:]
    old = kv.members.remove(end)
    if old is not None:
        kv.calendar.remove(old + what)
    if new_ms:
        kv.members.put(end, new_ms.to_bytes(8, "big"))
        kv.calendar.put(new_ms.to_bytes(8, "big") + what, b"")


def _field_ended(kv: KvRealm, prefix: bytes, field: bytes, group: int) -> None:
    """A field is gone, and with the last one the key; `field` with its hash."""
    kv.members.remove(prefix + BY_END + field)
    full = kv.members.find(prefix + OWNER)
    packed = None if full is None else kv.entries.find(full)
    if full is None or packed is None:
        return
    entry = read_entry(packed)
    if entry.kind == BYTES or members_key(entry.collection) != prefix:
        return  # the map is gone, and freed in slices
    if kv.members.remove(prefix + BY_HASH + field) is not None:
        entry.count -= 1
    _changed(kv, full, entry, group)
    if not entry.count:
        _remove(kv, full, group)


def _plan(kv: KvRealm, full: bytes, old_ms: int, new_ms: int) -> None:
    """An entry that ended at one instant ends at another."""
    if old_ms == new_ms:
        return
    if old_ms:
        kv.calendar.remove(due_key(old_ms, OF_KEY, full))
    if new_ms:
        kv.calendar.put(due_key(new_ms, OF_KEY, full), b"")


APPLY: dict[type, Callable[[State, Any], None]] = {
    facts.KvSpaceMade: space_made,
    facts.KvWritten: written,
    facts.KvDeleted: deleted,
    facts.KvExpirySet: expiry_set,
    facts.KvMembersSet: members_set,
    facts.KvMembersRemoved: members_removed,
    facts.KvExpired: expired,
    facts.KvSwept: swept,
    facts.KvFlushed: flushed,
    facts.KvRenamed: renamed,
    facts.KvFieldEndsSet: field_ends_set,
}
"""What each fact changes."""
