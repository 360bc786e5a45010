"""Commands about members of maps, sets and sorted sets.

One rule: a fact names the members it is about, so that a field of a million costs what a field of
one does.
"""

from collections.abc import Iterable, Sequence

from postroad.core.decision import Decision, World
from postroad.core.kv import records as facts
from postroad.core.kv.entry import (
    BY_HASH,
    MAP,
    SET,
    SORTED,
    Entry,
    after,
    members_key,
    read_score,
)
from postroad.core.kv.glob import Pattern
from postroad.core.kv.keys import end_of
from postroad.core.kv.look import (
    Place,
    bad,
    bad_end,
    bad_key,
    bad_members,
    bad_values,
    look,
    no_room,
    space_to_write,
    version_of,
    wrong_kind,
)
from postroad.core.kv.scan import Pairs, bad_scan, chance, scanned
from postroad.core.kv.state import KvRealm
from postroad.core.kv.sums import no_sum, sum_of, summed
from postroad.core.records import Record
from postroad.limits import KV_BATCH_MAX, KV_READ_MAX
from postroad.model.kv import (
    ALWAYS,
    IF_ABSENT,
    IF_PRESENT,
    KvMapAdd,
    KvMapIncrement,
    KvMapSet,
    KvMembers,
    KvMembersRandom,
    KvMembersRemove,
    KvMembersScan,
    KvSetAdd,
)
from postroad.model.kv_replies import (
    KvCounted,
    KvDecimal,
    KvGot,
    KvMembersScanned,
    KvNumber,
    KvScores,
)

COLLECTIONS = (MAP, SET, SORTED)
FOUND_BY_CHANCE_MAX = 4
"""Draws for each member wanted; what is missing then are the neighbours of the last."""


def decide_map_set(world: World, command: KvMapSet, now: int) -> Decision:
    """Fields of a map."""
    wrong = bad_members(command.fields) or bad_values(command.values, len(command.fields))
    if wrong is not None:
        return wrong
    if command.only not in (ALWAYS, IF_ABSENT, IF_PRESENT):
        return bad("`only` is ALWAYS, IF_ABSENT or IF_PRESENT")
    wrong = bad_end(command.ttl_ms, command.until_ms)
    if wrong is not None:
        return wrong
    found = place_to_write(world, command.space, command.key, MAP, now)
    if isinstance(found, Decision):
        return found
    pairs = dict(zip(command.fields, command.values, strict=True))
    new = 0
    for field in list(pairs):
        absent = value_of(world.state.kv, found, field) is None
        new += absent
        if command.only != ALWAYS and absent != (command.only == IF_ABSENT):
            del pairs[field]
            new -= absent
    never = command.ttl_ms is None and command.until_ms is None
    ends: list[Record] = []
    if command.keep_ttl:
        ends = kept_ends(world.state.kv, found, pairs)
    elif not never and pairs:
        number = _number_of(world.state.kv, found)
        until_ms = end_of(command.ttl_ms, command.until_ms, now)
        ends = [facts.KvFieldEndsSet(number, command.key, list(pairs), max(1, until_ms))]
    return with_ends(set_members(world, found, MAP, pairs, KvCounted(new)), ends)


def _number_of(kv: KvRealm, place: Place) -> int:
    return kv.numbers.next_space if place.space is None else place.space.number


def kept_ends(kv: KvRealm, place: Place, fields: Iterable[bytes]) -> list[Record]:
    """The facts that fields which are set end as they did before."""
    records: list[Record] = []
    for field in fields:
        end_ms = 0 if place.entry is None else kv.field_end(place.entry, field)
        if end_ms > place.now_ms:
            number = _number_of(kv, place)
            records.append(facts.KvFieldEndsSet(number, place.key, [field], end_ms))
    return records


def with_ends(decision: Decision, ends: list[Record]) -> Decision:
    """The same, and then the ends of fields."""
    if decision.records:
        decision.records.extend(ends)
    return decision


