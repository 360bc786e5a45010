"""Slots -> messages: what a schedule publishes, decided as any publish is.

One rule: a refusal is noted on the schedule and never stops anything; the next slot comes all the
same.
"""

from typing import cast

import msgspec

from postroad.core.decide.publish import decide_publish
from postroad.core.decision import Decision, World
from postroad.core.exchanges.publish import decide_publish_to
from postroad.core.exchanges.source import decide_append_on
from postroad.core.records import Record
from postroad.core.schedules.records import SlotsFired
from postroad.core.schedules.slots import due_slots, fired_of, slot_after
from postroad.core.schedules.state import Timetable
from postroad.limits import SCHEDULE_FAILURE_CHARS_MAX, SCHEDULE_FANOUTS_MAX
from postroad.model.commands import Publish
from postroad.model.exchanges import TO_QUEUE, TO_TOPIC, PublishTo
from postroad.model.message import HeaderValue, plain_head
from postroad.model.replies import Refused
from postroad.model.schedules import SCHEDULE_HEADER, SLOT_HEADER
from postroad.model.topics import Append

_headers = msgspec.msgpack.Decoder(dict[str, object]).decode


def next_schedule_ms(world: World) -> int:
    """When a slot comes, in ms; 0 for never: nothing is fired while the disk is almost full, or
    while so many fan-outs are under way that slots would only add to them."""
    state = world.state
    if world.short_of_space or len(state.fanouts.all) >= SCHEDULE_FANOUTS_MAX:
        return 0
    return state.schedules.next_ms()


def schedule_slice(world: World, now: int) -> list[Record]:
    """The slots of one schedule that are due."""
    timetable = world.state.schedules.first()
    # All its slots are fired by as much later: to it, it is that much earlier.
    at_ms = now - timetable.offset_ms
    due = due_slots(world, timetable.settings, timetable.next_ms, at_ms)
    slots = fired_of(timetable.settings, due, at_ms)
    passed = len(due) - len(slots)
    next_ms = slot_after(world, timetable.settings, at_ms)
    lost = _lost(world, timetable) if not next_ms else ""
    if not slots:
        return [SlotsFired(timetable.name, 0, 0, passed, 0, next_ms, now)]
    decision = publish_slots(world, timetable, slots, now)
    failure = refusal_of(decision)
    count = len(slots)
    fired, failed = (0, count) if failure else (count, 0)
    record = SlotsFired(
        timetable.name, fired, failed, passed, slots[-1], next_ms, now, failure or lost
    )
    return [*decision.records, record]


def publish_slots(world: World, timetable: Timetable, slots: list[int], now: int) -> Decision:
    """A message for each slot, in one publish."""
    settings = timetable.settings
    bodies = [settings.body] * len(slots)
    heads = [_head(timetable, slot) for slot in slots]
    key = settings.key
    keys = None if key is None else [key] * len(slots)
    ttls_ms = None if settings.ttl_ms is None else [settings.ttl_ms] * len(slots)
    levels = None if settings.priority is None else [settings.priority] * len(slots)
    decision: Decision
    if settings.target_kind == TO_QUEUE:
        publish = Publish(
            (settings.target,), bodies, heads, ttls_ms=ttls_ms, keys=keys, priorities=levels
        )
        decision = decide_publish(world, publish, now)
    elif settings.target_kind == TO_TOPIC:
        of_topic = None if key is None else [key.encode()] * len(slots)
        decision = decide_append_on(
            world, Append(settings.target, bodies, heads, keys=of_topic), now
        )
    else:
        routing = (settings.routing_key,)
        command = PublishTo(
            settings.target,
            routing,
            bodies,
            heads,
            ttls_ms=ttls_ms,
            keys=keys,
            priorities=levels,
            mandatory=True,
        )
        decision = decide_publish_to(world, command, now)
    return decision


def refusal_of(decision: Decision) -> str:
    """Why the messages were refused, in one line; empty where they were taken."""
    reply = decision.reply
    if not isinstance(reply, Refused):
        return ""
    text = reply.text or reply.why.name.lower()
    # What a name or a filter brought along may be more than a journal can keep.
    return text.encode("utf-8", "replace").decode()[:SCHEDULE_FAILURE_CHARS_MAX]


def _head(timetable: Timetable, slot_ms: int) -> bytes:
    head = timetable.settings.head
    headers = cast("dict[str, HeaderValue]", _headers(head[1:]) if head else {})
    headers[SCHEDULE_HEADER] = timetable.name
    headers[SLOT_HEADER] = slot_ms
    return plain_head(headers)


def _lost(world: World, timetable: Timetable) -> str:
    """Why no slot is to come, where that is no end but a calendar that fails."""
    settings = timetable.settings
    fault = world.calendar.fault(settings.cron, settings.zone) if settings.cron else None
    return "" if fault is None else f"no more slots: {fault}"[:SCHEDULE_FAILURE_CHARS_MAX]
