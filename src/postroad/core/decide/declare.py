"""Declare, change, delete, purge, describe and list queues.

One rule: declaring again is fine as long as what the caller cares about agrees.
"""

from msgspec.structs import replace

from postroad.core import records as facts
from postroad.core.bits import pack_mask
from postroad.core.decide.pick import pick_ready
from postroad.core.decision import Decision, World, no_such_queue, refuse
from postroad.core.lists.records import ListBegun
from postroad.core.queue import Queue
from postroad.limits import (
    DELIVERIES_MAX,
    DURATION_MS_MAX,
    KEY_LENGTH_MAX,
    PRIORITY_MAX,
    QUEUES_MAX,
    RATE_MAX,
)
from postroad.model.commands import (
    ChangeQueue,
    DeclareQueue,
    DeleteQueue,
    DescribeQueue,
    ListQueues,
    PurgeQueue,
)
from postroad.model.names import bad_name
from postroad.model.policy import (
    BACKOFFS,
    DEDUP_SCOPES,
    KINDS,
    OVERFLOWS,
    RETRY_WHENS,
    QueueSettings,
)
from postroad.model.replies import Declared, Described, Done, Listed, Purged, Why
from postroad.model.sound import unsound_settings

COUNT_MAX = 2**63 - 1
"""A bound above this says nothing, and does not fit into a row."""
BOUNDS = {
    "retention_ms": DURATION_MS_MAX,
    "deliveries_max": DELIVERIES_MAX,
    "length_max": COUNT_MAX,
    "bytes_max": COUNT_MAX,
    "message_bytes_max": COUNT_MAX,
    "leased_max": COUNT_MAX,
    "dedup_window_ms": DURATION_MS_MAX,
    "key_leased_max": COUNT_MAX,
    "per_second": RATE_MAX,
    "key_per_second": RATE_MAX,
    "expires_ms": DURATION_MS_MAX,
    "keep_settled_ms": DURATION_MS_MAX,
    "priority_max": PRIORITY_MAX,
}
"""Settings that are a positive number or nothing, and the most each may be."""


def decide_declare(world: World, command: DeclareQueue, now: int) -> Decision:
    """Make a queue exist."""
    state = world.state
    wrong = unsound_settings(command.settings)
    if wrong is not None:
        return refuse(Why.BAD_SETTINGS, wrong)
    known = state.by_name.get(command.name)
    if known is not None:
        return _compare(known, command)
    if command.name in state.topics.by_name:
        return refuse(Why.NAME_TAKEN, f"a topic has the name `{command.name}`", state.changed)
    wrong = bad_name(command.name)
    if wrong is not None:
        return refuse(Why.BAD_NAME, wrong)
    wrong = bad_settings(command.settings) or _own_dead_letters(command.name, command.settings)
    if wrong is not None:
        return refuse(Why.BAD_SETTINGS, wrong)
    if len(state.queues) >= QUEUES_MAX:
        return refuse(Why.BAD_COMMAND, f"there are {QUEUES_MAX:,} queues; delete some first")
    record = facts.QueueDeclared(
        state.catalog.next_id,
        command.name,
        command.settings,
        command.extras or {},
        command.labels or {},
        now,
    )
    return Decision([record], Declared(record.queue, True))


def _compare(queue: Queue, command: DeclareQueue) -> Decision:
    for name in command.compare:
        if name in QueueSettings.__struct_fields__:
            same = getattr(queue.settings, name) == getattr(command.settings, name)
        else:
            same = queue.extras.get(name) == (command.extras or {}).get(name)
        if not same:
            text = f"queue `{queue.name}` exists with another `{name}`"
            return refuse(Why.SETTINGS_DIFFER, text, queue.touched)
    if queue.passing:
        stays = ListBegun(queue.id, queue.list_end, False)
        return Decision([stays], Declared(queue.id, False))
    return Decision([], Declared(queue.id, False), queue.touched)


