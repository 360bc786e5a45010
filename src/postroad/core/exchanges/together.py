"""Publishes to one exchange that came in one turn, decided as one.

One rule: everybody is told what deciding one by one would have told; where any of it is refused,
they are decided one by one. Compiled by mypyc where possible.
"""

from collections.abc import Sequence
from typing import Any

from postroad.core.decision import World
from postroad.core.exchanges.publish import decide_publish_to
from postroad.core.records import Record
from postroad.model.ask import Ask
from postroad.model.exchanges import PublishTo, Routed, RoutedGroup
from postroad.model.sound import unsound


def publishes_go_together(one: Any, other: Any) -> bool:
    """Whether two publishes may be decided as one: to one exchange, with bodies and heads only.
    They may be unsound."""
    same = one.exchange == other.exchange and one.skip_full == other.skip_full
    return bool(same and _is_plain(one) and _is_plain(other))


def _is_plain(one: PublishTo) -> bool:
    own = (one.keys, one.priorities, one.dedup_ids, one.more_keys, one.delays_ms, one.ttls_ms)
    if one.mandatory or one.skip_refusing or one.repeated_ms is not None:
        return False
    return not any(column is not None for column in own)


def publishes_of(
    world: World, asks: list[Ask], now: int
) -> "tuple[list[Record], list[Routed]] | None":
    """The facts of publishes that `publishes_go_together` and the answer to each, or `None` where
    they must be decided one by one."""
    routing_keys: list[str] = []
    bodies: list[bytes] = []
    heads: list[bytes] = []
    counts: list[int] = []
    for ask in asks:
        one = ask.command
        if not isinstance(one, PublishTo) or unsound(one) is not None:
            return None
        count = len(one.bodies)
        if not count or len(one.routing_keys) not in (1, count):
            return None
        if one.heads is not None and len(one.heads) != count:
            return None
        alone = len(one.routing_keys) == 1
        routing_keys.extend(list(one.routing_keys) * count if alone else one.routing_keys)
        bodies.extend(one.bodies)
        heads.extend([b""] * count if one.heads is None else one.heads)
        counts.append(count)
    first = asks[0].command
    assert isinstance(first, PublishTo), "each of them is one"
    if len(set(routing_keys)) == 1:
        routing_keys = routing_keys[:1]
    told = heads if any(heads) else None
    command = PublishTo(first.exchange, routing_keys, bodies, told, skip_full=first.skip_full)
    decision = decide_publish_to(world, command, now)
    reply = decision.reply
    # Without a fact nothing is written, and who waits for that would never be answered.
    if not isinstance(reply, Routed) or not decision.records:
        return None
    return decision.records, _parts(reply, counts)


def _parts(routed: Routed, counts: list[int]) -> list[Routed]:
    """What each of the publishes came to, of so many messages each."""
    owner = [number for number, count in enumerate(counts) for _ in range(count)]
    firsts = [0] * len(counts)
    for number in range(1, len(counts)):
        firsts[number] = firsts[number - 1] + counts[number - 1]
    groups: list[list[RoutedGroup]] = [[] for _ in counts]
    for group in routed.groups:
        which: Sequence[int] = range(len(owner)) if group.indexes is None else group.indexes
        at = 0
        while at < len(which):
            number = owner[which[at]]
            stop = at + 1
            while stop < len(which) and owner[which[stop]] == number:
                stop += 1
            indexes = [index - firsts[number] for index in which[at:stop]]
            groups[number].append(_part(group, indexes, at, stop, counts[number]))
            at = stop
    lost: list[list[int]] = [[] for _ in counts]
    for index in routed.unroutable:
        lost[owner[index]].append(index - firsts[owner[index]])
    full: list[list[int]] = [[] for _ in counts]
    for index in routed.full:
        full[owner[index]].append(index - firsts[owner[index]])
    return [
        Routed(tuple(mine), tuple(gone), routed.published_ms, tuple(refused))
        for mine, gone, refused in zip(groups, lost, full, strict=True)
    ]


def _part(group: RoutedGroup, indexes: list[int], at: int, stop: int, count: int) -> RoutedGroup:
    """A group's messages from its `at`th to before its `stop`th, of a publish of `count`."""
    all_of_it = None if len(indexes) == count else indexes
    if group.offsets is None:
        places = tuple([(id, first + at) for id, first in group.places])
        return RoutedGroup(all_of_it, places)
    offsets = group.offsets[at:stop]
    return RoutedGroup(all_of_it, ((group.places[0][0], offsets[0]),), offsets)
