"""How much more memory keys may take after a command than before it.

One rule: a bound from above, by what the trees count: whoever adds up what commands need knows that
all of them have room, whatever is there.
"""

from collections.abc import Callable, Sequence
from typing import Any

from postroad.core.kv.entry import (
    BY_END,
    BY_HASH,
    BY_SCORE,
    BYTES,
    MAP,
    OF_FIELD,
    OF_KEY,
    OWNER,
    Entry,
    due_key,
    hash_of,
    members_key,
    pack_entry,
    pack_score,
    root_key,
)
from postroad.core.kv.tree import ENTRY_BYTES
from postroad.limits import KV_DECIMAL_CHARS_MAX
from postroad.model import kv

HASH = hash_of(b"", b"")
SCORE = pack_score(0)
FULL_KEY = len(root_key(0) + HASH)
"""What a key is spelled with in the trees, beside its own bytes; what follows likewise."""
KEY = ENTRY_BYTES + FULL_KEY + len(pack_entry(BYTES, 0, 1, b""))
"""A key that ends, without its bytes. Where it takes the place of a large collection, that one
leaves a smaller entry behind, until it is swept."""
COLLECTION = ENTRY_BYTES + FULL_KEY + len(Entry(MAP, 0, 1, b"").pack())
KEY_END = ENTRY_BYTES + len(due_key(0, OF_KEY, b"")) + FULL_KEY
MEMBER = ENTRY_BYTES + len(members_key(0) + BY_HASH + HASH)
SCORED = MEMBER + len(SCORE) + ENTRY_BYTES + len(members_key(0) + BY_SCORE + SCORE)
"""A member by its hash, and again by its score."""
FIELD_END = (
    ENTRY_BYTES
    + len(members_key(0) + BY_END + HASH + due_key(0, b"", b""))
    + ENTRY_BYTES
    + len(due_key(0, OF_FIELD, members_key(0) + HASH))
)
"""The end of a field, by field and by instant."""
FIELDS_OWNER = ENTRY_BYTES + len(members_key(0) + OWNER) + FULL_KEY


def room_for(command: object) -> int:
    """Bytes that a command may add at most, 0 for one that only frees or reads."""
    needs = NEEDS.get(type(command))
    return 0 if needs is None else needs(command)


def _ends(command: Any) -> bool:
    return command.ttl_ms is not None or command.until_ms is not None


def _bytes_of(texts: Sequence[bytes]) -> int:
    return sum(map(len, texts))


def _key_ends(keys: Sequence[bytes]) -> int:
    return len(keys) * KEY_END + _bytes_of(keys)


def _field_ends(key: bytes, fields: Sequence[bytes]) -> int:
    return FIELDS_OWNER + len(key) + len(fields) * FIELD_END + 2 * _bytes_of(fields)


def _of_set(command: kv.KvSet) -> int:
    keys = command.keys
    need = len(keys) * KEY + _bytes_of(keys) + _bytes_of(command.values)
    return need + _key_ends(keys) if _ends(command) else need


def _of_increment(command: kv.KvIncrement) -> int:
    need = KEY + len(command.key) + KV_DECIMAL_CHARS_MAX
    return need if command.ttl_ms is None else need + _key_ends([command.key])


def _of_add(command: kv.KvAdd) -> int:
    return KEY + len(command.key) + KV_DECIMAL_CHARS_MAX


def _of_expire(command: kv.KvExpire) -> int:
    # Its own entry holds the end too.
    end = len(due_key(0, b"", b""))
    return _key_ends(command.keys) + len(command.keys) * end if _ends(command) else 0


def _of_map_set(command: kv.KvMapSet) -> int:
    fields = command.fields
    need = COLLECTION + len(command.key) + len(fields) * MEMBER + _bytes_of(fields)
    need += _bytes_of(command.values)
    return need + _field_ends(command.key, fields) if _ends(command) else need


def _of_map_add(command: kv.KvMapIncrement | kv.KvMapAdd) -> int:
    names = len(command.key) + len(command.field)
    return COLLECTION + MEMBER + names + KV_DECIMAL_CHARS_MAX


def _of_field_expire(command: kv.KvFieldExpire) -> int:
    return _field_ends(command.key, command.fields) if _ends(command) else 0


def _of_set_add(command: kv.KvSetAdd) -> int:
    members = command.members
    return COLLECTION + len(command.key) + len(members) * MEMBER + _bytes_of(members)


def _of_sorted_set(command: kv.KvSortedSet) -> int:
    members = command.members
    return COLLECTION + len(command.key) + len(members) * SCORED + 2 * _bytes_of(members)


NEEDS: dict[type, Callable[[Any], int]] = {
    kv.KvSet: _of_set,
    kv.KvIncrement: _of_increment,
    kv.KvAdd: _of_add,
    kv.KvExpire: _of_expire,
    kv.KvMapSet: _of_map_set,
    kv.KvMapIncrement: _of_map_add,
    kv.KvMapAdd: _of_map_add,
    kv.KvFieldExpire: _of_field_expire,
    kv.KvSetAdd: _of_set_add,
    kv.KvSortedSet: _of_sorted_set,
}
"""Commands of kv that may be in a batch that is all or nothing, and add something."""
