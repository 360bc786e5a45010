"""Sets that came in one turn, decided as one: one fact, many answers.

One rule: everybody is told what deciding one by one would have told; where that is not plain at
once, they are decided one by one.
"""

from typing import Any

from postroad.core.decision import World
from postroad.core.kv import records as facts
from postroad.core.kv.keys import is_plain
from postroad.core.kv.look import bad_keys, bad_values, no_room, space_to_write
from postroad.core.records import Record
from postroad.limits import KV_BATCH_BYTES_MAX, KV_BATCH_MAX
from postroad.model.ask import Ask
from postroad.model.kv import KvSet
from postroad.model.kv_replies import KvStored
from postroad.model.pushes import PUSH_SPACE
from postroad.model.sound import unsound


def sets_go_together(one: Any, other: Any) -> bool:
    """Whether two sets may be decided as one: of one space, for ever, without conditions. They may
    be unsound."""
    if one.space != other.space or one.ttl_ms is not None or other.ttl_ms is not None:
        return False
    return is_plain(one) and is_plain(other)


def sets_of(world: World, asks: list[Ask]) -> "tuple[list[Record], list[KvStored]] | None":
    """The facts of sets that `sets_go_together` and the answer to each, or `None` where they must
    be decided one by one."""
    first = asks[0].command
    if not isinstance(first, KvSet) or no_room(world) is not None:
        return None
    if first.space == PUSH_SPACE:
        # Each is counted.
        return None
    keys: list[bytes] = []
    values: list[bytes] = []
    version = world.state.kv.numbers.versions
    stored: list[KvStored] = []
    for ask in asks:
        command = ask.command
        assert isinstance(command, KvSet)
        if unsound(command) is not None or bad_keys(command.keys) is not None:
            return None
        count = len(command.keys)
        if bad_values(command.values, count) is not None:
            return None
        keys.extend(command.keys)
        values.extend(command.values)
        versions = [version + 1] if count == 1 else list(range(version + 1, version + count + 1))
        stored.append(KvStored(True, versions))
        version += count
    if len(keys) > KV_BATCH_MAX or sum(map(len, values)) > KV_BATCH_BYTES_MAX:
        return None
    records: list[Record] = []
    space, wrong = space_to_write(world.state.kv, first.space, records)
    if wrong is not None:
        return None
    records.append(facts.KvWritten(space, keys, values, 0))
    return records, stored
