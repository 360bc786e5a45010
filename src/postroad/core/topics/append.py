"""Append: messages to the partitions of a topic, all of it or nothing.

One rule: a key always goes to the same partition as long as their number stays; what one publish
brings to a partition is together there, in its order.
"""

from array import array
from collections.abc import Sequence
from hashlib import blake2b

from postroad.core.decide.load import Load, chunk_records
from postroad.core.decision import Decision, World, refuse
from postroad.core.records import Record
from postroad.core.schemas.fit import misfit_of
from postroad.core.topics.declare import no_such_partition, no_such_topic
from postroad.core.topics.topic import Topic
from postroad.limits import MESSAGE_BYTES_MAX, PUBLISH_BYTES_MAX
from postroad.model.replies import Why
from postroad.model.topics import Append, Appended


def decide_append(world: World, command: Append, now: int) -> Decision:
    """One publish to a topic."""
    state = world.state
    topic = state.topics.by_name.get(command.topic)
    if topic is None:
        return no_such_topic(state, command.topic)
    refusal = refusal_of(world, topic, command)
    if refusal is not None:
        return refusal
    load = Load(command.bodies)
    load.heads = command.heads if command.heads is not None and any(command.heads) else None
    if command.keys is not None:
        load.keys = key_hashes(world, command)
    return append_load(world, topic, command.partition, load, now)


def append_load(world: World, topic: Topic, number: int | None, load: Load, now: int) -> Decision:
    """The facts of messages that a topic takes; `number`: to this partition; `None`: each to that
    of its key."""
    state = world.state
    if number is None and (load.keys is None or len(topic.partitions) == 1):
        number = topic.turn % len(topic.partitions)
    if number is None:
        return _append_each(world, topic, load, now)
    log = state.topics.partition_of(topic, number)
    if log is None:
        return no_such_partition(topic, number)
    count = len(load.bodies)
    records = chunk_records(log.id, log.end, load, now)
    return Decision(records, Appended([number] * count, range(log.end, log.end + count), now))


def key_hashes(world: World, command: Append) -> "array[int]":
    """Per message a keyed hash, never 0, whose lowest bit says that it is a tombstone; 0 for a
    message without a key."""
    salt = world.state.catalog.salt
    known: dict[bytes | None, int] = {None: 0}
    hashes: array[int] = array("Q")
    for key in command.keys or ():
        one = known.get(key)
        if one is None:
            assert key is not None, "what has no key has no hash"
            one = hash_of(salt, key)
            known[key] = one
        hashes.append(one)
    if command.tombstones is not None:
        for at, dead in enumerate(command.tombstones):
            if dead and hashes[at]:
                hashes[at] |= 1
    return hashes


def hash_of(salt: bytes, key: bytes) -> int:
    """The hash of a key, with the tombstone's bit clear."""
    digest = blake2b(key, digest_size=8, key=salt).digest()
    return (int.from_bytes(digest, "little") | 2) & ~1


def partition_number(hash: int, count: int) -> int:  # noqa: A002  (the field's word)
    """Which of `count` partitions a key's messages go to."""
    return (hash >> 2) % count


def refusal_of(world: World, topic: Topic, command: Append) -> Decision | None:
    """Why a topic does not take a publish, or `None`."""
    bodies, heads, keys = command.bodies, command.heads, command.keys
    count = len(bodies)
    if not count:
        return refuse(Why.BAD_COMMAND, "a publish has messages")
    for column in (heads, keys, command.tombstones):
        if column is not None and len(column) != count:
            return refuse(Why.BAD_COMMAND, "a publish has one entry per message in a list")
    if topic.settings.compact and (keys is None or None in keys):
        text = f"topic `{topic.name}` is compacted: each of its messages needs a key"
        return refuse(Why.BAD_COMMAND, text, topic.touched)
    if world.short_of_space:
        return refuse(Why.NO_SPACE, "the disk is almost full; free some space")
    most = topic.settings.message_bytes_max or MESSAGE_BYTES_MAX
    largest = max(map(len, bodies)) + (0 if heads is None else max(map(len, heads)))
    if largest > most and _largest(bodies, heads) > most:
        text = f"a message of topic `{topic.name}` has at most {most:,} bytes"
        return refuse(Why.TOO_LARGE, text, topic.touched)
    if largest * count > PUBLISH_BYTES_MAX and sum(map(len, bodies)) > PUBLISH_BYTES_MAX:
        return refuse(Why.TOO_LARGE, f"one publish has at most {PUBLISH_BYTES_MAX:,} bytes")
    where = (topic.id, topic.name)
    return misfit_of(world, where, bodies, topic.touched, command.tombstones)


def _largest(bodies: Sequence[bytes], heads: Sequence[bytes] | None) -> int:
    if heads is None:
        return max(map(len, bodies))
    return max(len(body) + len(head) for body, head in zip(bodies, heads, strict=True))


def _append_each(world: World, topic: Topic, load: Load, now: int) -> Decision:
    """Each key to its partition, what has no key to one partition together."""
    topics = world.state.topics
    total = len(topic.partitions)
    unkeyed = topic.turn % total
    assert load.keys is not None, "without keys all goes to one partition"
    numbers = [partition_number(one, total) if one else unkeyed for one in load.keys]
    offsets = [0] * len(numbers)
    places: dict[int, list[int]] = {}
    for at, number in enumerate(numbers):
        places.setdefault(number, []).append(at)
    records: list[Record] = []
    for number in sorted(places):
        log = topics.partitions[topic.partitions[number]]
        for offset, at in enumerate(places[number], log.end):
            offsets[at] = offset
        records.extend(chunk_records(log.id, log.end, load.part(places[number]), now))
    return Decision(records, Appended(numbers, offsets, now))