def decide_map_add(world: World, command: KvMapIncrement | KvMapAdd, now: int) -> Decision:
    """Add to a number in a field, whole or decimal."""
    wrong = bad_members((command.field,))
    if wrong is not None:
        return wrong
    found = place_to_write(world, command.space, command.key, MAP, now)
    if isinstance(found, Decision):
        return found
    kv = world.state.kv
    total = sum_of(value_of(kv, found, command.field), command.by)
    if total is None:
        return no_sum(command.by, found.group)
    pairs = {command.field: total}
    ends = kept_ends(kv, found, pairs)
    reply = summed(total, command.by, kv.numbers.versions + 1 + len(ends))
    return with_ends(set_members(world, found, MAP, pairs, reply), ends)


def decide_set_add(world: World, command: KvSetAdd, now: int) -> Decision:
    """Members of a set."""
    wrong = bad_members(command.members)
    if wrong is not None:
        return wrong
    found = place_to_write(world, command.space, command.key, SET, now)
    if isinstance(found, Decision):
        return found
    new: dict[bytes, bytes] = {}
    for member in command.members:
        if value_of(world.state.kv, found, member) is None:
            new[member] = b""
    reply = KvCounted(len(new))
    return set_members(world, found, SET, new, reply)


def place_to_write(world: World, space: str, key: bytes, kind: int, now: int) -> Place | Decision:
    """Where a collection is or is to be, or the refusal."""
    wrong = bad_key(key) or no_room(world)
    if wrong is not None:
        return wrong
    place = look(world.state.kv, space, key, now)
    if place.entry is not None and place.entry.kind != kind:
        return wrong_kind(key, place.entry, kind, place.group)
    return place


def set_members(
    world: World,
    place: Place,
    kind: int,
    pairs: dict[bytes, bytes],
    reply: KvCounted | KvNumber | KvDecimal,
) -> Decision:
    """The facts of members with their values."""
    if not pairs:
        return Decision([], reply, place.group)
    records = member_facts(world.state.kv, place, kind, pairs)
    return records if isinstance(records, Decision) else Decision(records, reply)


def member_facts(
    kv: KvRealm, place: Place, kind: int, pairs: dict[bytes, bytes]
) -> list[Record] | Decision:
    """The same without the answer. What has ended is deleted first, or it would live on."""
    records: list[Record] = []
    space, wrong = space_to_write(kv, place.name, records)
    if wrong is not None:
        return wrong
    key = place.key
    if place.late:
        records.append(facts.KvDeleted(space, [key]))
    records.append(facts.KvMembersSet(space, key, kind, list(pairs), list(pairs.values())))
    return records


def value_of(kv: KvRealm, place: Place, member: bytes) -> bytes | None:
    """The value of a member of the collection at a place."""
    entry = place.entry
    if entry is None:
        return None
    end_ms = kv.field_end(entry, member)
    if end_ms and end_ms <= place.now_ms:
        return None
    return kv.members.find(kv.member_key(entry.collection, member))


def place_to_read(world: World, space: str, key: bytes, kind: int, now: int) -> Place | Decision:
    """Where a collection is, with or without something there, or the refusal."""
    if kind not in COLLECTIONS:
        return bad("a collection is a MAP, a SET or SORTED")
    wrong = bad_key(key)
    if wrong is not None:
        return wrong
    place = look(world.state.kv, space, key, now)
    if place.entry is not None and place.entry.kind != kind:
        return wrong_kind(key, place.entry, kind, place.group)
    return place


def decide_members(world: World, command: KvMembers, now: int) -> Decision:
    """Values of members."""
    wrong = bad_members(command.members)
    if wrong is not None:
        return wrong
    found = place_to_read(world, command.space, command.key, command.kind, now)
    if isinstance(found, Decision):
        return found
    values = [value_of(world.state.kv, found, member) for member in command.members]
    version = version_of(found)
    if command.kind == SORTED:
        scores = [None if one is None else read_score(one) for one in values]
        return Decision([], KvScores(scores, version), found.group)
    return Decision([], KvGot(values, [version]), found.group)


