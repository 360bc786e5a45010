"""How keys, members, scores and instants are spelled as the sorted bytes of the trees.

One rule: keys lie in the order of a keyed hash, so that a place in a scan is a number that stays
good however keys come and go; what must be in an order of its own (scores, instants) is spelled so
that bytes sort like it.
"""

from hashlib import blake2b
from struct import Struct

BYTES = 1
MAP = 2
SET = 3
SORTED = 4

LASTS = 2**64 - 1
"""In a fact: a key keeps the end it has."""

BY_HASH = b"\x00"
BY_SCORE = b"\x01"
BY_END = b"\x02"
"""Fields of a map that end, with their ends."""
OWNER = b"\x03"
"""The key that a map with such fields is under."""

OF_MEMBERS = b"m"
OF_ROOT = b"r"
OF_KEY = b"k"
OF_FIELD = b"f"

_plain = Struct(">BQ")
_ending = Struct(">BQQ")
_collection = Struct(">QQ")
_double = Struct(">d")
_ENDS = 0x80
_FIELDS_END = 0x40
_SIGN = 1 << 63
_ALL = (1 << 64) - 1


class Entry:
    """What is under a key. `expires_ms` 0: never. Bytes have a `value`; anything else has the
    number of its `collection` and the `count` of its members; `fields_end`: some of a map's may
    end before it."""

    __slots__ = ("collection", "count", "expires_ms", "fields_end", "kind", "value", "version")

    def __init__(self, kind: int, version: int, expires_ms: int, value: bytes) -> None:
        self.kind = kind
        self.version = version
        self.expires_ms = expires_ms
        self.value = value
        self.collection = 0
        self.count = 0
        self.fields_end = False

    def pack(self) -> bytes:
        """As a value of the tree."""
        rest = self.value
        if self.kind != BYTES:
            rest = _collection.pack(self.collection, self.count)
        kind = self.kind | _FIELDS_END if self.fields_end else self.kind
        return pack_entry(kind, self.version, self.expires_ms, rest)


def pack_entry(kind: int, version: int, expires_ms: int, rest: bytes) -> bytes:
    """Kind, version and end, and what follows them."""
    if expires_ms:
        return _ending.pack(kind | _ENDS, version, expires_ms) + rest
    return _plain.pack(kind, version) + rest


def read_entry(packed: bytes) -> Entry:
    """The entry in a value of the tree."""
    kind, version = _plain.unpack_from(packed)
    expires_ms = 0
    start = _plain.size
    if kind & _ENDS:
        kind, version, expires_ms = _ending.unpack_from(packed)
        kind &= ~_ENDS
        start = _ending.size
    entry = Entry(kind & ~_FIELDS_END, version, expires_ms, b"")
    entry.fields_end = kind & _FIELDS_END != 0
    if kind == BYTES:
        entry.value = packed[start:]
    else:
        entry.collection, entry.count = _collection.unpack_from(packed, start)
    return entry


def kind_of(packed: bytes) -> int:
    """What kind of thing an entry is."""
    return packed[0] & ~(_ENDS | _FIELDS_END)


def expiry_of(packed: bytes) -> int:
    """When an entry ends, in ms; 0 for never."""
    if packed[0] & _ENDS:
        return int.from_bytes(packed[9:17], "big")
    return 0


def hash_of(salt: bytes, key: bytes) -> bytes:
    """Where a key or member lies among others: eight bytes nobody can choose."""
    return blake2b(key, digest_size=8, key=salt).digest()


def root_key(root: int) -> bytes:
    """What all keys of a space begin with."""
    return root.to_bytes(4, "big")


def members_key(collection: int) -> bytes:
    """What all members of a collection begin with."""
    return collection.to_bytes(8, "big")


def after(prefix: bytes) -> bytes:
    """What comes after all that begins with a prefix, which is not all ones."""
    return (int.from_bytes(prefix, "big") + 1).to_bytes(len(prefix), "big")


def due_key(due_ms: int, what: bytes, key: bytes) -> bytes:
    """A place in the calendar."""
    return due_ms.to_bytes(8, "big") + what + key


def pack_score(score: float) -> bytes:
    """Eight bytes that sort as scores do; both zeros are one."""
    bits = int.from_bytes(_double.pack(score + 0.0), "big")
    bits = bits ^ _ALL if bits & _SIGN else bits | _SIGN
    return bits.to_bytes(8, "big")


def read_score(packed: bytes) -> float:
    """The score again."""
    bits = int.from_bytes(packed, "big")
    bits = bits ^ _SIGN if bits & _SIGN else bits ^ _ALL
    score: float = _double.unpack(bits.to_bytes(8, "big"))[0]
    return score
