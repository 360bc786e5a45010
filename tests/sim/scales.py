"""A broker so small that everything happens often: blocks, slices and groups of a toy."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from postroad.core import burials, purges, shelf, tick
from postroad.core.decide import load, move
from postroad.core.kv import apply as kv_apply
from postroad.core.kv import clock as kv_clock
from postroad.core.kv import tree as kv_tree
from postroad.core.schedules import slots
from postroad.engine import ahead, clock, engine, keeper, loads, placer
from postroad.limits import FANOUT_QUEUES_MAX
from tests.sim.clock import VirtualTime
from tests.sim.workloads.schedules import MISSED_MAX

SMALL: list[tuple[Any, str, int]] = [
    (shelf, "BLOCK_BYTES", 4_096),
    (load, "CHUNK_BYTES_MAX", 16_384),
    (move, "MOVE_BYTES_MAX", 8_192),
    (move, "MOVE_MESSAGES_MAX", 50),
    (tick, "LAPSE_SLICE", 5),
    (burials, "DEAD_SLICE", 3),
    (tick, "PAGE_SLICE", 1),
    (purges, "PURGE_SLICE", 2),
    (kv_tree, "KV_PAGE_ENTRIES", 4),
    (kv_clock, "KV_EXPIRE_SLICE", 2),
    (kv_clock, "KV_SWEEP_SLICE", 2),
    (kv_apply, "KV_FREE_AT_ONCE", 1),
    (slots, "SCHEDULE_MISSED_MAX", MISSED_MAX),
    (engine, "GROUP_MESSAGES_BYTES", 65_536),
    (loads, "LOAD_BLOCKS", 2),
    (ahead, "LOAD_BLOCKS", 2),
    (ahead, "AHEAD_LOOK", 8),
    (ahead, "AHEAD_SHELVES", 3),
    (ahead, "AHEAD_PATIENCE", 8),
    (keeper, "CUT_ROW_BYTES", 2_048),
    (placer, "PLACE_BYTES", 32_768),
    (placer, "COMPACT_BLOCKS", 4),
    (placer, "DELETE_BLOCKS", 4),
]

AHEAD_EVERY, AHEAD_SEED = 7, 4
AHEAD_BLOCKS = 4
FANS_EVERY, FANS_SEED = 16, 5


def fanout_of(seed: int) -> int:
    """To how many queues a publish gets at once: one in sixteen stories has two for many, whatever
    its themes are; those of the others are as they were."""
    return 1 if seed % FANS_EVERY == FANS_SEED else FANOUT_QUEUES_MAX


@contextmanager
def small_world(time: VirtualTime, seed: int) -> Iterator[None]:
    """Shrink the bounds, and let the engine's clock read `time`, while it lasts. One seed in seven
    reads blocks ahead, whatever its themes are; the stories of the others are as they were."""
    most = AHEAD_BLOCKS if seed % AHEAD_EVERY == AHEAD_SEED else 0
    changes = [*SMALL, (ahead, "AHEAD_BLOCKS", most), (clock, "time", time)]
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    for module, name, small in changes:
        setattr(module, name, small)
    try:
        yield
    finally:
        for module, name, old in before:
            setattr(module, name, old)