def decide_change(world: World, command: ChangeQueue, now: int) -> Decision:
    """Set settings, extras and labels."""
    queue = world.state.by_name.get(command.name)
    if queue is None:
        return no_such_queue(world.state, command.name)
    settings = queue.settings
    if command.settings is not None:
        wrong = unsound_settings(command.settings) or _unknown(command.only)
        if wrong is None:
            settings = _meant(queue.settings, command.settings, command.only)
            wrong = bad_settings(settings) or _own_dead_letters(command.name, settings)
        if wrong is not None:
            return refuse(Why.BAD_SETTINGS, wrong, queue.touched)
    if settings.kind != queue.settings.kind:
        text = f"queue `{queue.name}` is and stays of kind {queue.settings.kind}"
        return refuse(Why.BAD_SETTINGS, text, queue.touched)
    if settings.priority_max != queue.settings.priority_max:
        text = f"the highest priority of queue `{queue.name}` was said when it was declared"
        return refuse(Why.BAD_SETTINGS, text, queue.touched)
    if queue.list_end and (settings.key_leased_max or settings.key_per_second):
        text = f"queue `{queue.name}` is a list, which knows no keys"
        return refuse(Why.BAD_SETTINGS, text, queue.touched)
    if settings.exclusive != queue.settings.exclusive:
        text = f"whether queue `{queue.name}` is exclusive was said when it was declared"
        return refuse(Why.BAD_SETTINGS, text, queue.touched)
    extras = _merged(queue.extras, command.extras)
    labels = _merged(queue.labels, command.labels)
    return Decision([facts.QueueChanged(queue.id, settings, extras, labels, now)], Done())


def _unknown(names: tuple[str, ...] | None) -> str | None:
    for name in names or ():
        if name not in QueueSettings.__struct_fields__:
            return f"a queue has no setting `{name}`"
    return None


def _meant(
    old: QueueSettings, wanted: QueueSettings, only: tuple[str, ...] | None
) -> QueueSettings:
    if only is None:
        return wanted
    return replace(old, **{name: getattr(wanted, name) for name in only})


def _own_dead_letters(name: str, settings: QueueSettings) -> str | None:
    """What is dead would stay where it is, for ever on its way."""
    if settings.dead_letter_queue == name:
        return f"queue `{name}` cannot be its own dead-letter queue"
    return None


def _merged(old: dict[str, str], changes: dict[str, str | None] | None) -> dict[str, str]:
    merged = dict(old)
    for name, text in (changes or {}).items():
        if text is None:
            merged.pop(name, None)
        else:
            merged[name] = text
    return merged


def bad_settings(settings: QueueSettings) -> str | None:
    """What is wrong with settings, in one line, or `None`."""
    for name in ("lease_ms", "delay_ms", "wait_ms"):
        if not 0 <= getattr(settings, name) <= DURATION_MS_MAX:
            return f"`{name}` is from 0 to {DURATION_MS_MAX:,}"
    for name, most in BOUNDS.items():
        bound = getattr(settings, name)
        if bound is not None and not 1 <= bound <= most:
            return f"`{name}` is from 1 to {most:,}, or not set"
    if settings.ttl_ms is not None and not 0 <= settings.ttl_ms <= DURATION_MS_MAX:
        return f"`ttl_ms` is from 0 to {DURATION_MS_MAX:,}, or not set"
    for word, words, name in (
        (settings.overflow, OVERFLOWS, "overflow"),
        (settings.retry.backoff, BACKOFFS, "retry.backoff"),
        (settings.retry.when, RETRY_WHENS, "retry.when"),
        (settings.kind, KINDS, "kind"),
        (settings.dedup_scope, DEDUP_SCOPES, "dedup_scope"),
    ):
        if word not in words:
            return f"`{name}` is one of {', '.join(words)}"
    for bound in (settings.retry.delay_ms, settings.retry.delay_ms_max):
        if not 0 <= bound <= DURATION_MS_MAX:
            return f"`retry` delays are from 0 to {DURATION_MS_MAX:,}"
    return _bad_dead_letters(settings)


