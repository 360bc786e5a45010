"""What may be asked of kv.

It stands beside the commands, which take these into their union. The rule kept here: keys,
members and values are bytes, spaces are names; a command is one atomic step, and one that only
reads says so by having no other effect than its answer.
"""

from collections.abc import Sequence

from postroad.model.value import value

ANY_KIND = 0
BYTES = 1
MAP = 2
SET = 3
SORTED = 4
"""What is under a key: bytes, a map, a set or a sorted set."""

ALWAYS = 0
IF_ABSENT = 1
IF_PRESENT = 2
IF_GREATER = 3
IF_LESS = 4
"""When a command does anything: whatever there is, or only where something is not there yet, is
there already, or is less or more than the new."""

FIELD_ABSENT = -2
FIELD_UNCHANGED = 0
FIELD_CHANGED = 1
FIELD_REMOVED = 2
"""What became of a field whose end was to be set: it is not there; a condition left it alone; it
ends then; or it is gone, for its end is over."""

BY_RANK = 0
BY_SCORE = 1
BY_LEX = 2
"""How a range of a sorted set is told: places from 0 (negative ones from the end), scores, or
members as bytes, where all scores are the same."""


@value
class KvSet:
    """Set keys to bytes, all of them or none; what was there before is gone, whatever its kind.

    `only`: ALWAYS, IF_ABSENT (all are absent), IF_PRESENT (all are there). `versions[i]`: only if
    the key has this version now (0: is absent; below 0: a `watch` that `KvLook` told). `equals[i]`:
    only if it holds these bytes (`None`: is absent). `ttl_ms`: how long they last; or `until_ms`:
    the instant of their end, where one that is over deletes them; neither: for ever, or with
    `keep_ttl` as before. `want_old`: the answer has what was there. A space is made by the first
    write to it. Answer: `KvStored`.
    """

    space: str
    keys: Sequence[bytes]
    values: Sequence[bytes]
    ttl_ms: int | None = None
    until_ms: int | None = None
    keep_ttl: bool = False
    only: int = ALWAYS
    versions: Sequence[int] | None = None
    equals: Sequence[bytes | None] | None = None
    want_old: bool = False


@value
class KvGet:
    """The bytes under keys. A key of another kind is refused, or reads as absent where `lenient`.
    Answer: `KvGot`."""

    space: str
    keys: Sequence[bytes]
    lenient: bool = False


@value
class KvLook:
    """Kind, version, end and size of what is under keys. Answer: `KvSeen`."""

    space: str
    keys: Sequence[bytes]


@value
class KvDelete:
    """Delete keys of any kind; `versions` and `equals` as in `KvSet`, all or none. Answer:
    `KvCounted`, how many there were; `done` false where a condition did not hold."""

    space: str
    keys: Sequence[bytes]
    versions: Sequence[int] | None = None
    equals: Sequence[bytes | None] | None = None


@value
class KvIncrement:
    """Add `by` to the whole number that a key holds as decimal text (0 where it is absent).

    `ttl_ms`: how long it lasts where this makes it. Answer: `KvNumber`."""

    space: str
    key: bytes
    by: int = 1
    ttl_ms: int | None = None


@value
class KvExpire:
    """Let keys end `ttl_ms` from now, or at `until_ms`; with neither they never end.

    `only`: IF_ABSENT (has no end yet), IF_PRESENT (has one), IF_GREATER, IF_LESS (the new end is
    later, earlier than the old; no end counts as the latest). Answer: `KvCounted`, how many ends
    were set."""

    space: str
    keys: Sequence[bytes]
    ttl_ms: int | None = None
    until_ms: int | None = None
    only: int = ALWAYS


@value
class KvRename:
    """Put what is under `key` under `new_key`, of `target` where that is another space, in place of
    what is there; `only` IF_ABSENT: unless something is. Answer: `KvStored`, or
    `Refused(NO_SUCH_KEY)`."""

    space: str
    key: bytes
    new_key: bytes
    target: str | None = None
    only: int = ALWAYS


@value
class KvScan:
    """Look at about `count` keys from `cursor` on (0: the beginning), and name those that match.

    `pattern`: `*` any bytes, `?` one, `[a-c]` `[^a-c]` one of some, `\\` takes the next as it is.
    `kind`: keys of this kind only. A key that is there from the first to the last call of a scan is
    named exactly once. Answer: `KvScanned`; its cursor is 0 at the end."""

    space: str
    cursor: int = 0
    count: int = 100
    pattern: bytes | None = None
    kind: int = ANY_KIND


@value
class KvRandom:
    """Some key by chance. Answer: `KvScanned` with one key, or with none."""

    space: str


@value
class KvCount:
    """How many keys a space has; one whose end has come counts until its room is freed. Answer:
    `KvCounted`."""

    space: str


@value
class KvFlush:
    """Delete all keys of a space. Answer: `KvCounted`."""

    space: str


@value
class KvSpaces:
    """The names of all spaces there ever were, and their counts. Answer: `KvSpacesListed`."""


