"""Commands about scores of sorted sets, and ranges of them.

One rule: a range, told by rank, score or bytes, is a stretch of the tree of members, in which those
of one sorted set lie by (score, member).
"""

from postroad.core.decision import Decision, World
from postroad.core.kv.entry import (
    BY_SCORE,
    SORTED,
    Entry,
    after,
    members_key,
    pack_score,
    read_score,
)
from postroad.core.kv.look import ROWS, Place, bad, bad_members, no_such_key, version_of
from postroad.core.kv.members import (
    member_facts,
    place_to_read,
    place_to_write,
    removal,
    value_of,
)
from postroad.core.kv.scan import Pairs
from postroad.core.kv.state import KvRealm
from postroad.limits import KV_BATCH_MAX, KV_READ_MAX
from postroad.model.kv import (
    ALWAYS,
    BY_LEX,
    BY_RANK,
    IF_ABSENT,
    IF_GREATER,
    IF_LESS,
    IF_PRESENT,
    KvSortedCount,
    KvSortedRange,
    KvSortedRank,
    KvSortedSet,
)
from postroad.model.kv import BY_SCORE as TOLD_BY_SCORE
from postroad.model.kv_replies import KvCounted, KvNumber, KvScored, KvScoresSet

Stretch = tuple[bytes, bytes]
"""A part of the tree: from the first key to before the second."""

NOTHING: Stretch = (b"", b"")


def decide_sorted_set(world: World, command: KvSortedSet, now: int) -> Decision:
    """Scores of members."""
    wrong = bad_members(command.members) or _bad_scores(command)
    if wrong is not None:
        return wrong
    found = place_to_write(world, command.space, command.key, SORTED, now)
    if isinstance(found, Decision):
        return found
    kv = world.state.kv
    there: dict[bytes, float] = {}
    pairs: dict[bytes, bytes] = {}
    told: list[float | None] = []
    new = 0
    changed: dict[bytes, None] = {}
    for member, wanted in zip(command.members, command.scores, strict=True):
        old = there.get(member)
        packed = value_of(kv, found, member)
        if old is None and packed is not None:
            old = read_score(packed)
        score = _new_score(command, old, float(wanted))
        if score is not None and score != score:  # noqa: PLR0124  (only what is no number)
            return bad("the sum of two endless scores is no number")
        told.append(score)
        if score is None:
            continue
        if old is None:
            new += 1
        elif old != score and packed is not None:
            changed[member] = None
        there[member] = score
        pairs[member] = pack_score(score)
    reply = KvScoresSet(new, len(changed), told)
    if not pairs:
        return Decision([], reply, found.group)
    records = member_facts(kv, found, SORTED, pairs)
    return records if isinstance(records, Decision) else Decision(records, reply)


def _new_score(command: KvSortedSet, old: float | None, wanted: float) -> float | None:
    """The score a member is to have, or `None` where it is left alone."""
    if old is None:
        return None if command.only == IF_PRESENT else wanted
    if command.only == IF_ABSENT:
        return None
    score = old + wanted if command.increment else wanted
    if command.compare == IF_GREATER and score <= old:
        return None
    if command.compare == IF_LESS and score >= old:
        return None
    return score


def _bad_scores(command: KvSortedSet) -> Decision | None:
    scores = command.scores
    if not isinstance(scores, ROWS) or len(scores) != len(command.members):
        return bad("there is one score for each member")
    for score in scores:
        if not isinstance(score, float | int) or isinstance(score, bool) or score != score:  # noqa: PLR0124
            return bad("a score is a number")
    if command.only not in (ALWAYS, IF_ABSENT, IF_PRESENT):
        return bad("`only` is ALWAYS, IF_ABSENT or IF_PRESENT")
    if command.compare not in (ALWAYS, IF_GREATER, IF_LESS):
        return bad("`compare` is ALWAYS, IF_GREATER or IF_LESS")
    return None


def decide_range(world: World, command: KvSortedRange, now: int) -> Decision:
    """A range of members, perhaps taken away."""
    found = place_to_read(world, command.space, command.key, SORTED, now)
    if isinstance(found, Decision):
        return found
    count = command.count
    if command.offset < 0 or (count is not None and count < 0):
        return bad("a part of a range begins at 0 and has at least 0 members")
    kv = world.state.kv
    stretch = _stretch(kv, found, command, command.reverse)
    if isinstance(stretch, Decision):
        return stretch
    most = KV_BATCH_MAX if command.remove else KV_READ_MAX
    limit = most + 1 if count is None else min(count, most + 1)
    walk = kv.members.walk_back if command.reverse else kv.members.walk
    pairs = walk(stretch[0], stretch[1], command.offset, limit)
    told = _told(pairs[:most], len(pairs) > most)
    if command.remove and told.members:
        return Decision(removal(found, told.members), told)
    return Decision([], told, found.group)


