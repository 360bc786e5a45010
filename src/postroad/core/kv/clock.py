"""What time does to keys: ends, and the freeing of what is gone, in slices.

One rule: a key whose end has come is invisible at once; it is only its room that waits for a slice.
"""

from postroad.core.decision import World
from postroad.core.kv.records import KvExpired, KvSwept
from postroad.core.records import Record
from postroad.limits import KV_EXPIRE_SLICE, KV_SWEEP_SLICE


def next_kv_ms(world: World) -> int:
    """When there is something to do, in ms; 0 for never."""
    place = world.state.kv.next_due()
    return max(1, int.from_bytes(place[:8], "big")) if place else 0


def kv_slice(world: World, now: int) -> list[Record]:
    """The next piece of it."""
    due_ms = int.from_bytes(world.state.kv.next_due()[:8], "big")
    if not due_ms:
        return [KvSwept(KV_SWEEP_SLICE)]
    return [KvExpired(now, KV_EXPIRE_SLICE)]