@value
class KvMapSet:
    """Set fields of a map; `only` IF_ABSENT, IF_PRESENT: those fields that are absent, or there.
    `ttl_ms`, `until_ms`, `keep_ttl`: when these fields end, as in `KvSet`; neither: never. Answer:
    `KvCounted`, how many are new."""

    space: str
    key: bytes
    fields: Sequence[bytes]
    values: Sequence[bytes]
    only: int = ALWAYS
    ttl_ms: int | None = None
    until_ms: int | None = None
    keep_ttl: bool = False


@value
class KvMapIncrement:
    """Add `by` to the whole number in a field of a map. Answer: `KvNumber`."""

    space: str
    key: bytes
    field: bytes
    by: int = 1


@value
class KvAdd:
    """Add `by`, a decimal number as text, to the one that a key holds (0 where it is absent),
    exactly. The key keeps its end. Answer: `KvDecimal`."""

    space: str
    key: bytes
    by: bytes


@value
class KvMapAdd:
    """The same with the number in a field of a map, which keeps its end. Answer: `KvDecimal`."""

    space: str
    key: bytes
    field: bytes
    by: bytes


@value
class KvFieldExpire:
    """Let fields of a map end `ttl_ms` from now, or at `until_ms`; with neither they never end.
    `only` as in `KvExpire`. The key goes with its last field. Answer: `KvEndsSet`."""

    space: str
    key: bytes
    fields: Sequence[bytes]
    ttl_ms: int | None = None
    until_ms: int | None = None
    only: int = ALWAYS


@value
class KvFieldEnds:
    """When fields of a map end. Answer: `KvEndsSeen`."""

    space: str
    key: bytes
    fields: Sequence[bytes]


@value
class KvSetAdd:
    """Add members to a set. Answer: `KvCounted`, how many are new."""

    space: str
    key: bytes
    members: Sequence[bytes]


@value
class KvSortedSet:
    """Set (or with `increment` add to) the scores of members of a sorted set.

    `only`: IF_ABSENT: new members only; IF_PRESENT: none but those there. `compare`: ALWAYS, or
    change the score of a member that is there only to a greater (IF_GREATER) or lesser one.
    Answer: `KvScoresSet`."""

    space: str
    key: bytes
    members: Sequence[bytes]
    scores: Sequence[float]
    only: int = ALWAYS
    compare: int = ALWAYS
    increment: bool = False


@value
class KvMembers:
    """Values of members of a map, set (empty bytes) or sorted set. Answer: `KvGot`, for a sorted
    set `KvScores`; `None` for a member that is not there."""

    space: str
    key: bytes
    kind: int
    members: Sequence[bytes]


@value
class KvMembersRemove:
    """Remove members; the key goes with the last. Answer: `KvCounted`."""

    space: str
    key: bytes
    kind: int
    members: Sequence[bytes]


@value
class KvMembersScan:
    """Look at about `count` members from `cursor` on; as `KvScan`. Answer: `KvMembersScanned`."""

    space: str
    key: bytes
    kind: int
    cursor: int = 0
    count: int = 100
    pattern: bytes | None = None


@value
class KvMembersRandom:
    """Up to `count` different members by chance, with `remove` taken away. Answer: as
    `KvMembersScan`."""

    space: str
    key: bytes
    kind: int
    count: int = 1
    remove: bool = False


@value
class KvSortedRange:
    """Members of a sorted set by (score, member), from `low` to `high`, both within it unless
    `low_open`, `high_open`; `None`: from the first, to the last.

    `by`: BY_RANK (whole numbers), BY_SCORE (floats) or BY_LEX (bytes). `reverse`: the highest
    first; low stays the lower one (ranks then count from the highest). `offset`, `count`: a part of
    the range; `remove`: the range is taken away. Answer: `KvScored`; at most a bound at a time, and
    `more` says whether others follow."""

    space: str
    key: bytes
    by: int = BY_RANK
    low: float | bytes | None = None
    high: float | bytes | None = None
    low_open: bool = False
    high_open: bool = False
    reverse: bool = False
    offset: int = 0
    count: int | None = None
    remove: bool = False


@value
class KvSortedCount:
    """How many members a range has; arguments as in `KvSortedRange`. Answer: `KvCounted`."""

    space: str
    key: bytes
    by: int = BY_RANK
    low: float | bytes | None = None
    high: float | bytes | None = None
    low_open: bool = False
    high_open: bool = False


@value
class KvSortedRank:
    """The place of a member, from 0, with `reverse` from the highest. Answer: `KvNumber` (with the
    key's version), or `Refused(NO_SUCH_KEY)`."""

    space: str
    key: bytes
    member: bytes
    reverse: bool = False


KvCommand = (
    KvSet
    | KvGet
    | KvLook
    | KvDelete
    | KvIncrement
    | KvExpire
    | KvRename
    | KvScan
    | KvRandom
    | KvCount
    | KvFlush
    | KvSpaces
    | KvMapSet
    | KvMapIncrement
    | KvAdd
    | KvMapAdd
    | KvFieldExpire
    | KvFieldEnds
    | KvSetAdd
    | KvSortedSet
    | KvMembers
    | KvMembersRemove
    | KvMembersScan
    | KvMembersRandom
    | KvSortedRange
    | KvSortedCount
    | KvSortedRank
)
