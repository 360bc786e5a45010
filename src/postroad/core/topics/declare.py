"""Declare, change, delete, describe and list topics; cut them and find offsets in them.

One rule: declaring again is fine as long as what the caller cares about agrees; partitions are
added and never taken away.
"""

from bisect import bisect_left, bisect_right

import msgspec

from postroad.core.decision import Decision, Missing, World, refuse
from postroad.core.handout import Piece, pieces_in_blocks
from postroad.core.records import Record
from postroad.core.state import State
from postroad.core.topics import records as facts
from postroad.core.topics.log import Partition
from postroad.core.topics.topic import Topic
from postroad.limits import (
    CUT_BLOCKS,
    DURATION_MS_MAX,
    MESSAGE_BYTES_MAX,
    PARTITIONS_MAX,
    TOPIC_PARTITIONS_MAX,
)
from postroad.model.names import bad_name
from postroad.model.replies import Done, Listed, Why
from postroad.model.topics import (
    EARLIEST,
    LATEST,
    ChangeTopic,
    CutTopic,
    DeclareTopic,
    DeleteTopic,
    DescribeTopic,
    FindOffset,
    ListTopics,
    OffsetFound,
    PartitionInfo,
    TopicDeclared,
    TopicDescribed,
    TopicSettings,
)

COUNT_MAX = 2**63 - 1

_encode = msgspec.msgpack.Encoder().encode
_settings = msgspec.msgpack.Decoder(TopicSettings).decode


def no_such_topic(state: State, name: str) -> Decision:
    """The topic is not there; what deleted it may still be on its way to the disk."""
    return refuse(Why.NO_SUCH_TOPIC, f"topic `{name}` does not exist", state.changed)


def no_such_partition(topic: Topic, number: int) -> Decision:
    """The topic has no partition of that number."""
    text = f"topic `{topic.name}` has {len(topic.partitions)} partitions, none is {number}"
    return refuse(Why.NO_SUCH_PARTITION, text, topic.touched)


def decide_declare(world: World, command: DeclareTopic, now: int) -> Decision:
    """Make a topic exist."""
    state = world.state
    wrong = bad_settings(command.settings)
    if wrong is not None:
        return refuse(Why.BAD_SETTINGS, wrong)
    known = state.topics.by_name.get(command.name)
    if known is not None:
        return _compare(known, command)
    wrong = bad_name(command.name)
    if wrong is not None:
        return refuse(Why.BAD_NAME, wrong)
    if command.name in state.by_name:
        return refuse(Why.NAME_TAKEN, f"a queue has the name `{command.name}`", state.changed)
    count = command.partitions
    wrong = _too_many(state, count, 0)
    if wrong is not None:
        return refuse(Why.BAD_SETTINGS, wrong)
    first = state.catalog.next_id
    record = facts.TopicDeclared(
        first,
        command.name,
        command.settings,
        command.extras or {},
        command.labels or {},
        list(range(first + 1, first + 1 + count)),
        now,
    )
    return Decision([record], TopicDeclared(first, True))


def _compare(topic: Topic, command: DeclareTopic) -> Decision:
    for name in command.compare:
        if name == "partitions":
            same = len(topic.partitions) == command.partitions
        elif name in TopicSettings.__struct_fields__:
            same = getattr(topic.settings, name) == getattr(command.settings, name)
        else:
            same = topic.extras.get(name) == (command.extras or {}).get(name)
        if not same:
            text = f"topic `{topic.name}` exists with another `{name}`"
            return refuse(Why.SETTINGS_DIFFER, text, topic.touched)
    return Decision([], TopicDeclared(topic.id, False), topic.touched)


def _too_many(state: State, count: int, known: int) -> str | None:
    if not 1 <= count <= TOPIC_PARTITIONS_MAX:
        return f"a topic has from 1 to {TOPIC_PARTITIONS_MAX:,} partitions"
    if len(state.topics.partitions) + count - known > PARTITIONS_MAX:
        return f"there are {PARTITIONS_MAX:,} partitions; delete some topics first"
    return None


def decide_change(world: World, command: ChangeTopic, now: int) -> Decision:
    """Set settings, extras and labels, and add partitions."""
    state = world.state
    topic = state.topics.by_name.get(command.name)
    if topic is None:
        return no_such_topic(state, command.name)
    settings = topic.settings if command.settings is None else command.settings
    wrong = bad_settings(settings)
    if wrong is not None:
        return refuse(Why.BAD_SETTINGS, wrong, topic.touched)
    records: list[Record] = []
    extras = _merged(topic.extras, command.extras)
    labels = _merged(topic.labels, command.labels)
    known = len(topic.partitions)
    if command.partitions is not None and command.partitions != known:
        if command.partitions < known:
            text = f"topic `{topic.name}` has {known} partitions; they are never taken away"
            return refuse(Why.BAD_SETTINGS, text, topic.touched)
        wrong = _too_many(state, command.partitions, known)
        if wrong is not None:
            return refuse(Why.BAD_SETTINGS, wrong, topic.touched)
        records.append(_added(state, topic, command.partitions - known, now))
    if (settings, extras, labels) != (topic.settings, topic.extras, topic.labels):
        records.append(facts.TopicChanged(topic.id, settings, extras, labels))
    return Decision(records, Done(), None if records else topic.touched)


def _added(state: State, topic: Topic, more: int, now: int) -> facts.PartitionsAdded:
    first = state.catalog.next_id
    partitions = list(range(first, first + more))
    first += more
    queues: list[list[int]] = []
    for _ in topic.shares:
        queues.append(list(range(first, first + more)))
        first += more
    return facts.PartitionsAdded(topic.id, partitions, queues, now)


