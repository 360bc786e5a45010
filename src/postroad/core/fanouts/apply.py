"""Facts about fan-outs -> changes of state.

One rule: as in `postroad.core.apply`: total, and made of the record and the state alone. A queue
that is gone when its turn comes is passed over, and what it was to have is wanted by one less.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.fanouts import records as facts
from postroad.core.fanouts.state import Fanout
from postroad.core.queue import Queue
from postroad.core.records import Published, Record
from postroad.core.shelf import Shelf
from postroad.core.state import State

PublishTo = Callable[[State, Queue, Shelf, Published, int], None]


def fanout_began(state: State, record: facts.FanoutBegan) -> None:
    """What is published next reaches its queues in slices."""
    state.ledger.touch(state.catalog)
    state.catalog.next_id = max(state.catalog.next_id, record.fanout + 1)
    place = (record.shelf, record.first, record.count)
    fanout = Fanout(record.fanout, place, record.source)
    state.ledger.touch(fanout)
    state.fanouts.add(fanout)


def keep(state: State, fanout: Fanout, record: Published) -> None:
    """A part of what a fan-out brings."""
    state.ledger.touch(fanout)
    fanout.parts.append(
        Published(
            record.shelf,
            record.first,
            record.now_ms,
            record.sizes,
            b"",
            record.head_sizes,
            b"",
            record.dues,
            record.expires,
            record.notes,
            record.keys,
            record.priorities,
        )
    )


def advance(state: State, record: facts.FanoutAdvanced, publish_to: PublishTo) -> None:
    """The next queues get what a fan-out brings."""
    fanouts = state.fanouts
    fanout = fanouts.all[record.fanout]
    state.ledger.touch(fanout)
    stop = fanout.at + record.queues
    assert stop <= len(fanout.queues), "a fan-out has an end"
    shelf = state.shelves[fanout.shelf]
    reached: list[tuple[int, int]] = []
    parts = [(part, len(part.sizes) >> 2) for part in fanout.parts]
    for part, _ in parts:
        # In a queue it is as old as its stay there.
        part.now_ms = record.now_ms
    queues = state.queues
    for id in fanout.queues[fanout.at : stop]:
        queue = queues.get(id)
        if queue is None:
            shelf.release(fanout.first, fanout.count)
            continue
        reached.append((id, queue.next_offset))
        for part, count in parts:
            publish_to(state, queue, shelf, part, count)
    fanout.at = stop
    fanouts.reached = reached
    if not fanout.to_go:
        state.ledger.drop(fanout)
        fanouts.remove(fanout)


APPLY: dict[type[Record], Callable[[State, Any], None]] = {facts.FanoutBegan: fanout_began}
