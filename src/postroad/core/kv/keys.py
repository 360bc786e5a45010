"""Commands about whole keys: set, get, look, delete, increment, expire, rename.

One rule: conditions are looked at for all keys before anything is done for one.
"""

from collections.abc import Sequence

from postroad.core.decision import Decision, World
from postroad.core.kv import records as facts
from postroad.core.kv.entry import BYTES, LASTS
from postroad.core.kv.look import (
    Place,
    bad,
    bad_end,
    bad_key,
    bad_keys,
    bad_values,
    look,
    no_room,
    no_such_key,
    space_to_write,
    version_of,
    watch_of,
    wrong_kind,
)
from postroad.core.kv.pushes import too_many_pushes
from postroad.core.kv.sums import no_sum, sum_of, summed
from postroad.core.records import Record
from postroad.model.kv import (
    ALWAYS,
    IF_ABSENT,
    IF_GREATER,
    IF_LESS,
    IF_PRESENT,
    KvAdd,
    KvDelete,
    KvExpire,
    KvGet,
    KvIncrement,
    KvLook,
    KvRename,
    KvSet,
)
from postroad.model.kv_replies import (
    KvCounted,
    KvGot,
    KvInfo,
    KvSeen,
    KvStored,
)
from postroad.model.pushes import PUSH_SPACE

UNEVEN = "there is one condition for each key"


def decide_set(world: World, command: KvSet, now: int) -> Decision:
    """Set keys to bytes."""
    wrong = bad_keys(command.keys) or bad_values(command.values, len(command.keys))
    if wrong is None:
        wrong = no_room(world) or bad_end(command.ttl_ms, command.until_ms)
    if wrong is None:
        wrong = _bad_conditions(command, len(command.keys))
    if wrong is None and command.space == PUSH_SPACE:
        wrong = too_many_pushes(world, command, now)
    if wrong is not None:
        return wrong
    keys, values = list(command.keys), list(command.values)
    kv = world.state.kv
    if not is_plain(command):
        return _set_if(world, command, now)
    records: list[Record] = []
    space, wrong = space_to_write(kv, command.space, records)
    if wrong is not None:
        return wrong
    expires_ms = 0 if command.ttl_ms is None else now + command.ttl_ms
    records.append(facts.KvWritten(space, keys, values, expires_ms))
    first = kv.numbers.versions + 1
    versions = [first] if len(keys) == 1 else list(range(first, first + len(keys)))
    return Decision(records, KvStored(True, versions))


def is_plain(command: KvSet) -> bool:
    """Whether nothing has to be looked at first."""
    if command.only != ALWAYS or command.want_old or command.keep_ttl:
        return False
    return command.versions is None and command.equals is None and command.until_ms is None


def _set_if(world: World, command: KvSet, now: int) -> Decision:
    kv = world.state.kv
    keys = list(command.keys)
    places = [look(kv, command.space, key, now) for key in keys]
    group = max([place.group for place in places])
    old: list[bytes | None] | None = None
    if command.want_old:
        old = []
        for key, place in zip(keys, places, strict=True):
            entry = place.entry
            if entry is not None and entry.kind != BYTES:
                return wrong_kind(key, entry, BYTES, group)
            old.append(None if entry is None else entry.value)
    holds = _holds(world, places, command.versions, command.equals)
    holds = holds and _may(places, command.only)
    if not holds:
        return Decision([], KvStored(False, [version_of(one) for one in places], old), group)
    records: list[Record] = []
    space, wrong = space_to_write(kv, command.space, records)
    if wrong is not None:
        return wrong
    if command.until_ms is not None and command.until_ms <= now:
        there = [key for key, one in zip(keys, places, strict=True) if one.entry is not None]
        gone = [facts.KvDeleted(space, list(dict.fromkeys(there)))] if there else []
        return Decision([*gone], KvStored(True, [0] * len(keys), old), None if gone else group)
    expires_ms = end_of(command.ttl_ms, command.until_ms, now)
    if command.keep_ttl:
        late = [key for key, one in zip(keys, places, strict=True) if one.late]
        if late:
            records.append(facts.KvDeleted(space, list(dict.fromkeys(late))))
        expires_ms = LASTS
    records.append(facts.KvWritten(space, keys, list(command.values), expires_ms))
    first = kv.numbers.versions + 1
    return Decision(records, KvStored(True, list(range(first, first + len(keys))), old))


