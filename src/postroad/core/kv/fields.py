"""Fields of maps that end: their ends set and looked at.

One rule: a field whose end has come is not there, whether or not its room is freed yet.
"""

from postroad.core.decision import Decision, World
from postroad.core.kv import records as facts
from postroad.core.kv.entry import MAP
from postroad.core.kv.keys import another_end, end_of
from postroad.core.kv.look import bad, bad_end, bad_members
from postroad.core.kv.members import place_to_read, removal, value_of
from postroad.model.kv import (
    ALWAYS,
    FIELD_ABSENT,
    FIELD_CHANGED,
    FIELD_REMOVED,
    FIELD_UNCHANGED,
    IF_ABSENT,
    IF_GREATER,
    IF_LESS,
    IF_PRESENT,
    KvFieldEnds,
    KvFieldExpire,
)
from postroad.model.kv_replies import KvEndsSeen, KvEndsSet


def decide_field_expire(world: World, command: KvFieldExpire, now: int) -> Decision:
    """Other ends of fields."""
    wrong = bad_members(command.fields) or bad_end(command.ttl_ms, command.until_ms)
    if wrong is not None:
        return wrong
    if command.only not in (ALWAYS, IF_ABSENT, IF_PRESENT, IF_GREATER, IF_LESS):
        return bad("`only` is one of five")
    found = place_to_read(world, command.space, command.key, MAP, now)
    if isinstance(found, Decision):
        return found
    kv = world.state.kv
    until_ms = end_of(command.ttl_ms, command.until_ms, now)
    never = command.ttl_ms is None and command.until_ms is None
    over = not never and until_ms <= now
    results: dict[bytes, int] = {}
    for field in command.fields:
        if found.entry is None or value_of(kv, found, field) is None:
            results[field] = FIELD_ABSENT
        elif another_end(kv.field_end(found.entry, field), until_ms, never, command.only):
            results[field] = FIELD_REMOVED if over else FIELD_CHANGED
        else:
            results[field] = FIELD_UNCHANGED
    reply = KvEndsSet([results[field] for field in command.fields])
    chosen = [field for field, one in results.items() if one in (FIELD_REMOVED, FIELD_CHANGED)]
    if not chosen or found.space is None:
        return Decision([], reply, found.group)
    if over:
        return Decision(removal(found, chosen), reply)
    number = found.space.number
    return Decision([facts.KvFieldEndsSet(number, command.key, chosen, until_ms)], reply)


def decide_field_ends(world: World, command: KvFieldEnds, now: int) -> Decision:
    """When fields end."""
    wrong = bad_members(command.fields)
    if wrong is not None:
        return wrong
    found = place_to_read(world, command.space, command.key, MAP, now)
    if isinstance(found, Decision):
        return found
    kv = world.state.kv
    ends: list[int | None] = []
    for field in command.fields:
        there = found.entry is not None and value_of(kv, found, field) is not None
        ends.append(kv.field_end(found.entry, field) if there and found.entry else None)
    return Decision([], KvEndsSeen(ends, now), found.group)
