"""What an engine tells of itself, by the names of `metrics.METRICS`.

One rule: figures are read off, never kept twice.
"""

from postroad.engine.engine import Engine
from postroad.model.pushes import PUSH_SPACE


def figures(engine: Engine) -> dict[str, float]:
    """Gauges and counters of one engine."""
    state = engine.core.state
    queues = state.queues.values()
    first, following = engine.journal.bounds()
    keeper = engine.keeper
    pushed = state.kv.by_name.get(PUSH_SPACE)
    return {
        "queues": len(state.queues),
        "messages": sum(queue.pages.length for queue in queues),
        "messages_ready": sum(queue.pages.ready for queue in queues),
        "messages_delayed": sum(queue.pages.delayed for queue in queues),
        "messages_leased": sum(queue.leased for queue in queues),
        "messages_dead": sum(queue.pages.dead for queue in queues),
        "dead_letters_dropped_total": engine.core.world.dead_dropped,
        "asks_waiting": engine.core.demand.waiting,
        "journal_groups": following - first,
        "journal_groups_total": engine.groups_written,
        "journal_bytes_total": engine.bytes_written,
        "journal_records_total": engine.records_written,
        "checkpoints_total": keeper.checkpoints_done,
        "cache_bytes": engine.cache.bytes,
        "read_cache_bytes": engine.cache.read_bytes,
        "blocks_read_ahead_total": engine.loads.ahead.blocks,
        "blocks_read_ahead_used_total": engine.cache.ahead_used,
        "store_bytes": engine.store.bytes_used(),
        "schedules": len(state.schedules.by_name),
        "schedule_slots_fired_total": state.schedules.fired,
        "schedule_slots_failed_total": state.schedules.failed,
        "schedule_late_ms": state.schedules.late_ms,
        "kv_keys": sum(space.count for space in state.kv.spaces.values()),
        "kv_bytes": state.kv.size(),
        "queue_pushes_set": 0 if pushed is None else pushed.count,
        "fanouts_under_way": len(state.fanouts.all),
        "fanout_queues_to_go": state.fanouts.to_go(),
        "publishes_held": len(engine.inbox.held),
        "short_of_space": float(engine.core.world.short_of_space),
    }
