"""Topics behind exchanges, and exchanges behind topics.

One rule: a topic takes its part of a publish as one append; what is appended to a topic with
bindings is routed on in the same step.
"""

from postroad.core.decision import Decision, World
from postroad.core.records import Record
from postroad.core.topics.append import decide_append
from postroad.core.topics.topic import Topic
from postroad.model.exchanges import PublishTo, RoutedGroup
from postroad.model.replies import Refused
from postroad.model.topics import Append, Appended


class Part:
    """What a topic takes of a publish: the facts, and what the answer says of it."""

    __slots__ = ("records", "routed")

    def __init__(self, records: list[Record], routed: list[RoutedGroup]) -> None:
        self.records = records
        self.routed = routed


def append_part(
    world: World, topic: Topic, command: PublishTo, which: list[int] | None, now: int
) -> Part | Decision:
    """The part of one topic, or the refusal. `which`: indexes of messages; `None`: all."""
    indexes = range(len(command.bodies)) if which is None else which
    heads, keys = command.heads, command.keys
    append = Append(
        topic.name,
        [command.bodies[at] for at in indexes],
        None if heads is None else [heads[at] for at in indexes],
        None if keys is None else [packed_key(keys[at]) for at in indexes],
    )
    decision = decide_append(world, append, now)
    reply = decision.reply
    if isinstance(reply, Refused):
        return decision
    assert isinstance(reply, Appended), "an append is answered so"
    places: dict[int, tuple[list[int], int]] = {}
    for at, number, offset in zip(indexes, reply.partitions, reply.offsets, strict=True):
        if number in places:
            places[number][0].append(at)
        else:
            places[number] = ([at], offset)
    routed = [
        RoutedGroup(those, ((topic.partitions[number], first),))
        for number, (those, first) in places.items()
    ]
    return Part(decision.records, routed)


def packed_key(key: str | None) -> bytes | None:
    """A key as topics have it."""
    return None if key is None else key.encode("utf-8", "surrogatepass")