def _bad_dead_letters(settings: QueueSettings) -> str | None:
    queue, exchange = settings.dead_letter_queue, settings.dead_letter_exchange
    if queue is not None and exchange is not None:
        return "dead letters go to a `dead_letter_queue` or a `dead_letter_exchange`, not to both"
    if queue is not None:
        return bad_name(queue)
    key = settings.dead_letter_routing_key
    if exchange is None:
        return None if key is None else "`dead_letter_routing_key` wants a `dead_letter_exchange`"
    if key is not None and len(key) > KEY_LENGTH_MAX:
        return f"`dead_letter_routing_key` has at most {KEY_LENGTH_MAX:,} characters"
    return bad_name(exchange) if exchange else None


def decide_delete(world: World, command: DeleteQueue, now: int) -> Decision:
    """Remove a queue and all it holds."""
    queue = world.state.by_name.get(command.name)
    if queue is None:
        return no_such_queue(world.state, command.name)
    if command.if_unused and world.attached(queue.id):
        text = f"queue `{queue.name}` has consumers; detach them first"
        return refuse(Why.QUEUE_IN_USE, text, queue.touched)
    if command.if_empty and queue.pages.length:
        text = f"queue `{queue.name}` holds messages; settle or purge them first"
        return refuse(Why.QUEUE_NOT_EMPTY, text, queue.touched)
    records: list[facts.Record] = [
        facts.MoveTaskEnded(task.id, "failed", "the queue was deleted", now)
        for task in world.state.tasks.values()
        if task.status == "running" and queue.id in (task.source, task.target)
    ]
    return Decision([*records, facts.QueueDeleted(queue.id)], Done())


def decide_purge(world: World, command: PurgeQueue, _now: int) -> Decision:
    """Drop all a queue holds."""
    queue = world.state.by_name.get(command.name)
    if queue is None:
        return no_such_queue(world.state, command.name)
    count = queue.pages.length
    kept = 0 if queue.past is None else queue.past.count
    if command.ready_only and must_leave_some(queue):
        return _purge_ready(queue)
    if not count and not kept:
        return Decision([], Purged(0), queue.touched)
    return Decision([facts.Purged(queue.id, queue.next_offset)], Purged(count))


def must_leave_some(queue: Queue) -> bool:
    """Whether a queue has more than what is ready."""
    kept = 0 if queue.past is None else queue.past.count
    return kept > 0 or queue.pages.length != queue.pages.ready


def _purge_ready(queue: Queue) -> Decision:
    """Drop what is ready where something else must stay: a fact for each page."""
    count = queue.pages.ready
    if not count:
        return Decision([], Purged(0), queue.touched)
    records: list[facts.Record] = []
    for page, mask in pick_ready(queue, count, 0, queue.next_offset):
        first, span, packed = pack_mask(mask)
        records.append(facts.Dropped(queue.id, page.base + first, span, packed, facts.PURGED))
    return Decision(records, Purged(count))


def decide_describe(world: World, command: DescribeQueue, _now: int) -> Decision:
    """Settings and counts."""
    queue = world.state.by_name.get(command.name)
    if queue is None:
        return no_such_queue(world.state, command.name)
    described = Described(
        queue.id,
        queue.name,
        queue.settings,
        dict(queue.extras),
        dict(queue.labels),
        queue.created_ms,
        queue.changed_ms,
        queue.pages.ready,
        queue.pages.delayed,
        queue.leased,
        queue.pages.dead,
        queue.next_offset,
        world.attached(queue.id),
        changes=world.changes_of(queue),
        settled=0 if queue.past is None else queue.past.count,
    )
    return Decision([], described, queue.touched)


def decide_list(world: World, command: ListQueues, _now: int) -> Decision:
    """Names in order."""
    state = world.state
    names: list[str] = []
    more = False
    for at in range(state.names_after(command.after, command.prefix), len(state.names)):
        name = state.names[at]
        if not name.startswith(command.prefix):
            break
        if len(names) >= command.count:
            more = True
            break
        names.append(name)
    return Decision([], Listed(names, more), state.changed)