def _told(pairs: Pairs, more: bool) -> KvScored:
    members = [full[17:] for full, _ in pairs]
    return KvScored(members, [read_score(full[9:17]) for full, _ in pairs], more)


def decide_range_count(world: World, command: KvSortedCount, now: int) -> Decision:
    """How many members a range has."""
    found = place_to_read(world, command.space, command.key, SORTED, now)
    if isinstance(found, Decision):
        return found
    stretch = _stretch(world.state.kv, found, command, False)
    if isinstance(stretch, Decision):
        return stretch
    counted = KvCounted(world.state.kv.members.count(stretch[0], stretch[1]))
    return Decision([], counted, found.group)


def decide_rank(world: World, command: KvSortedRank, now: int) -> Decision:
    """The place of a member."""
    wrong = bad_members((command.member,))
    if wrong is not None:
        return wrong
    found = place_to_read(world, command.space, command.key, SORTED, now)
    if isinstance(found, Decision):
        return found
    kv = world.state.kv
    packed = value_of(kv, found, command.member)
    entry = found.entry
    if packed is None or entry is None:
        return no_such_key(command.member, found.group)
    prefix = members_key(entry.collection) + BY_SCORE
    rank = kv.members.count(prefix, prefix + packed + command.member)
    if command.reverse:
        rank = entry.count - 1 - rank
    return Decision([], KvNumber(rank, version_of(found)), found.group)


def _stretch(
    kv: KvRealm, place: Place, command: KvSortedRange | KvSortedCount, reverse: bool
) -> Stretch | Decision:
    """Where in the tree a range is."""
    entry = place.entry
    low, high = command.low, command.high
    if command.by == BY_RANK:
        if not _is_whole(low) or not _is_whole(high):
            return bad("ranks are whole numbers")
        if entry is None:
            return NOTHING
        first = _rank(low, 0, entry.count) + command.low_open
        last = _rank(high, entry.count - 1, entry.count) - command.high_open
        return _by_rank(kv, entry, first, last, reverse)
    if command.by == TOLD_BY_SCORE:
        if not _is_score(low) or not _is_score(high):
            return bad("scores are numbers")
        return NOTHING if entry is None else _by_score(entry, command)
    if command.by == BY_LEX:
        if not isinstance(low, bytes | None) or not isinstance(high, bytes | None):
            return bad("members are bytes")
        return NOTHING if entry is None else _by_lex(kv, entry, command)
    return bad("`by` is BY_RANK, BY_SCORE or BY_LEX")


def _is_whole(rank: object) -> bool:
    return rank is None or (isinstance(rank, int) and not isinstance(rank, bool))


def _is_score(score: object) -> bool:
    if score is None:
        return True
    is_number = isinstance(score, float | int) and not isinstance(score, bool)
    return is_number and score == score  # noqa: PLR0124


def _rank(rank: object, default: int, count: int) -> int:
    if not isinstance(rank, int):
        return default
    return rank + count if rank < 0 else rank


def _by_rank(kv: KvRealm, entry: Entry, first: int, last: int, reverse: bool) -> Stretch:
    first, last = max(first, 0), min(last, entry.count - 1)
    if first > last:
        return NOTHING
    if reverse:
        first, last = entry.count - 1 - last, entry.count - 1 - first
    prefix = members_key(entry.collection) + BY_SCORE
    start = kv.members.walk(prefix, after(prefix), first, 1)[0][0]
    stop = kv.members.walk(start, after(prefix), last - first, 1)[0][0]
    return start, stop + b"\x00"


def _by_score(entry: Entry, command: KvSortedRange | KvSortedCount) -> Stretch:
    prefix = members_key(entry.collection) + BY_SCORE
    start, stop = prefix, after(prefix)
    if isinstance(command.low, int | float):
        packed = pack_score(float(command.low))
        start = prefix + (after(packed) if command.low_open else packed)
    if isinstance(command.high, int | float):
        packed = pack_score(float(command.high))
        stop = prefix + (packed if command.high_open else after(packed))
    return start, stop


def _by_lex(kv: KvRealm, entry: Entry, command: KvSortedRange | KvSortedCount) -> Stretch:
    prefix = members_key(entry.collection) + BY_SCORE
    # Where all scores are the same, the first says which.
    prefix = kv.members.walk(prefix, after(prefix), 0, 1)[0][0][:17]
    start, stop = prefix, after(prefix)
    if isinstance(command.low, bytes):
        start = prefix + command.low + (b"\x00" if command.low_open else b"")
    if isinstance(command.high, bytes):
        stop = prefix + command.high + (b"" if command.high_open else b"\x00")
    return start, stop
