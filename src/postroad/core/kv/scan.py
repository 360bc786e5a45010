"""Commands about many keys or none in particular: scan, random, count, flush, spaces.

One rule: a cursor is a place in the order of hashes, so that whatever is there all the time is met
exactly once, however pages split and join meanwhile.
"""

from postroad.core.decision import Decision, World
from postroad.core.kv import records as facts
from postroad.core.kv.entry import after, expiry_of, kind_of, root_key
from postroad.core.kv.glob import Pattern
from postroad.core.kv.look import bad
from postroad.core.kv.state import KvRealm
from postroad.core.kv.tree import Tree
from postroad.core.retry import dice
from postroad.limits import KV_KEY_BYTES_MAX, KV_READ_MAX
from postroad.model.kv import KvCount, KvFlush, KvRandom, KvScan, KvSpaces
from postroad.model.kv_replies import KvCounted, KvScanned, KvSpacesListed

HASH_MAX = 2**64 - 1
Pairs = list[tuple[bytes, bytes]]


def decide_scan(world: World, command: KvScan, now: int) -> Decision:
    """Some keys, and where to go on."""
    wrong = bad_scan(command.cursor, command.count, command.pattern)
    if wrong is not None:
        return wrong
    kv = world.state.kv
    space = kv.by_name.get(command.space)
    if space is None:
        return Decision([], KvScanned([], 0), 0)
    prefix = root_key(space.root)
    found, cursor = scanned(kv.entries, prefix, command.cursor, command.count)
    pattern = None if command.pattern is None else Pattern(command.pattern)
    keys: list[bytes] = []
    for full, packed in found:
        key = full[12:]
        if command.kind and kind_of(packed) != command.kind:
            continue
        if not is_over(packed, now) and (pattern is None or pattern.matches(key)):
            keys.append(key)
    return Decision([], KvScanned(keys, cursor), world.state.changed)


def bad_scan(cursor: int, count: int, pattern: bytes | None) -> Decision | None:
    """Why a scan is none."""
    if not 0 <= cursor <= HASH_MAX:
        return bad("a cursor is one that a scan gave, or 0")
    if not 1 <= count <= KV_READ_MAX:
        return bad(f"a scan looks at 1 to {KV_READ_MAX:,} at a time")
    if pattern is not None and (not isinstance(pattern, bytes) or len(pattern) > KV_KEY_BYTES_MAX):
        return bad(f"a pattern is at most {KV_KEY_BYTES_MAX:,} bytes")
    return None


def scanned(tree: Tree, prefix: bytes, cursor: int, count: int) -> tuple[Pairs, int]:
    """About `count` entries whose hash is at least the cursor; the next cursor, 0 at the end."""
    stop = after(prefix)
    found = tree.walk(prefix + cursor.to_bytes(8, "big"), stop, 0, count)
    if len(found) < count:
        return found, 0
    last = found[-1][0]
    size = len(prefix)
    place = int.from_bytes(last[size : size + 8], "big")
    if place < HASH_MAX:
        stop = prefix + (place + 1).to_bytes(8, "big")
    # Those of the same hash belong together: the next cursor is behind all of them.
    found.extend(tree.walk(last + b"\x00", stop, 0, KV_READ_MAX))
    return found, 0 if place == HASH_MAX else place + 1


def is_over(packed: bytes, now: int) -> bool:
    """Whether an entry's end has come."""
    expires_ms = expiry_of(packed)
    return 0 < expires_ms <= now


def chance(kv: KvRealm) -> bytes:
    """Eight bytes that look like chance, other ones each time. What is counted here is no state: a
    decider may."""
    kv.asked += 1
    return dice(kv.catalog.salt, kv.asked, kv.numbers.versions).to_bytes(8, "big")


def decide_random(world: World, command: KvRandom, now: int) -> Decision:
    """Some key: the first at or behind a place chosen by chance."""
    kv = world.state.kv
    space = kv.by_name.get(command.space)
    if space is None:
        return Decision([], KvScanned([], 0), 0)
    prefix = root_key(space.root)
    for start in (prefix + chance(kv), prefix):
        for full, packed in kv.entries.walk(start, after(prefix), 0, KV_READ_MAX):
            if not is_over(packed, now):
                return Decision([], KvScanned([full[12:]], 0), kv.entries.touched(full))
    return Decision([], KvScanned([], 0), kv.entries.touched(prefix))


def decide_count(world: World, command: KvCount, _now: int) -> Decision:
    """How many keys."""
    space = world.state.kv.by_name.get(command.space)
    count = 0 if space is None else space.count
    return Decision([], KvCounted(count), world.state.changed)


def decide_flush(world: World, command: KvFlush, _now: int) -> Decision:
    """All keys of a space."""
    space = world.state.kv.by_name.get(command.space)
    if space is None or not space.count:
        return Decision([], KvCounted(0), world.state.changed)
    return Decision([facts.KvFlushed(space.number)], KvCounted(space.count))


def decide_spaces(world: World, _command: KvSpaces, _now: int) -> Decision:
    """Names and counts."""
    found = sorted((space.name, space.count) for space in world.state.kv.spaces.values())
    return Decision([], KvSpacesListed(found), world.state.changed)
