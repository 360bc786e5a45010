"""Groups of mode offset: members share the partitions, and remember how far they read."""

from typing import Any

import pytest

from postroad.core.topics.assign import assign
from postroad.core.topics.topic import Member
from postroad.model import groups, topics
from postroad.model.replies import Done, Why
from tests.unit.core.topics.log_road import LogRoad


class Reader:
    """A member that does what it is told."""

    def __init__(self, road: LogRoad, name: str, strategy: str = "range") -> None:
        self.road = road
        self.name = name
        self.take(road.ask(groups.JoinGroup("g", name, ("t",), strategy, 10_000)))

    def take(self, reply: Any) -> None:
        assert isinstance(reply, groups.Membership), reply
        self.generation = reply.generation
        self.owned = reply.assignment
        self.numbers = [number for _, number in reply.assignment]
        self.complete = reply.complete

    def beat(self) -> None:
        command = groups.Heartbeat("g", self.name, self.generation, self.owned)
        self.take(self.road.ask(command))

    def commit(self, offset: int, number: int = 0) -> Any:
        position = groups.Position("t", number, offset, "m")
        return self.road.ask(groups.CommitOffsets("g", (position,), self.name, self.generation))


def settled(readers: list[Reader]) -> dict[str, list[int]]:
    for _ in range(3):
        for reader in readers:
            reader.beat()
    assert all(reader.complete for reader in readers)
    return {reader.name: [number for _, number in reader.owned] for reader in readers}


@pytest.mark.parametrize("strategy", groups.STRATEGIES)
def test_of_six_members_on_four_partitions_two_are_idle_until_there_are_six(strategy: str) -> None:
    road = LogRoad()
    road.topic(partitions=4)
    readers = [Reader(road, f"m{one}", strategy) for one in range(6)]
    shares = settled(readers)
    assert sorted(len(share) for share in shares.values()) == [0, 0, 1, 1, 1, 1]
    assert sorted(number for share in shares.values() for number in share) == [0, 1, 2, 3]
    road.ask(topics.ChangeTopic("t", partitions=6))
    shares = settled(readers)
    assert sorted(len(share) for share in shares.values()) == [1] * 6


def test_a_partition_is_given_on_only_once_it_was_let_go() -> None:
    road = LogRoad()
    road.topic(partitions=2)
    first = Reader(road, "a")
    assert first.numbers == [0, 1]
    second = Reader(road, "b")
    assert second.numbers == []
    assert not second.complete
    first.beat()
    assert first.numbers == [0]
    second.beat()
    assert second.numbers == []
    first.beat()
    second.beat()
    assert second.numbers == [1]
    assert second.complete


def test_a_silent_member_is_out_and_its_commits_do_not_count() -> None:
    road = LogRoad()
    road.topic(partitions=2)
    first, second = Reader(road, "a"), Reader(road, "b")
    settled([first, second])
    road.wait(9_000)
    second.beat()
    road.wait(1_000)
    second.beat()
    assert second.owned == (("t", 0), ("t", 1))
    position = groups.Position("t", 0, 5)
    late = groups.CommitOffsets("g", (position,), "a", first.generation)
    assert road.why(late) == Why.NO_SUCH_MEMBER
    assert road.why(groups.Heartbeat("g", "a", first.generation, first.owned)) == Why.NO_SUCH_MEMBER


def test_a_commit_counts_only_in_the_generation_and_for_what_one_owns() -> None:
    road = LogRoad()
    road.topic(partitions=2)
    first = Reader(road, "a")
    assert first.commit(3) == Done()
    second = Reader(road, "b")
    position = groups.Position("t", 0, 9)
    wrong = groups.CommitOffsets("g", (position,), "b", second.generation)
    assert road.why(wrong) == Why.WRONG_GENERATION
    old = groups.CommitOffsets("g", (position,), "a", first.generation - 1)
    assert road.why(old) == Why.WRONG_GENERATION
    outside = groups.CommitOffsets("g", (position,))
    assert road.why(outside) == Why.WRONG_GENERATION
    assert offset_of(road) == 3


def offset_of(road: LogRoad, number: int = 0) -> int:
    described = road.ask(groups.DescribeGroup("g"))
    assert isinstance(described, groups.GroupDescribed)
    return next((part.offset for part in described.parts if part.partition == number), -1)


def test_what_was_committed_is_there_after_a_crash_and_generations_go_on() -> None:
    road = LogRoad()
    road.topic()
    road.append(b"a", b"b", b"c")
    reader = Reader(road, "a")
    generation = reader.generation
    reader.commit(2)
    road.restart(2)
    described = road.ask(groups.DescribeGroup("g"))
    assert isinstance(described, groups.GroupDescribed)
    part = described.parts[0]
    assert (part.offset, part.lag, part.metadata) == (2, 1, "m")
    assert described.members == []
    assert Reader(road, "a").generation > generation
    road.restart(3, road.cut(), len(road.steps))
    assert offset_of(road) == 2
    assert Reader(road, "a").generation > generation + 1


def test_a_group_without_members_takes_commits_from_outside() -> None:
    road = LogRoad()
    road.topic()
    assert road.ask(groups.CommitOffsets("g", (groups.Position("t", 0, 7),))) == Done()
    assert offset_of(road) == 7
    road.ask(groups.SeekGroup("t", "g", "offset", "latest"))
    assert offset_of(road) == 0
    road.check()


def test_a_group_with_members_is_not_moved_or_deleted() -> None:
    road = LogRoad()
    road.topic()
    Reader(road, "a")
    assert road.why(groups.SeekGroup("t", "g", "offset", "latest")) == Why.GROUP_IN_USE
    assert road.why(groups.DeleteGroup("g")) == Why.GROUP_IN_USE
    road.ask(groups.LeaveGroup("g", "a"))
    assert road.ask(groups.DeleteGroup("g")) == Done()
    assert road.why(groups.DescribeGroup("g")) == Why.NO_SUCH_GROUP
    road.check()


def test_members_of_a_group_share_in_one_way() -> None:
    road = LogRoad()
    road.topic()
    Reader(road, "a", "range")
    other = groups.JoinGroup("g", "b", ("t",), "sticky")
    assert road.why(other) == Why.SETTINGS_DIFFER


def member(name: str, *names: str, has: tuple[int, ...] = ()) -> Member:
    found = Member(name, names, 1)
    found.target = set(has)
    return found


def test_range_gives_each_topic_in_runs() -> None:
    members = [member("a", "s", "t"), member("b", "t")]
    assert assign("range", members, {"s": [1, 2], "t": [3, 4, 5]}) == {
        "a": [1, 2, 3, 4],
        "b": [5],
    }


def test_round_robin_gives_one_by_one_to_those_who_want_it() -> None:
    members = [member("a", "s", "t"), member("b", "t"), member("c", "s")]
    assert assign("round-robin", members, {"s": [1, 2], "t": [3, 4, 5]}) == {
        "a": [1, 3, 5],
        "b": [4],
        "c": [2],
    }


def test_sticky_moves_as_little_as_being_even_allows() -> None:
    members = [member("a", "t", has=(1, 2, 3)), member("b", "t", has=(4, 5, 6)), member("c", "t")]
    shares = assign("sticky", members, {"t": [1, 2, 3, 4, 5, 6]})
    assert sorted(map(len, shares.values())) == [2, 2, 2]
    assert set(shares["a"]) < {1, 2, 3}
    assert set(shares["b"]) < {4, 5, 6}
    left = assign("sticky", members[:2], {"t": [1, 2, 3, 4, 5, 6]})
    assert left == {"a": [1, 2, 3], "b": [4, 5, 6]}
