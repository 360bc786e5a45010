"""Who of a group reads which partitions: range, round-robin and sticky.

One rule: the same members, topics and ownership give the same shares, whatever the order they came
in.
"""

from postroad.core.topics.topic import Member
from postroad.model.groups import RANGE, ROUND_ROBIN

Logs = dict[str, list[int]]
"""Topic name -> its partitions by number."""


def assign(strategy: str, members: list[Member], logs: Logs) -> dict[str, list[int]]:
    """Member name -> the partitions it shall read. `members` in order of their names."""
    if strategy == RANGE:
        return _by_range(members, logs)
    if strategy == ROUND_ROBIN:
        return _in_turn(members, logs)
    return _sticky(members, logs)


def _by_range(members: list[Member], logs: Logs) -> dict[str, list[int]]:
    shares: dict[str, list[int]] = {member.name: [] for member in members}
    for topic in sorted(logs):
        readers = [member for member in members if topic in member.topics]
        if not readers:
            continue
        partitions = logs[topic]
        each, more = divmod(len(partitions), len(readers))
        at = 0
        for place, member in enumerate(readers):
            count = each + (1 if place < more else 0)
            shares[member.name].extend(partitions[at : at + count])
            at += count
    return shares


def _in_turn(members: list[Member], logs: Logs) -> dict[str, list[int]]:
    shares: dict[str, list[int]] = {member.name: [] for member in members}
    turn = 0
    for topic in sorted(logs):
        if not any(topic in member.topics for member in members):
            continue
        for partition in logs[topic]:
            while topic not in members[turn % len(members)].topics:
                turn += 1
            shares[members[turn % len(members)].name].append(partition)
            turn += 1
    return shares


def _sticky(members: list[Member], logs: Logs) -> dict[str, list[int]]:
    """First everybody keeps what it has, then what is free goes to those with least, then those
    with most give to those with least."""
    shares: dict[str, list[int]] = {}
    topic_of = {one: topic for topic in sorted(logs) for one in logs[topic]}
    free = dict.fromkeys(topic_of)
    for member in members:
        kept = [
            one
            for one in topic_of
            if one in member.target and one in free and topic_of[one] in member.topics
        ]
        shares[member.name] = kept
        for one in kept:
            del free[one]
    for one in free:
        readers = [member for member in members if topic_of[one] in member.topics]
        if readers:
            least = min(readers, key=lambda member: (len(shares[member.name]), member.name))
            shares[least.name].append(one)
    _even_out(members, shares, topic_of)
    return {name: sorted(share, key=list(topic_of).index) for name, share in shares.items()}


def _even_out(
    members: list[Member], shares: dict[str, list[int]], topic_of: dict[int, str]
) -> None:
    moved = True
    while moved:
        moved = False
        by_load = sorted(members, key=lambda member: (len(shares[member.name]), member.name))
        for low in by_load:
            for high in reversed(by_load):
                if len(shares[high.name]) - len(shares[low.name]) < 2:
                    break
                give = [one for one in shares[high.name] if topic_of[one] in low.topics]
                if give:
                    shares[high.name].remove(give[-1])
                    shares[low.name].append(give[-1])
                    moved = True
                    break
            if moved:
                break
