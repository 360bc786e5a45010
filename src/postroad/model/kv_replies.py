"""What kv answers.

It stands beside the replies, which take these into their union. The rule kept here: what is absent
is `None`, or a version of 0.
"""

from postroad.model.value import value


@value
class KvStored:
    """`done` is false where a condition did not hold. `versions`: of the keys, afterwards. `old`:
    what was there, where it was asked for."""

    done: bool
    versions: list[int]
    old: list[bytes | None] | None = None


@value
class KvGot:
    """`None` for what is not there. `versions`: of the keys, 0 where absent; of a collection: one
    number."""

    values: list[bytes | None]
    versions: list[int]


@value
class KvInfo:
    """What is under a key: `kind` 0: nothing. `expires_ms` 0: it never ends. `size`: bytes, or
    members. `watch`: as a condition on a version it holds as long as nothing happened to the key,
    nor, where it is absent, in between."""

    kind: int
    version: int
    expires_ms: int
    size: int
    watch: int = 0


@value
class KvSeen:
    """One per key. `now_ms`: the instant of the look."""

    infos: list[KvInfo]
    now_ms: int


@value
class KvCounted:
    """How many."""

    count: int
    done: bool = True


@value
class KvNumber:
    """The number now, and the version of the key."""

    number: int
    version: int


@value
class KvDecimal:
    """The number now, as text, and the version of the key."""

    number: bytes
    version: int


@value
class KvEndsSet:
    """What became of each field: FIELD_ABSENT, FIELD_UNCHANGED, FIELD_CHANGED, FIELD_REMOVED."""

    results: list[int]


@value
class KvEndsSeen:
    """When each field ends: 0: never; `None`: it is not there. `now_ms`: the instant of the
    look."""

    ends_ms: list[int | None]
    now_ms: int


@value
class KvScanned:
    """Keys in no order that means anything; `cursor`: where to go on, 0: that was all."""

    keys: list[bytes]
    cursor: int


@value
class KvMembersScanned:
    """Members, and for a map their values, for a sorted set their scores."""

    members: list[bytes]
    values: list[bytes]
    scores: list[float]
    cursor: int


@value
class KvScores:
    """`None` for a member that is not there."""

    scores: list[float | None]
    version: int


@value
class KvScoresSet:
    """How many members are `added`, how many others `changed`; `scores`: of each member now, `None`
    where a condition left it alone."""

    added: int
    changed: int
    scores: list[float | None]


@value
class KvScored:
    """Members and scores, in order."""

    members: list[bytes]
    scores: list[float]
    more: bool


@value
class KvSpacesListed:
    """(name, count) of each space, by name."""

    spaces: list[tuple[str, int]]


KvReply = (
    KvStored
    | KvGot
    | KvSeen
    | KvCounted
    | KvNumber
    | KvDecimal
    | KvEndsSet
    | KvEndsSeen
    | KvScanned
    | KvMembersScanned
    | KvScores
    | KvScoresSet
    | KvScored
    | KvSpacesListed
)
