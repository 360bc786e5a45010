"""Publish: messages to one or more queues, all of it or nothing.

One rule: bodies are stored once however many queues get them; several publishes to the same queues
are one record.
"""

from collections.abc import Sequence

from postroad.core.decide.dedup import Taken, take
from postroad.core.decide.load import load_of, load_together
from postroad.core.decide.overflow import (
    has_room,
    keeps_refused,
    refused_records,
    weight_in,
)
from postroad.core.decision import TOO_LONG, Decision, World, no_such_queue, refuse, too_long
from postroad.core.queue import Queue
from postroad.core.records import Record
from postroad.core.schemas.fit import misfit_of
from postroad.core.state import State
from postroad.limits import KEY_LENGTH_MAX, MESSAGE_BYTES_MAX, PRIORITY_MAX, PUBLISH_BYTES_MAX
from postroad.model.commands import Publish
from postroad.model.policy import FIFO, OVERFLOW_REJECT_DEAD_LETTER, OVERFLOWS_REFUSING
from postroad.model.replies import Done, KnownThere, Published, Refused, Why

ACCEPTED = Decision([], Done())
"""Stands for a publish that is not refused, until it is known what it comes to."""
UNEVEN = "a publish has messages, and one entry per message in a list"


def decide_publish(world: World, command: Publish, now: int) -> Decision:
    """One publish."""
    return decide_together(world, [command], now)[0]


def decide_together(world: World, commands: list[Publish], now: int) -> list[Decision]:
    """Publishes to the same queues, as one record; the first decision has it. Only one alone may
    have delays and lives of its own."""
    found = find_queues(world.state, commands[0].queues)
    if isinstance(found, Decision):
        return [found] * len(commands)
    decisions: list[Decision] = []
    accepted: list[Publish] = []
    ahead = 0
    ahead_bytes = 0
    weighs = any(queue.settings.bytes_max is not None for queue in found)
    for command in commands:
        refusal = refusal_of(world, command, found, (ahead, ahead_bytes))
        if refusal is not None:
            decisions.append(with_the_dead(world, command, found, refusal, now))
            continue
        decisions.append(ACCEPTED)
        accepted.append(command)
        ahead += len(command.bodies)
        if weighs:
            ahead_bytes += _weight_of(found[0], command)
    if accepted:
        taken = take(world, found, load_together(world, accepted, now), now)
        _answer(found, decisions, accepted, taken, now)
    return decisions


def with_the_dead(
    world: World, command: Publish, queues: list[Queue], refusal: Decision, now: int
) -> Decision:
    """The refusal, and in the same step what becomes of the messages where a full queue refuses to
    its dead letters."""
    reply = refusal.reply
    if not isinstance(reply, Refused) or reply.why is not Why.QUEUE_FULL:
        return refusal
    records: list[Record] = []
    for queue in queues:
        if (
            keeps_refused(queue)
            and _is_full(queue, command, (0, 0))
            and _bytes_of(command) <= PUBLISH_BYTES_MAX
        ):
            first = world.state.shelves[queue.id].next
            load = load_of(world, command, now)
            records.extend(refused_records(queue, load, first, queue.next_offset, now))
    return Decision(records, reply) if records else refusal


def _answer(
    queues: list[Queue],
    decisions: list[Decision],
    accepted: list[Publish],
    taken: Taken,
    now: int,
) -> None:
    """Decide what was accepted: each publish has its part of what all of them came to."""
    records = taken.records
    group = None if records else max(queue.touched for queue in queues)
    at = 0
    fresh = dict(taken.places)
    accepted.reverse()
    for index, decision in enumerate(decisions):
        if decision is not ACCEPTED:
            continue
        count = len(accepted.pop().bodies)
        if taken.full:
            decisions[index] = refuse(Why.QUEUE_FULL, taken.full)
            continue
        places = taken.places
        targets: list[KnownThere | None] = []
        if taken.offsets:
            targets = [_target(taken, id, at, at + count, fresh) for id, _ in places]
            places = tuple([_place(*pair, at) for pair in zip(places, targets, strict=True)])
        elif at:
            places = tuple([(queue, first + at) for queue, first in places])
        decisions[index] = Decision(records, _published(places, now, targets), group)
        records = []
        at += count