def _bad_conditions(command: KvSet, count: int) -> Decision | None:
    if command.keep_ttl and (command.ttl_ms is not None or command.until_ms is not None):
        return bad("a key keeps the end it has, or gets another")
    if command.only not in (ALWAYS, IF_ABSENT, IF_PRESENT):
        return bad("`only` is ALWAYS, IF_ABSENT or IF_PRESENT")
    return _uneven(command.versions, command.equals, count)


def _uneven(
    versions: Sequence[int] | None, equals: Sequence[bytes | None] | None, count: int
) -> Decision | None:
    if versions is not None and len(versions) != count:
        return bad(UNEVEN)
    if equals is not None and len(equals) != count:
        return bad(UNEVEN)
    return None


def _holds(
    world: World,
    places: list[Place],
    versions: Sequence[int] | None,
    equals: Sequence[bytes | None] | None,
) -> bool:
    """Whether all keys are as was said."""
    if versions is not None:
        for place, version in zip(places, versions, strict=True):
            now = version_of(place) if version >= 0 else watch_of(world, place)
            if now != version:
                return False
    if equals is not None:
        for place, value in zip(places, equals, strict=True):
            entry = place.entry
            if entry is None:
                if value is not None:
                    return False
            elif entry.kind != BYTES or entry.value != value:
                return False
    return True


def _may(places: list[Place], only: int) -> bool:
    if only == ALWAYS:
        return True
    return all((place.entry is None) == (only == IF_ABSENT) for place in places)


def end_of(ttl_ms: int | None, until_ms: int | None, now: int) -> int:
    """The instant of an end; 0 for never."""
    if ttl_ms is not None:
        return now + ttl_ms
    return 0 if until_ms is None else until_ms


def decide_get(world: World, command: KvGet, now: int) -> Decision:
    """The bytes under keys."""
    wrong = bad_keys(command.keys)
    if wrong is not None:
        return wrong
    values: list[bytes | None] = []
    versions: list[int] = []
    group = 0
    for key in command.keys:
        place = look(world.state.kv, command.space, key, now)
        group = max(group, place.group)
        entry = place.entry
        if entry is not None and entry.kind != BYTES:
            if not command.lenient:
                return wrong_kind(key, entry, BYTES, place.group)
            entry = None
        values.append(None if entry is None else entry.value)
        versions.append(version_of(place))
    return Decision([], KvGot(values, versions), group)


def decide_look(world: World, command: KvLook, now: int) -> Decision:
    """What there is, without the bytes."""
    wrong = bad_keys(command.keys)
    if wrong is not None:
        return wrong
    infos: list[KvInfo] = []
    group = 0
    for key in command.keys:
        place = look(world.state.kv, command.space, key, now)
        group = max(group, place.group)
        entry = place.entry
        if entry is None:
            infos.append(KvInfo(0, 0, 0, 0, watch_of(world, place)))
        else:
            size = len(entry.value) if entry.kind == BYTES else entry.count
            version = entry.version
            infos.append(KvInfo(entry.kind, version, entry.expires_ms, size, version))
    return Decision([], KvSeen(infos, now), group)


def decide_delete(world: World, command: KvDelete, now: int) -> Decision:
    """Delete keys."""
    wrong = bad_keys(command.keys) or _uneven(command.versions, command.equals, len(command.keys))
    if wrong is not None:
        return wrong
    places = [look(world.state.kv, command.space, key, now) for key in command.keys]
    group = max([place.group for place in places])
    if not _holds(world, places, command.versions, command.equals):
        return Decision([], KvCounted(0, False), group)
    pairs = zip(command.keys, places, strict=True)
    there = list(dict.fromkeys([key for key, one in pairs if one.entry is not None]))
    space = places[0].space
    if not there or space is None:
        return Decision([], KvCounted(0), group)
    return Decision([facts.KvDeleted(space.number, there)], KvCounted(len(there)))


