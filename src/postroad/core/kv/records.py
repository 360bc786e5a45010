"""The facts of kv, tags 70 to 80.

One rule: a fact names its space by number and its key by bytes, and tells of single keys and
members, never of a whole collection.
"""

from postroad.core.records import Record


class KvSpaceMade(Record, tag=70):
    """A space exists."""

    space: int
    name: str


class KvWritten(Record, tag=71):
    """Keys hold these bytes. `expires_ms` 0: for ever; 2**64 - 1: each keeps the end it has."""

    space: int
    keys: list[bytes]
    values: list[bytes]
    expires_ms: int


class KvDeleted(Record, tag=72):
    """Keys are gone."""

    space: int
    keys: list[bytes]


class KvExpirySet(Record, tag=73):
    """Keys end at this instant; 0: never."""

    space: int
    keys: list[bytes]
    expires_ms: int


class KvMembersSet(Record, tag=74):
    """Members of the collection under a key have these values; both are made where they were not.
    `kind`: 2 map, 3 set (empty values), 4 sorted set (scores in eight bytes that sort)."""

    space: int
    key: bytes
    kind: int
    members: list[bytes]
    values: list[bytes]


class KvMembersRemoved(Record, tag=75):
    """Members left a collection, and with the last one the key."""

    space: int
    key: bytes
    members: list[bytes]


class KvExpired(Record, tag=76):
    """Keys, and fields of maps, that ended at or before `until_ms` are gone, the first `limit` by
    (end, hash)."""

    until_ms: int
    limit: int


class KvSwept(Record, tag=77):
    """The first `limit` entries were freed of what is gone already."""

    limit: int


class KvFlushed(Record, tag=78):
    """A space holds nothing any more; what it held is swept in slices."""

    space: int


class KvRenamed(Record, tag=79):
    """What was under `key` is under `new_key`, of space `target`, instead of what was there."""

    space: int
    key: bytes
    target: int
    new_key: bytes


class KvFieldEndsSet(Record, tag=80):
    """Fields of the map under a key end at this instant; 0: never."""

    space: int
    key: bytes
    fields: list[bytes]
    expires_ms: int


KvRecord = (
    KvSpaceMade
    | KvWritten
    | KvDeleted
    | KvExpirySet
    | KvMembersSet
    | KvMembersRemoved
    | KvExpired
    | KvSwept
    | KvFlushed
    | KvRenamed
    | KvFieldEndsSet
)
