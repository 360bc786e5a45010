"""How an engine is set up.

One rule: every setting has a default that is safe; what is weaker has to be asked for by name.
"""

from postroad.limits import (
    CACHE_BYTES,
    FANOUT_QUEUES_MAX,
    JOURNAL_BYTES,
    KV_BYTES_MAX,
    LOOP_WRITE_US,
    RECORDS_BETWEEN_CHECKPOINTS,
    RESERVE_BYTES,
    SEGMENT_BYTES,
    SYNC_INTERVAL_MS,
    WEBHOOK_QUEUES_MAX,
)
from postroad.model.value import value

SYNC_ALWAYS = "always"
SYNC_INTERVAL = "interval"
SYNC_NEVER = "never"
SYNCS = (SYNC_ALWAYS, SYNC_INTERVAL, SYNC_NEVER)


@value
class EngineSettings:
    """`sync`: when an append is durable: before it is acknowledged (always), every
    `sync_interval_ms`, or when the operating system pleases (never). Sizes in bytes: `cache_bytes`
    of bodies in memory, `journal_bytes` the bound of all the journal has on disk, `segment_bytes`
    and `reserve_bytes` of its files; `kv_bytes` of keys, which all are in memory. `pushes_max`:
    most queues that are pushed.
    `loop_write_us`: while an append takes no longer in the mean, an event loop does it itself
    instead of waking a thread; 0: never. `fanout_queues_max`: to more queues a publish gets there
    in slices, of so many queues each."""

    sync: str = SYNC_ALWAYS
    sync_interval_ms: int = SYNC_INTERVAL_MS
    cache_bytes: int = CACHE_BYTES
    journal_bytes: int = JOURNAL_BYTES
    segment_bytes: int = SEGMENT_BYTES
    reserve_bytes: int = RESERVE_BYTES
    records_between_checkpoints: int = RECORDS_BETWEEN_CHECKPOINTS
    kv_bytes: int = KV_BYTES_MAX
    pushes_max: int = WEBHOOK_QUEUES_MAX
    loop_write_us: int = LOOP_WRITE_US
    fanout_queues_max: int = FANOUT_QUEUES_MAX


DURABILITY = {
    SYNC_ALWAYS: "fdatasync before every acknowledgement",
    SYNC_INTERVAL: "acknowledged before fdatasync: a power cut may lose the last interval",
    SYNC_NEVER: "never synced by us: a power cut may lose what the system had not written",
}
"""What each setting means for what was acknowledged, for the banner."""