def decide_add(world: World, command: KvIncrement | KvAdd, now: int) -> Decision:
    """Add to a number, whole or decimal."""
    ttl_ms = command.ttl_ms if isinstance(command, KvIncrement) else None
    wrong = bad_key(command.key) or bad_end(ttl_ms, None) or no_room(world)
    if wrong is not None:
        return wrong
    kv = world.state.kv
    key = command.key
    place = look(kv, command.space, key, now)
    entry = place.entry
    if entry is not None and entry.kind != BYTES:
        return wrong_kind(key, entry, BYTES, place.group)
    total = sum_of(None if entry is None else entry.value, command.by)
    if total is None:
        return no_sum(command.by, place.group)
    records: list[Record] = []
    space, wrong = space_to_write(kv, command.space, records)
    if wrong is not None:
        return wrong
    expires_ms = end_of(ttl_ms, None, now) if entry is None else entry.expires_ms
    records.append(facts.KvWritten(space, [key], [total], expires_ms))
    return Decision(records, summed(total, command.by, kv.numbers.versions + 1))


def decide_expire(world: World, command: KvExpire, now: int) -> Decision:
    """Other ends."""
    wrong = bad_keys(command.keys) or bad_end(command.ttl_ms, command.until_ms)
    if wrong is not None:
        return wrong
    if command.only not in (ALWAYS, IF_ABSENT, IF_PRESENT, IF_GREATER, IF_LESS):
        return bad("`only` is one of five")
    kv = world.state.kv
    expires_ms = end_of(command.ttl_ms, command.until_ms, now)
    never = command.ttl_ms is None and command.until_ms is None
    group = 0
    chosen: list[bytes] = []
    for key in dict.fromkeys(command.keys):
        place = look(kv, command.space, key, now)
        group = max(group, place.group)
        entry = place.entry
        if entry is not None and another_end(entry.expires_ms, expires_ms, never, command.only):
            chosen.append(key)
    space = kv.by_name.get(command.space)
    if not chosen or space is None:
        return Decision([], KvCounted(0), group)
    counted = KvCounted(len(chosen))
    if not never and expires_ms <= now:
        return Decision([facts.KvDeleted(space.number, chosen)], counted)
    return Decision([facts.KvExpirySet(space.number, chosen, expires_ms)], counted)


def another_end(old_ms: int, expires_ms: int, never: bool, only: int) -> bool:
    """Whether what ends at an instant, 0 for never, is to get this end instead."""
    if never and not old_ms:
        return False
    if only == IF_ABSENT:
        return not old_ms
    if only == IF_PRESENT:
        return old_ms > 0
    if only == IF_GREATER:
        return old_ms > 0 and (never or expires_ms > old_ms)
    if only == IF_LESS:
        return not never and (not old_ms or expires_ms < old_ms)
    return True


def decide_rename(world: World, command: KvRename, now: int) -> Decision:
    """The same under another key."""
    wrong = bad_key(command.key) or bad_key(command.new_key) or no_room(world)
    if wrong is None:
        wrong = too_many_pushes(world, command, now)
    if wrong is not None:
        return wrong
    kv = world.state.kv
    name = command.space if command.target is None else command.target
    source = look(kv, command.space, command.key, now)
    target = look(kv, name, command.new_key, now)
    group = max(source.group, target.group)
    if source.space is None or source.entry is None:
        return no_such_key(command.key, group)
    if command.only == IF_ABSENT and target.entry is not None:
        return Decision([], KvStored(False, [version_of(target)]), group)
    if source.full == target.full:
        return Decision([], KvStored(True, [source.entry.version]), group)
    records: list[Record] = []
    number, wrong = space_to_write(kv, name, records)
    if wrong is not None:
        return wrong
    records.append(facts.KvRenamed(source.space.number, command.key, number, command.new_key))
    return Decision(records, KvStored(True, [kv.numbers.versions + 1]))