def _target(
    taken: Taken, queue: int, start: int, stop: int, fresh: dict[int, int]
) -> KnownThere | None:
    """What one queue knew of the messages from `start` to before `stop`."""
    offsets = taken.offsets.get(queue)
    if offsets is None:
        return None
    known = _known(offsets[start:stop], fresh[queue])
    fresh[queue] += stop - start - len(known)
    return KnownThere(offsets[start:stop], known)


def _place(place: tuple[int, int], target: KnownThere | None, at: int) -> tuple[int, int]:
    return (place[0], place[1] + at if target is None else target.offsets[0])


def _published(
    places: tuple[tuple[int, int], ...], now: int, targets: list[KnownThere | None]
) -> Published:
    if len(targets) != 1:
        told = [one if one is not None and one.known else None for one in targets]
        return Published(places, now, targets=tuple(told) if any(told) else ())
    one = targets[0]
    return Published(places, now) if one is None else Published(places, now, one.offsets, one.known)


def _known(offsets: tuple[int, ...], fresh: int) -> tuple[int, ...]:
    """Which messages were not taken again; those that were follow each other from `fresh` on."""
    known: list[int] = []
    for at, offset in enumerate(offsets):
        if offset == fresh:
            fresh += 1
        else:
            known.append(at)
    return tuple(known)


def stand_alone(state: State, names: tuple[str, ...]) -> bool:
    """Whether publishes to these queues are decided one by one: those that tell known messages from
    new ones and are bounded, for the bound counts the new ones only; those that weigh the same
    messages otherwise than the others do; and those where what is refused is not gone."""
    for name in names:
        queue = state.by_name.get(name)
        if queue is None:
            continue
        settings = queue.settings
        if settings.overflow == OVERFLOW_REJECT_DEAD_LETTER:
            return True
        bounded = settings.length_max is not None or settings.bytes_max is not None
        if settings.limits_bodies and len(names) > 1:
            return True
        if bounded and settings.dedup_window_ms is not None:
            return True
    return False


def have_no_room(state: State, names: tuple[str, ...], decisions: list[Decision]) -> bool:
    """Whether queues that know ids refused all that was published together, so that some of it may
    have room alone."""
    queues = [state.by_name.get(name) for name in names]
    if not any(one is not None and one.settings.dedup_window_ms is not None for one in queues):
        return False
    replies = [decision.reply for decision in decisions]
    return any(isinstance(one, Refused) and one.why is Why.QUEUE_FULL for one in replies)


def find_queues(state: State, names: tuple[str, ...]) -> list[Queue] | Decision:
    """The queues of a publish, or the refusal."""
    if not names or len(set(names)) != len(names):
        return refuse(Why.BAD_COMMAND, "a publish names one queue or several different ones")
    found: list[Queue] = []
    for name in names:
        queue = state.by_name.get(name)
        if queue is None:
            return no_such_queue(state, name)
        found.append(queue)
    return found


def refusal_of(
    world: World, command: Publish, queues: list[Queue], ahead: tuple[int, int] = (0, 0)
) -> Decision | None:
    """Why a publish cannot be, or `None`. `ahead`: messages, and their bytes, that come before
    it in the same record."""
    bodies, heads = command.bodies, command.heads
    count = len(bodies)
    if not count or (heads is not None and len(heads) != count):
        return refuse(Why.BAD_COMMAND, UNEVEN)
    plain = command.delays_ms is None and command.ttls_ms is None and command.keys is None
    if not plain or command.priorities is not None or command.dedup_ids is not None:
        refusal = _bad_columns(command, count)
        if refusal is not None:
            return refusal
    if world.short_of_space:
        return refuse(Why.NO_SPACE, "the disk is almost full; free some space or consume messages")
    largest = longest(bodies)
    if heads is not None:
        largest += longest(heads)
    for queue in queues:
        refusal = _refused_by(queue, command, largest, ahead)
        if refusal is None:
            refusal = misfit_of(world, (queue.id, queue.name), bodies, queue.touched)
        if refusal is not None:
            return refusal
    if largest * count > PUBLISH_BYTES_MAX and sum(map(len, bodies)) > PUBLISH_BYTES_MAX:
        return refuse(Why.TOO_LARGE, f"one publish has at most {PUBLISH_BYTES_MAX:,} bytes")
    return None