def decide_remove(world: World, command: KvMembersRemove, now: int) -> Decision:
    """Members leave."""
    wrong = bad_members(command.members)
    if wrong is not None:
        return wrong
    found = place_to_read(world, command.space, command.key, command.kind, now)
    if isinstance(found, Decision):
        return found
    kv = world.state.kv
    wanted = dict.fromkeys(command.members)
    there = [member for member in wanted if value_of(kv, found, member) is not None]
    counted = KvCounted(len(there))
    if not there:
        return Decision([], counted, found.group)
    return Decision(removal(found, there), counted)


def removal(place: Place, members: Sequence[bytes]) -> list[Record]:
    """The fact that members left."""
    assert place.space is not None, "members were there"
    return [facts.KvMembersRemoved(place.space.number, place.key, list(members))] if members else []


def decide_members_scan(world: World, command: KvMembersScan, now: int) -> Decision:
    """Some members, and where to go on."""
    wrong = bad_scan(command.cursor, command.count, command.pattern)
    if wrong is not None:
        return wrong
    found = place_to_read(world, command.space, command.key, command.kind, now)
    if isinstance(found, Decision):
        return found
    if found.entry is None:
        return Decision([], KvMembersScanned([], [], [], 0), found.group)
    tree = world.state.kv.members
    prefix = members_key(found.entry.collection) + BY_HASH
    pairs, cursor = scanned(tree, prefix, command.cursor, command.count)
    if command.pattern is not None:
        pattern = Pattern(command.pattern)
        pairs = [pair for pair in pairs if pattern.matches(pair[0][17:])]
    pairs = _alive(world.state.kv, found, pairs)
    return Decision([], _told(command.kind, pairs, cursor), found.group)


def decide_members_random(world: World, command: KvMembersRandom, now: int) -> Decision:
    """Different members by chance."""
    most = KV_BATCH_MAX if command.remove else KV_READ_MAX
    if not 0 <= command.count <= most:
        return bad(f"one command takes at most {most:,} members by chance")
    found = place_to_read(world, command.space, command.key, command.kind, now)
    if isinstance(found, Decision):
        return found
    if found.entry is None or not command.count:
        return Decision([], KvMembersScanned([], [], [], 0), found.group)
    pairs = _alive(world.state.kv, found, _by_chance(world.state.kv, found.entry, command.count))
    told = _told(command.kind, pairs, 0)
    if command.remove:
        return Decision(removal(found, told.members), told)
    return Decision([], told, found.group)


def _by_chance(kv: KvRealm, entry: Entry, count: int) -> Pairs:
    """Those at or behind places chosen by chance."""
    prefix = members_key(entry.collection) + BY_HASH
    stop = after(prefix)
    if count >= entry.count:
        return kv.members.walk(prefix, stop, 0, entry.count)
    chosen: dict[bytes, bytes] = {}
    for _ in range(count * FOUND_BY_CHANCE_MAX):
        pairs = kv.members.walk(prefix + chance(kv), stop, 0, 1)
        if not pairs:
            pairs = kv.members.walk(prefix, stop, 0, 1)
        chosen[pairs[0][0]] = pairs[0][1]
        if len(chosen) == count:
            return list(chosen.items())
    for full, value in kv.members.walk(prefix, stop, 0, count + len(chosen)):
        if len(chosen) < count:
            chosen[full] = value
    return list(chosen.items())


def _alive(kv: KvRealm, place: Place, pairs: Pairs) -> Pairs:
    """Those whose end has not come."""
    entry = place.entry
    if entry is None or not entry.fields_end:
        return pairs
    alive: Pairs = []
    for pair in pairs:
        end_ms = kv.field_end(entry, pair[0][17:])
        if not end_ms or end_ms > place.now_ms:
            alive.append(pair)
    return alive


def _told(kind: int, pairs: Pairs, cursor: int) -> KvMembersScanned:
    members = [full[17:] for full, _ in pairs]
    values = [value for _, value in pairs] if kind == MAP else []
    scores = [read_score(value) for _, value in pairs] if kind == SORTED else []
    return KvMembersScanned(members, values, scores, cursor)
