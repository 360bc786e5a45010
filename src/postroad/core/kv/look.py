"""What is under a key now, and what every command of kv asks first.

One rule: a key whose end has come is not there, whether or not its room is freed yet.
"""

from collections.abc import Sequence

from postroad.core.decision import TOO_LONG, Decision, World, refuse, too_long
from postroad.core.kv import records as facts
from postroad.core.kv.entry import Entry, read_entry
from postroad.core.kv.state import KvRealm, Space
from postroad.core.records import Record
from postroad.limits import (
    DURATION_MS_MAX,
    KV_BATCH_BYTES_MAX,
    KV_BATCH_MAX,
    KV_KEY_BYTES_MAX,
    KV_MEMBER_BYTES_MAX,
    KV_SPACES_MAX,
    KV_VALUE_BYTES_MAX,
)
from postroad.model.names import bad_name
from postroad.model.replies import Why

KINDS = ("nothing", "bytes", "a map", "a set", "a sorted set")
ROWS = (list, tuple)
INSTANT_MAX = 2 * DURATION_MS_MAX


class Place:
    """Where a key is. `entry`: what is there; `late`: something whose end has come is there.
    `group`: what a reply about it waits for."""

    __slots__ = ("entry", "full", "group", "key", "late", "name", "now_ms", "space")

    def __init__(self, name: str, key: bytes, space: Space | None, now_ms: int) -> None:
        self.name = name
        self.key = key
        self.space = space
        self.entry: Entry | None = None
        self.full = b""
        self.group = 0
        self.late = False
        self.now_ms = now_ms


def look(kv: KvRealm, name: str, key: bytes, now: int) -> Place:
    """What is under a key. A space that nobody wrote to is not there and holds nothing."""
    place = Place(name, key, kv.by_name.get(name), now)
    if place.space is not None:
        place.full = kv.full_key(place.space, key)
        place.group = kv.entries.touched(place.full)
        packed = kv.entries.find(place.full)
        if packed is not None:
            entry = read_entry(packed)
            if entry.expires_ms and entry.expires_ms <= now:
                place.late = True
            else:
                place.entry = entry
    return place


def version_of(place: Place) -> int:
    """The version of a key; 0 where it is absent."""
    return 0 if place.entry is None else place.entry.version


def watch_of(world: World, place: Place) -> int:
    """A number that says whether anything happened to a key since: its version, or for an absent
    one a number below 0 that is another after each time it, or a neighbour, was removed."""
    if place.entry is not None:
        return place.entry.version
    kv = world.state.kv
    removals = kv.removals_at(place.full) if place.full else kv.removals
    return -((world.epoch << 40) + (removals << 1) + place.late + 1)


def wrong_kind(key: bytes, entry: Entry, kind: int, group: int) -> Decision:
    """The refusal of a command about a key of another kind."""
    text = f"key {_shown(key)} holds {KINDS[entry.kind]}, not {KINDS[kind]}"
    return refuse(Why.WRONG_KIND, text, group)


def no_such_key(key: bytes, group: int) -> Decision:
    """The refusal of a command about a key, or member, that is not there."""
    return refuse(Why.NO_SUCH_KEY, f"there is no {_shown(key)}", group)


def bad(text: str) -> Decision:
    """The refusal of a command that makes no sense."""
    return refuse(Why.BAD_COMMAND, text)


def bad_key(key: object) -> Decision | None:
    """Why a key is none."""
    if not isinstance(key, bytes) or not 0 < len(key) <= KV_KEY_BYTES_MAX:
        return bad(f"a key is 1 to {KV_KEY_BYTES_MAX:,} bytes")
    return None


def bad_keys(keys: Sequence[object]) -> Decision | None:
    """Why a row of keys is none."""
    if not isinstance(keys, ROWS) or not 0 < len(keys) <= KV_BATCH_MAX:
        return bad(f"one command has 1 to {KV_BATCH_MAX:,} keys")
    for key in keys:
        if not isinstance(key, bytes) or not 0 < len(key) <= KV_KEY_BYTES_MAX:
            return bad(f"a key is 1 to {KV_KEY_BYTES_MAX:,} bytes")
    return None


def bad_members(members: Sequence[object]) -> Decision | None:
    """Why a row of members, or of fields, is none."""
    if not isinstance(members, ROWS) or not 0 < len(members) <= KV_BATCH_MAX:
        return bad(f"one command has 1 to {KV_BATCH_MAX:,} members")
    for member in members:
        if not isinstance(member, bytes) or len(member) > KV_MEMBER_BYTES_MAX:
            return bad(f"a member is at most {KV_MEMBER_BYTES_MAX:,} bytes")
    return None


def bad_values(values: Sequence[object], count: int) -> Decision | None:
    """Why a row of values, one for each of `count` keys or fields, is none."""
    if not isinstance(values, ROWS) or len(values) != count:
        return bad("there is one value for each")
    total = 0
    for one in values:
        if not isinstance(one, bytes):
            return bad("a value is bytes")
        size = len(one)
        if size > KV_VALUE_BYTES_MAX:
            return refuse(Why.TOO_LARGE, f"a value has at most {KV_VALUE_BYTES_MAX:,} bytes")
        total += size
    if total > KV_BATCH_BYTES_MAX:
        return refuse(Why.TOO_LARGE, f"one command has at most {KV_BATCH_BYTES_MAX:,} bytes")
    return None


def bad_end(ttl_ms: int | None, until_ms: int | None) -> Decision | None:
    """Why a time to live, or an end, is none."""
    if ttl_ms is not None and until_ms is not None:
        return bad("a key has a time to live or an end, not both")
    if ttl_ms is not None and ttl_ms <= 0:
        return bad("a time to live is at least 1 ms")
    if too_long(ttl_ms):
        return bad(TOO_LONG)
    if until_ms is not None and not 0 <= until_ms <= INSTANT_MAX:
        return bad(f"an end is an instant from 0 to {INSTANT_MAX:,} ms")
    return None


def no_room(world: World) -> Decision | None:
    """Why nothing can be written now."""
    if world.short_of_space:
        return refuse(Why.NO_SPACE, "the disk is almost full; free some space")
    if world.state.kv.size() > world.kv_bytes_max:
        text = f"keys take {world.kv_bytes_max:,} bytes of memory; delete some, or allow more"
        return refuse(Why.KV_FULL, text)
    return None


def space_to_write(kv: KvRealm, name: str, records: list[Record]) -> "tuple[int, Decision | None]":
    """The number of a space, with the fact that makes it where it is not there."""
    space = kv.by_name.get(name)
    if space is not None:
        return space.number, None
    wrong = bad_name(name)
    if wrong is not None:
        return 0, refuse(Why.BAD_NAME, wrong)
    if len(kv.spaces) >= KV_SPACES_MAX:
        return 0, bad(f"there are {KV_SPACES_MAX:,} spaces, no more can be made")
    number = kv.numbers.next_space
    records.append(facts.KvSpaceMade(number, name))
    return number, None


def _shown(key: bytes) -> str:
    return repr(key[:100])[1:] + ("..." if len(key) > 100 else "")