def _refused_by(
    queue: Queue, command: Publish, largest: int, ahead: tuple[int, int]
) -> Decision | None:
    settings = queue.settings
    if command.repeated_ms is not None:
        known_ms = settings.dedup_window_ms
        if known_ms is None or known_ms <= command.repeated_ms or command.dedup_ids is None:
            text = f"queue `{queue.name}` cannot tell whether it has the messages already"
            return refuse(Why.CHANGED, text, queue.touched)
    if settings.kind == FIFO and command.delays_ms is not None:
        text = f"queue `{queue.name}` keeps its order: only the queue itself has a delay"
        return refuse(Why.BAD_COMMAND, text, queue.touched)
    most = settings.message_bytes_max
    if most is None or most > MESSAGE_BYTES_MAX:
        most = MESSAGE_BYTES_MAX
    if largest > most and _largest(command) > most:
        text = f"a message of queue `{queue.name}` has at most {most:,} bytes"
        return refuse(Why.TOO_LARGE, text, queue.touched)
    if settings.dedup_window_ms is not None:
        # What is known already takes no room: that is looked at when the others are told from it.
        return None
    if settings.overflow in OVERFLOWS_REFUSING and _is_full(queue, command, ahead):
        return refuse(Why.QUEUE_FULL, f"queue `{queue.name}` is full", queue.touched)
    return None


def longest(column: Sequence[bytes]) -> int:
    """The length of the longest."""
    # Most publishes are of one message: `max` and `map` would be the larger part of their cost.
    return len(column[0]) if len(column) == 1 else max(map(len, column))


def _bad_columns(command: Publish, count: int) -> Decision | None:
    times = (command.delays_ms, command.ttls_ms)
    texts = (command.keys, command.dedup_ids)
    levels = command.priorities
    for column in (*times, *texts, levels):
        if column is not None and len(column) != count:
            return refuse(Why.BAD_COMMAND, UNEVEN)
    if any(column is not None and too_long(*column) for column in times):
        return refuse(Why.BAD_COMMAND, TOO_LONG)
    for column in texts:
        if column is not None and max(map(len, filter(None, column)), default=0) > KEY_LENGTH_MAX:
            text = f"a key or deduplication id has at most {KEY_LENGTH_MAX:,} characters"
            return refuse(Why.BAD_COMMAND, text)
    if levels is not None and not 0 <= min(levels) <= max(levels) <= PRIORITY_MAX:
        return refuse(Why.BAD_COMMAND, f"a priority is from 0 to {PRIORITY_MAX}")
    return None


def _largest(command: Publish) -> int:
    if command.heads is None:
        return max(map(len, command.bodies))
    pairs = zip(command.bodies, command.heads, strict=True)
    return max(len(body) + len(head) for body, head in pairs)


def _is_full(queue: Queue, command: Publish, ahead: tuple[int, int]) -> bool:
    size = 0 if queue.settings.bytes_max is None else ahead[1] + _weight_of(queue, command)
    return not has_room(queue, ahead[0] + len(command.bodies), size)


def _weight_of(queue: Queue, command: Publish) -> int:
    heads = 0 if command.heads is None else sum(map(len, command.heads))
    return weight_in(queue, sum(map(len, command.bodies)), heads)


def _bytes_of(command: Publish) -> int:
    heads = 0 if command.heads is None else sum(map(len, command.heads))
    return sum(map(len, command.bodies)) + heads