def _merged(old: dict[str, str], changes: dict[str, str | None] | None) -> dict[str, str]:
    merged = dict(old)
    for name, text in (changes or {}).items():
        if text is None:
            merged.pop(name, None)
        else:
            merged[name] = text
    return merged


def bad_settings(settings: object) -> str | None:
    """What is wrong with the settings of a topic, in one line, or `None`."""
    if not isinstance(settings, TopicSettings):
        return f"settings are TopicSettings, not {type(settings).__name__}"
    try:
        _settings(_encode(settings))
    except (msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError) as error:
        return f"settings: {error}"
    bounds = {
        "retention_ms": (1, DURATION_MS_MAX),
        "retention_bytes": (1, COUNT_MAX),
        "tombstone_ms": (0, DURATION_MS_MAX),
        "compact_messages": (1, COUNT_MAX),
        "message_bytes_max": (1, MESSAGE_BYTES_MAX),
    }
    for name, (least, most) in bounds.items():
        bound = getattr(settings, name)
        if bound is not None and not least <= bound <= most:
            return f"`{name}` is from {least} to {most:,}"
    return None


def decide_delete(world: World, command: DeleteTopic, _now: int) -> Decision:
    """Remove a topic and its groups of mode lease."""
    topic = world.state.topics.by_name.get(command.name)
    if topic is None:
        return no_such_topic(world.state, command.name)
    records: list[Record] = [facts.ShareDeleted(share.id) for share in topic.shares.values()]
    records.append(facts.TopicDeleted(topic.id))
    return Decision(records, Done())


def decide_describe(world: World, command: DescribeTopic, _now: int) -> Decision:
    """Settings and partitions."""
    topics = world.state.topics
    topic = topics.by_name.get(command.name)
    if topic is None:
        return no_such_topic(world.state, command.name)
    logs = [topics.partitions[id] for id in topic.partitions]
    described = TopicDescribed(
        topic.id,
        topic.name,
        topic.settings,
        dict(topic.extras),
        dict(topic.labels),
        topic.created_ms,
        [PartitionInfo(log.number, log.start, log.end, log.size) for log in logs],
    )
    group = max(topic.touched, *(log.touched for log in logs))
    return Decision([], described, group)


def decide_list(world: World, command: ListTopics, _now: int) -> Decision:
    """Names in order."""
    names, more = page_of(world.state.topics.names, command.prefix, command.after, command.count)
    return Decision([], Listed(names, more), world.state.changed)


def page_of(names: list[str], prefix: str, after: str, count: int) -> tuple[list[str], bool]:
    """The sorted names after `after` that start with a prefix, and whether there are more."""
    at = max(bisect_left(names, prefix), bisect_right(names, after) if after else 0)
    found: list[str] = []
    while at < len(names) and names[at].startswith(prefix):
        if len(found) >= count:
            return found, True
        found.append(names[at])
        at += 1
    return found, False


def decide_cut(world: World, command: CutTopic, _now: int) -> Decision:
    """Forget the front of a partition."""
    topic = world.state.topics.by_name.get(command.topic)
    if topic is None:
        return no_such_topic(world.state, command.topic)
    log = world.state.topics.partition_of(topic, command.partition)
    if log is None:
        return no_such_partition(topic, command.partition)
    if not 0 <= command.before <= log.end:
        text = f"offsets of this partition go from {log.start} to {log.end}"
        return refuse(Why.OUT_OF_RANGE, text, log.touched)
    if command.before <= log.start:
        return Decision([], OffsetFound(log.start), log.touched)
    return Decision(cuts(log, command.before), OffsetFound(command.before))


def cuts(log: Partition, before: int) -> list[Record]:
    """The fact of a cut."""
    return [facts.LogCut(log.id, before)]


def decide_find(world: World, command: FindOffset, _now: int) -> Decision | Missing:
    """The first message at or after an instant."""
    topic = world.state.topics.by_name.get(command.topic)
    if topic is None:
        return no_such_topic(world.state, command.topic)
    log = world.state.topics.partition_of(topic, command.partition)
    if log is None:
        return no_such_partition(topic, command.partition)
    if isinstance(command.at, str) and command.at not in (EARLIEST, LATEST):
        return refuse(Why.BAD_COMMAND, f"a place is {EARLIEST}, {LATEST} or a time in ms")
    found = find_offset(world, log, command.at)
    if isinstance(found, Missing):
        return found
    return Decision([], OffsetFound(*found), log.touched)


def find_offset(world: World, log: Partition, at: int | str) -> tuple[int, int] | Missing:
    """(offset, when it was published) of EARLIEST, LATEST or the first message at an instant; the
    end of the log has the time 0."""
    if at == EARLIEST:
        return log.start, 0
    if at == LATEST or log.start == log.end:
        return log.end, 0
    assert isinstance(at, int), "a place is a word or a time"
    first, stop = log.sample_at(at)
    wanted: list[Piece] = []
    for start, count in log.present(first, stop - first):
        for piece in pieces_in_blocks(log.shelf, start, count):
            times = world.library.times(piece)
            if times is None:
                wanted.append(piece)
                continue
            if wanted:
                continue
            place = bisect_left(times, at)
            if place < piece.count:
                return piece.index + place, times[place]
    if wanted:
        return Missing(wanted[:CUT_BLOCKS])
    # All of the sample is older, or superseded since.
    return log.next_present(stop), 0
