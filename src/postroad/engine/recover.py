"""Checkpoint and journal -> core: the ordinary start, after a crash or not.

One rule: what was acknowledged is there again; bodies that rest in the journal alone come back into
the cache, and nothing is placed or evicted meanwhile.
"""

from collections.abc import Iterator

from postroad.core.apply import apply
from postroad.core.codec import AnyRecord, BadPayload, decode_group
from postroad.core.load import load_rows
from postroad.core.machine import Core
from postroad.core.records import Placed, Published
from postroad.core.state import State
from postroad.engine.cache import Cache
from postroad.engine.calendar import CronCalendar
from postroad.engine.engine import Parts
from postroad.engine.schemas import checker
from postroad.engine.settings import EngineSettings
from postroad.errors import Corrupt, Incomplete
from postroad.journal.envelope import DATA, BadEnvelope, Filter, unpack
from postroad.journal.interface import FIRST_POSITION, Journal
from postroad.model.value import value
from postroad.store.checkpoint import Checkpoints, Cut
from postroad.store.interface import Store


@value
class RecoveryReport:
    """What a start found: the checkpoint's position, groups and records replayed after it, groups
    that did not count
    (`dropped`), bytes of the torn group that were cut off, messages and queues now there."""

    position: int
    groups: int
    records: int
    dropped: int
    torn_bytes: int
    messages: int
    queues: int
    epoch: int


class Replay:
    """The journal's groups, taken into a state and a cache."""

    def __init__(self, state: State, cache: Cache) -> None:
        self.state = state
        self.cache = cache
        self.groups = 0
        self.records = 0
        self.bytes = 0

    def fill(self, position: int, steps: list[list[AnyRecord]]) -> None:
        """A group before the cut: only bodies that rest nowhere else are taken."""
        for step in steps:
            for record in step:
                if isinstance(record, Published):
                    self._keep(record, position)

    def take(self, position: int, steps: list[list[AnyRecord]], size: int) -> None:
        """A group after the cut: its facts are so."""
        self.groups += 1
        self.bytes += size
        for step in steps:
            self.records += len(step)
            for record in step:
                apply(self.state, record)
            for record in step:
                if isinstance(record, Published):
                    self._keep(record, position)
                elif isinstance(record, Placed):
                    self.cache.drop(record.shelf, record.first)
            self.drop_freed()

    def drop_freed(self) -> None:
        """Blocks nobody wants any more leave the cache; the store is told later, all at once."""
        for freed in self.state.freed:
            self.cache.drop(freed.shelf, freed.first)
        self.state.freed.clear()

    def _keep(self, record: Published, position: int) -> None:
        shelf = self.state.shelves.get(record.shelf)
        if shelf is None or not shelf.has(record.first):
            return
        first, _, id, _ = shelf.where(record.first)
        if not id:
            self.cache.add(record, first, position)


def recover(
    journal: Journal,
    store: Store,
    checkpoints: Checkpoints,
    settings: EngineSettings,
    salt: bytes,
    now_ms: int,
) -> tuple[Parts, RecoveryReport]:
    """Load, replay, claim. Raises `PostroadError` where something is damaged, and changes nothing
    then."""
    cache = Cache(settings.cache_bytes)
    core = Core(cache)
    core.world.checker = checker()
    core.world.calendar = CronCalendar()
    core.world.kv_bytes_max = settings.kv_bytes
    core.world.pushes_max = settings.pushes_max
    core.world.fanout_queues_max = settings.fanout_queues_max
    cut, rows = checkpoints.load()
    load_rows(core.state, rows)
    replay = Replay(core.state, cache)
    rule = _read_all(journal, cut, replay)
    epoch = max(journal.last_epoch, rule.epoch) + 1
    now = max(now_ms, rule.now_ms)
    journal.claim(epoch, now)
    store.begin(epoch)
    store.keep_only(
        (id, size)
        for shelf in core.state.shelves.values()
        for _, _, _, id, size in shelf.blocks()
        if id
    )
    core.state.schedules.begin()
    parts = Parts(core, cache, journal, store, checkpoints, settings)
    parts.epoch = epoch
    parts.now_ms = now
    parts.begun = core.begin(epoch, salt, now)
    # However often a process dies early, the next checkpoint comes when it is due.
    parts.cut_group = 0 if cut is None else cut.position - 1
    parts.bytes_since = replay.bytes
    parts.records_since = replay.records
    messages = sum(queue.pages.length for queue in core.state.queues.values())
    report = RecoveryReport(
        0 if cut is None else cut.position,
        replay.groups,
        replay.records,
        rule.dropped,
        int(getattr(journal, "torn_bytes", 0)),
        messages,
        len(core.state.queues),
        epoch,
    )
    return parts, report


def _read_all(journal: Journal, cut: Cut | None, replay: Replay) -> Filter:
    first, end = journal.bounds()
    _check_fit(cut, first, end)
    if cut is None:
        rule = Filter()
    else:
        rule = Filter(cut.epoch, cut.n, cut.now_ms)
        for position, steps, _ in _payloads(journal, cut.floor, cut.position, None):
            replay.fill(position, steps)
    start = first if cut is None else cut.position
    for position, steps, size in _payloads(journal, start, end, rule):
        replay.take(position, steps, size)
    rule.end()
    return rule


def _check_fit(cut: Cut | None, first: int, end: int) -> None:
    """Checkpoint and journal tell one story without a gap, or nothing is started."""
    if cut is None:
        if first > FIRST_POSITION:
            raise Incomplete(f"the journal begins at group {first:,}, and there is no checkpoint")
    elif cut.position > end:
        raise Incomplete(
            f"the checkpoint is of group {cut.position - 1:,}, the journal ends at {end - 1:,}"
        )
    elif first > cut.floor:
        raise Incomplete(
            f"the checkpoint needs group {cut.floor:,}, the journal begins at {first:,}"
        )


def _payloads(
    journal: Journal, start: int, stop: int, rule: Filter | None
) -> Iterator[tuple[int, list[list[AnyRecord]], int]]:
    """The steps of the groups that count, with the position of the group's first frame before and
    the bytes they were decoded from behind."""
    if start >= stop:
        return
    group_first = start
    for position, frame in journal.read(start, stop):
        try:
            envelope = unpack(frame)
        except BadEnvelope as error:
            raise Corrupt("journal", position, str(error)) from error
        if rule is None:
            before = envelope.n - 1 if envelope.kind == DATA else envelope.n
            epoch = envelope.epoch if envelope.kind == DATA else envelope.epoch - 1
            rule = Filter(epoch, before, envelope.now_ms)
        was_whole = rule.whole
        payload = rule.feed(envelope)
        if was_whole:
            group_first = position
        if payload is None:
            continue
        try:
            yield group_first, decode_group(payload), len(payload)
        except BadPayload as error:
            raise Corrupt("journal", position, f"group {position}: {error}") from error
