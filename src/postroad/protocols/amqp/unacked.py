"""What a channel has delivered and its peer has not settled: delivery tags and the leases behind.

It stands between the consumers of a channel and what its peer says about tags. The rule kept here:
tags are kept in stretches of columns, never an object per message, so that a million of them
cost tens of MB; whatever is settled at the front is forgotten at once. Compiled by mypyc.
"""

from array import array
from collections import deque
from collections.abc import Sequence
from typing import Final

from postroad.limits import AMQP_STRETCH_GAP, AMQP_STRETCH_MS, AMQP_STRETCH_TAGS
from postroad.model.message import Delivery

_GONE: Final = 0
_OPEN: Final = 1
_HELD: Final = 2


class Source:
    """Where deliveries of a channel come from: a consumer, or a queue for basic.get. `number`:
    no two of a channel have the same.

    `queue`, `queue_id`: core name and number of the queue its leases are of; `stream`: nothing is
    leased. `timeout_ms`: how long the peer may take to settle, 0 for ever.
    """

    def __init__(self, number: int, queue: str, stream: bool = False, timeout_ms: int = 0) -> None:
        self.number = number
        self.queue = queue
        self.queue_id = 0
        self.stream = stream
        self.timeout_ms = timeout_ms


class Taken:
    """Deliveries of one source that are settled together: `tags[i]` is the message at `offsets[i]`,
    leased under `leases[i]`, delivered for the `counts[i]`th time."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tags: array[int] = array("q")
        self.offsets: array[int] = array("q")
        self.leases: array[int] = array("q")
        self.counts: array[int] = array("q")

    def extend(self, other: "Taken") -> None:
        """Join others of the same source."""
        self.tags.extend(other.tags)
        self.offsets.extend(other.offsets)
        self.leases.extend(other.leases)
        self.counts.extend(other.counts)


class Taking:
    """What is settled together: a part per source, in the order they were met. `unknown`: the tag
    that was not open, which ended it; -1: none."""

    def __init__(self) -> None:
        self.parts: list[Taken] = []
        self.unknown = -1

    def part(self, source: Source) -> Taken:
        """The part of a source; there are few, most often one."""
        for one in self.parts:
            if one.source is source:
                return one
        fresh = Taken(source)
        self.parts.append(fresh)
        return fresh


class _Stretch:
    """Tags from `first` on. `marks`: a byte each; `start`: none before it is open or held; `left`:
    how many are. `source`: of all of them, or `None`, and `sources` has the number of each.
    `begun_ms`, `last_ms`: its first and its last delivery."""

    def __init__(self, source: Source, first: int, now_ms: int) -> None:
        self.source: Source | None = source
        self.sources: array[int] = array("q")
        self.first = first
        self.begun_ms = now_ms
        self.last_ms = now_ms
        self.offsets: array[int] = array("q")
        self.leases: array[int] = array("q")
        self.counts: array[int] = array("H")
        self.marks = bytearray()
        self.start = 0
        self.left = 0

    def takes(self, first: int, now_ms: int) -> bool:
        """Whether deliveries with tags from `first` on may still come in here."""
        held = len(self.marks)
        near = first - self.first - held <= AMQP_STRETCH_GAP
        return near and held < AMQP_STRETCH_TAGS and now_ms - self.begun_ms <= AMQP_STRETCH_MS

    def add(self, source: Source, messages: Sequence[Delivery], first: int, now_ms: int) -> None:
        """More deliveries; tags that were passed over are gone."""
        offsets = self.offsets
        leases = self.leases
        counts = self.counts
        gap = first - self.first - len(self.marks)
        if gap > 0:
            nothing = array("q", bytes(8 * gap))
            offsets.extend(nothing)
            leases.extend(nothing)
            counts.frombytes(bytes(2 * gap))
            self.marks.extend(bytes(gap))
        self._mix(source, gap, len(messages))
        for one in messages:
            offsets.append(one.offset)
            leases.append(one.lease)
            counts.append(one.delivery_count & 0xFFFF)
        added = len(messages)
        self.marks.extend(b"\x01" * added)
        self.left += added
        self.last_ms = now_ms

    def _mix(self, source: Source, gap: int, count: int) -> None:
        """Note the source of each, from the first other one on."""
        only = self.source
        if only is source:
            return
        if only is not None:
            self.sources = array("q", [only.number]) * (len(self.marks) - gap)
            self.source = None
        self.sources.extend(array("q", bytes(8 * gap)))
        self.sources.extend(array("q", [source.number]) * count)

    def take(self, start: int, stop: int, mark: int, into: Taken) -> int:
        """Take the open ones of the only source from place `start` to before `stop`; they bear
        `mark` then."""
        marks = self.marks
        if stop - start == marks.count(_OPEN, start, stop):
            into.tags.extend(range(self.first + start, self.first + stop))
            into.offsets.extend(self.offsets[start:stop])
            into.leases.extend(self.leases[start:stop])
            into.counts.extend(array("q", self.counts[start:stop]))
            marks[start:stop] = bytes((mark,)) * (stop - start)
            return stop - start
        taken = 0
        for at in range(start, stop):
            if marks[at] == _OPEN:
                self.take_one(at, mark, into)
                taken += 1
        return taken

    def take_one(self, at: int, mark: int, into: Taken) -> None:
        """Take the open one at place `at`."""
        self.marks[at] = mark
        into.tags.append(self.first + at)
        into.offsets.append(self.offsets[at])
        into.leases.append(self.leases[at])
        into.counts.append(self.counts[at])

    def advance(self) -> None:
        """Begin after what is gone at the front."""
        marks = self.marks
        at = self.start
        end = len(marks)
        while at < end and marks[at] == _GONE:
            at += 1
        self.start = at


class Unacked:
    """The open deliveries of one channel, by tag. `next_tag`: what the next delivery gets; `count`:
    how many are open or held."""

    def __init__(self) -> None:
        self.next_tag = 1
        self.count = 0
        self._stretches: deque[_Stretch] = deque()
        self._sources: dict[int, Source] = {}

    def skip(self, count: int) -> int:
        """Tags for deliveries that nobody will settle; returns the first."""
        first = self.next_tag
        self.next_tag = first + count
        return first

    def add(self, source: Source, messages: Sequence[Delivery], now_ms: int) -> int:
        """Tags for deliveries that wait to be settled; returns the first."""
        first = self.next_tag
        self.next_tag = first + len(messages)
        if not self.count:
            self._sources.clear()
        self.count += len(messages)
        stretches = self._stretches
        if source.number not in self._sources:
            self._sources[source.number] = source
        if not stretches or not stretches[-1].takes(first, now_ms):
            stretches.append(_Stretch(source, first, now_ms))
        stretches[-1].add(source, messages, first, now_ms)
        return first

    def take(self, tags: Sequence[int], multiples: Sequence[bool], hold: bool) -> Taking:
        """Take deliveries by their tags, those up to a tag where it is multiple (tag 0: all there
        are). With `hold` they are remembered, for `let_go` or `put_back`. It ends at the first tag
        that is not open."""
        taking = Taking()
        mark = _HELD if hold else _GONE
        at = 0
        end = len(tags)
        while at < end and taking.unknown < 0:
            tag = tags[at]
            if multiples[at]:
                if not self._take_to(tag, mark, taking):
                    taking.unknown = tag
                at += 1
                continue
            stop = _after_row(tags, multiples, at)
            if stop - at == 1 or not self._take_row(tag, stop - at, mark, taking):
                self._take_each(tag, tag + stop - at, mark, taking)
            at = stop
        return taking

    def let_go(self, taking: Taking) -> None:
        """What was held is settled."""
        for taken in taking.parts:
            for tag in taken.tags:
                stretch = self._set(tag, _GONE)
                self._count_off(stretch, 1)

    def put_back(self, taking: Taking) -> None:
        """What was held is open again."""
        for taken in taking.parts:
            for tag in taken.tags:
                self._set(tag, _OPEN)

    def overdue(self, now_ms: int) -> Source | None:
        """The source of a delivery that was not settled in its time."""
        for stretch in self._stretches:
            late_ms = now_ms - stretch.last_ms
            if stretch.source is not None:
                if 0 < stretch.source.timeout_ms < late_ms and _OPEN in stretch.marks:
                    return stretch.source
                continue
            for at in range(stretch.start, len(stretch.marks)):
                source = self._sources.get(stretch.sources[at])
                if stretch.marks[at] != _OPEN or source is None:
                    continue
                if 0 < source.timeout_ms < late_ms:
                    return source
        return None

    def _take_each(self, first: int, end: int, mark: int, taking: Taking) -> None:
        for tag in range(first, end):
            if not self._take_tag(tag, mark, taking):
                taking.unknown = tag
                break

    def _take_tag(self, tag: int, mark: int, taking: Taking) -> bool:
        stretch = self._stretch_of(tag)
        if stretch is None or not self._is_open(tag):
            return False
        at = tag - stretch.first
        stretch.take_one(at, mark, taking.part(self._source_at(stretch, at)))
        if mark == _GONE:
            self._count_off(stretch, 1)
        return True

    def _take_row(self, first: int, count: int, mark: int, taking: Taking) -> bool:
        """So many from tag `first` on, if all are open and lie together: acks in the order of the
        deliveries, as most are."""
        stretch = self._stretch_of(first)
        if stretch is None or stretch.source is None:
            return False
        start = first - stretch.first
        stop = start + count
        if stop > len(stretch.marks) or stretch.marks.count(_OPEN, start, stop) < count:
            return False
        stretch.take(start, stop, mark, taking.part(stretch.source))
        if mark == _GONE:
            self._count_off(stretch, count)
        return True

    def _take_to(self, tag: int, mark: int, taking: Taking) -> bool:
        """All up to a tag, which must be open itself."""
        if tag and not self._is_open(tag):
            return False
        for stretch in list(self._stretches):
            if tag and stretch.first > tag:
                break
            stop = len(stretch.marks)
            if tag:
                stop = min(stop, tag - stretch.first + 1)
            taken = self._take_span(stretch, stop, mark, taking)
            if mark == _GONE:
                self._count_off(stretch, taken)
        return True

    def _is_open(self, tag: int) -> bool:
        stretch = self._stretch_of(tag)
        if stretch is None:
            return False
        at = tag - stretch.first
        return at < len(stretch.marks) and stretch.marks[at] == _OPEN

    def _take_span(self, stretch: _Stretch, stop: int, mark: int, taking: Taking) -> int:
        start = stretch.start
        if start >= stop:
            return 0
        if stretch.source is not None:
            return stretch.take(start, stop, mark, taking.part(stretch.source))
        taken = 0
        for at in range(start, stop):
            if stretch.marks[at] == _OPEN:
                stretch.take_one(at, mark, taking.part(self._source_at(stretch, at)))
                taken += 1
        return taken

    def _source_at(self, stretch: _Stretch, at: int) -> Source:
        if stretch.source is not None:
            return stretch.source
        return self._sources[stretch.sources[at]]

    def _stretch_of(self, tag: int) -> _Stretch | None:
        """The stretch a tag may be in: most are in the first or the last."""
        stretches = self._stretches
        if not stretches or tag < stretches[0].first or tag >= self.next_tag:
            return None
        if tag >= stretches[-1].first:
            return stretches[-1]
        low = 0
        high = len(stretches) - 1
        if stretches[1].first > tag:
            high = 1
        while high - low > 1:
            middle = (low + high) // 2
            if stretches[middle].first <= tag:
                low = middle
            else:
                high = middle
        return stretches[low]

    def _set(self, tag: int, mark: int) -> _Stretch:
        stretch = self._stretch_of(tag)
        assert stretch is not None, "what is held keeps its stretch"
        assert stretch.marks[tag - stretch.first] == _HELD, "it was held"
        stretch.marks[tag - stretch.first] = mark
        return stretch

    def _count_off(self, stretch: _Stretch, count: int) -> None:
        """So many of a stretch are gone; it goes with its last."""
        stretch.left -= count
        self.count -= count
        if not stretch.left:
            stretches = self._stretches
            if stretches[0] is stretch:
                stretches.popleft()
            else:
                stretches.remove(stretch)
        elif count:
            stretch.advance()


def _after_row(tags: Sequence[int], multiples: Sequence[bool], at: int) -> int:
    """Where a row of single tags ends that follow one another."""
    stop = at + 1
    end = len(tags)
    while stop < end and not multiples[stop] and tags[stop] == tags[stop - 1] + 1:
        stop += 1
    return stop
