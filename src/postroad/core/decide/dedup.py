"""Publishes to queues that take no message twice.

One rule: a message whose id is known is not taken again, and the answer names the first; in a
publish to several queues each queue knows its own ids, so what such a queue gets rests on its own
shelf.
"""

from collections.abc import Sequence
from hashlib import blake2b, sha256

from postroad.core import records as facts
from postroad.core.decide.load import Load, chunk_records, publish_records
from postroad.core.decide.overflow import has_room, weight_in
from postroad.core.decision import World
from postroad.core.dedup import ID_BYTES, NO_ID
from postroad.core.fanouts.begin import begin_records
from postroad.core.queue import Queue
from postroad.model.policy import DEDUP_KEY, OVERFLOWS_REFUSING

Places = tuple[tuple[int, int], ...]


class Taken:
    """What a publish comes to. `places`: (queue, first offset) each, or (-number, 0) of the fan-out
    that knows them when it is over; `offsets`: by queue, of each
    message, where some were known there, -1 where it was left out; `full`: why a queue can take no
    more, and then nothing is published; `left_out`: which messages a full queue had no room for."""

    def __init__(self, records: list[facts.Record], places: Places) -> None:
        self.records = records
        self.places = places
        self.offsets: dict[int, tuple[int, ...]] = {}
        self.full = ""
        self.left_out: list[int] = []


def take(
    world: World, queues: list[Queue], load: Load, now: int, leaves_out: bool = False
) -> Taken:
    """The facts of a publish. `leaves_out`: to one queue, which gets what it has room for."""
    sifting = [queue for queue in queues if queue.settings.dedup_window_ms is not None]
    begun = None if sifting else begin_records(world, queues, load, now)
    if begun is not None:
        number, records = begun
        return Taken(records, ((-number, 0),))
    places = tuple([(queue.id, queue.next_offset) for queue in queues])
    if not sifting:
        return Taken(publish_records(world.state, queues, load, now), places)
    taken = Taken([], places)
    others = [queue for queue in queues if queue.settings.dedup_window_ms is None]
    if others:
        taken.records = publish_records(world.state, others, load, now)
    for queue in sifting:
        offsets = _sift(world, queue, load, now, taken, leaves_out)
        if taken.full:
            return taken
        if offsets is not None:
            taken.offsets[queue.id] = offsets
    return taken


def _sift(
    world: World, queue: Queue, load: Load, now: int, taken: Taken, leaves_out: bool
) -> tuple[int, ...] | None:
    """Add what is new to one queue; the offset of every message, or `None` when all are new."""
    window = queue.settings.dedup_window_ms
    assert window is not None, "asked only of queues with a window"
    ids = _ids(world, queue, load)
    known: dict[bytes, int] = {}
    fresh: list[int] = []
    offsets: list[int] = []
    size = 0
    for at, id in enumerate(ids):
        offset = _known_at(queue, known, id, now)
        if offset < 0:
            size += _size_of(queue, load, at)
            if leaves_out and _is_over(queue, len(fresh) + 1, size):
                size -= _size_of(queue, load, at)
                taken.left_out.append(at)
                offsets.append(-1)
                continue
            offset = queue.next_offset + len(fresh)
            known[id] = offset
            fresh.append(at)
        offsets.append(offset)
    wanted = sum([ids[at] != NO_ID for at in fresh])
    if wanted > queue.dedup.room(now, window, wanted):
        taken.full = f"queue `{queue.name}` can remember no more deduplication ids"
        return None
    if fresh and _is_over(queue, len(fresh), size):
        taken.full = f"queue `{queue.name}` is full"
        return None
    if fresh:
        part = load.part(fresh)
        part.ids = b"".join([ids[at] for at in fresh])
        shelf = world.state.shelves[queue.id]
        taken.records.extend(chunk_records(queue.id, shelf.next, part, now))
    return None if len(fresh) == len(ids) else tuple(offsets)


def _known_at(queue: Queue, known: dict[bytes, int], id: bytes, now: int) -> int:
    """Where the message of an id is, before this publish or in it; -1: nowhere."""
    if id == NO_ID:
        return -1
    offset = known.get(id, -1)
    window = queue.settings.dedup_window_ms
    if offset < 0 and window is not None:
        offset = queue.dedup.find(id, now, window)
    return offset


def _size_of(queue: Queue, load: Load, at: int) -> int:
    """The bytes of a message, where the queue counts them."""
    if queue.settings.bytes_max is None:
        return 0
    return weight_in(queue, len(load.bodies[at]), 0 if load.heads is None else len(load.heads[at]))


def _is_over(queue: Queue, count: int, size: int) -> bool:
    """Whether so many messages of so many bytes are more than a queue takes."""
    refusing = queue.settings.overflow in OVERFLOWS_REFUSING
    return refusing and not has_room(queue, count, size)


def _ids(world: World, queue: Queue, load: Load) -> list[bytes]:
    """The ids of messages, as the queue remembers them."""
    settings = queue.settings
    salt = world.state.catalog.salt
    by_key = settings.dedup_scope == DEDUP_KEY
    texts: Sequence[str | None] = load.dedup_ids or [None] * len(load.bodies)
    found: list[bytes] = []
    for at, given in enumerate(texts):
        if given is None and not settings.dedup_by_content:
            found.append(NO_ID)
            continue
        text = sha256(load.bodies[at]).hexdigest() if given is None else given
        key = load.keys[at] if by_key and load.keys is not None else 0
        said = key.to_bytes(8, "big") + text.encode("utf-8", "surrogatepass")
        found.append(blake2b(said, digest_size=ID_BYTES, key=salt[:64]).digest())
    return found
