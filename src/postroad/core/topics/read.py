"""Reads of logs: which messages a fetch gets, as pieces of blocks.

One rule: what is handed out is a range of offsets without what is superseded; sizes are those the
samples tell, so a reply is about as large as was asked for.
"""

from postroad.core.decision import World
from postroad.core.handout import Handout, Part, Piece, pieces_in_blocks
from postroad.core.topics.log import Partition
from postroad.limits import FETCH_SAMPLES_MAX, RECEIVE_MAX
from postroad.model.topics import Fetch, Span


class Reading:
    """A fetch while it is answered: what is left of its room, and what it has. `wait`: the group
    that must be durable before anybody sees this; `stuck`: a span that yields nothing however long
    one waits."""

    def __init__(self, command: Fetch, now: int) -> None:
        self.handout = Handout(0, now)
        self.parts: list[Part] = []
        self.handout.parts = self.parts
        self.count_left = min(max(1, command.count), RECEIVE_MAX)
        self.bytes_left = max(1, command.bytes_max)
        self.bytes = 0
        self.wait = 0
        self.stuck = False


def read(world: World, command: Fetch, now: int) -> Reading:
    """What there is for a fetch now."""
    reading = Reading(command, now)
    topics = world.state.topics
    for span in command.spans:
        topic = topics.by_name.get(span.topic)
        log = None if topic is None else topics.partition_of(topic, span.partition)
        if log is None:
            reading.parts.append(_nothing(span))
            reading.wait = max(reading.wait, world.state.changed)
            reading.stuck = True
            continue
        part = Part(span.topic, span.partition, log.start, log.end)
        part.next_offset = span.offset
        reading.parts.append(part)
        reading.wait = max(reading.wait, log.touched)
        if not log.start <= span.offset <= log.end:
            reading.stuck = True
        elif reading.count_left > 0 and reading.bytes_left > 0:
            _read_log(log, span, part, reading)
    return reading


def _nothing(span: Span) -> Part:
    part = Part(span.topic, span.partition, -1, -1)
    part.next_offset = span.offset
    return part


def _read_log(log: Partition, span: Span, part: Part, reading: Reading) -> None:
    room = reading.bytes_left
    if 0 < span.bytes_max < room:
        room = span.bytes_max
    at = span.offset
    samples = FETCH_SAMPLES_MAX
    while at < log.end and samples and reading.count_left > 0 and room > 0:
        samples -= 1
        stop, _, bytes_after = log.next_sample(at)
        page, place = log.sample_of(at)
        assert page is not None, "what is kept is in a sample"
        each = max(1, (bytes_after - page.before[place]) // max(1, stop - page.offset[place]))
        for first, count in log.present(at, stop - at):
            taken = min(count, reading.count_left, (room + each - 1) // each)
            _take(reading.handout, log, first, taken)
            part.count += taken
            reading.count_left -= taken
            room -= taken * each
            reading.bytes += taken * each
            reading.bytes_left -= taken * each
            if taken < count or reading.count_left <= 0 or room <= 0:
                part.next_offset = first + taken
                return
        at = stop
        part.next_offset = at


def _take(handout: Handout, log: Partition, first: int, count: int) -> None:
    for piece in pieces_in_blocks(log.shelf, first, count):
        piece.offset = piece.index
        pieces = handout.pieces
        last: Piece | None = pieces[-1] if pieces else None
        joins = last is not None and last.shelf == log.id and last.block == piece.block
        if last is not None and joins and last.index + last.count == piece.index:
            last.count += piece.count
            continue
        pieces.append(piece)
