"""Logs: messages stay where they are, and are read from any place."""

from postroad.model import topics
from postroad.model.commands import DeclareQueue, ListQueues
from postroad.model.replies import Listed, Why
from tests.unit.core.topics.log_road import LogRoad


def test_what_was_published_is_read_from_any_offset_in_order() -> None:
    road = LogRoad()
    road.topic()
    done = road.append(b"a", b"b", b"c")
    assert (list(done.partitions), list(done.offsets)) == ([0, 0, 0], [0, 1, 2])
    road.append(b"d")
    assert road.bodies() == [b"a", b"b", b"c", b"d"]
    assert road.bodies(2) == [b"c", b"d"]
    part = road.fetch(1, count=2)
    assert [message.offset for message in part.messages] == [1, 2]
    assert (part.start, part.end, part.next_offset) == (0, 4, 3)
    road.check()


def test_reading_takes_nothing_away() -> None:
    road = LogRoad()
    road.topic()
    road.append(b"a")
    assert road.bodies() == road.bodies() == [b"a"]


def test_a_fetch_takes_about_the_bytes_it_may() -> None:
    road = LogRoad()
    road.topic()
    road.append(*[b"x" * 100] * 50)
    assert len(road.fetch(0, bytes_max=1_000).messages) == 10
    assert len(road.fetch(0, bytes_max=1).messages) == 1


def test_an_offset_that_is_not_there_yields_nothing_and_says_what_is() -> None:
    road = LogRoad()
    road.topic()
    road.append(b"a")
    part = road.fetch(7, wait_ms=1_000)
    assert (part.messages, part.start, part.end) == ([], 0, 1)
    part = road.fetch(0, number=3, wait_ms=1_000)
    assert (part.start, part.end) == (-1, -1)


def test_a_fetch_waits_for_the_next_message() -> None:
    road = LogRoad()
    road.topic()
    assert road.fetch(0, wait_ms=1_000) is None
    road.append(b"a")
    road.pump()
    reply = road.told[-1][1]
    assert isinstance(reply, topics.Fetched)
    assert [message.body for message in reply.parts[0].messages] == [b"a"]


def test_a_fetch_waits_for_as_many_bytes_as_it_wants_and_takes_what_is_there_in_the_end() -> None:
    road = LogRoad()
    road.topic()
    assert road.fetch(0, wait_ms=1_000, bytes_min=100) is None
    road.append(b"a")
    told = len(road.told)
    road.pump()
    assert len(road.told) == told
    road.wait(1_000)
    reply = road.told[-1][1]
    assert isinstance(reply, topics.Fetched)
    assert len(reply.parts[0].messages) == 1


def test_messages_of_a_key_go_to_one_partition_in_order() -> None:
    road = LogRoad()
    road.topic(partitions=4)
    keys = [b"k%d" % (one % 7) for one in range(70)]
    done = road.append(*[b"%d" % one for one in range(70)], keys=keys)
    of_key = dict(zip(keys, done.partitions, strict=True))
    assert list(done.partitions) == [of_key[key] for key in keys]
    assert len(set(of_key.values())) > 1
    for number in range(4):
        assert road.bodies(0, number) == [
            b"%d" % one for one in range(70) if of_key[keys[one]] == number
        ]
    road.check()


def test_messages_without_a_key_go_to_one_partition_after_another() -> None:
    road = LogRoad()
    road.topic(partitions=3)
    assert [road.append(b"x").partitions[0] for _ in range(6)] == [0, 1, 2, 0, 1, 2]


def test_a_partition_may_be_named() -> None:
    road = LogRoad()
    road.topic(partitions=3)
    road.append(b"x", partition=2)
    assert road.bodies(0, 2) == [b"x"]
    assert road.why(topics.Append("t", [b"x"], partition=3)) == Why.NO_SUCH_PARTITION


def test_partitions_are_added_and_never_taken_away() -> None:
    road = LogRoad()
    road.topic(partitions=2)
    road.append(b"a", partition=1)
    road.ask(topics.ChangeTopic("t", partitions=4))
    road.append(b"b", partition=3)
    assert road.bodies(0, 1) == [b"a"]
    assert road.bodies(0, 3) == [b"b"]
    assert road.why(topics.ChangeTopic("t", partitions=3)) == Why.BAD_SETTINGS
    road.check()


def test_a_time_is_found_to_the_message() -> None:
    road = LogRoad()
    road.topic()
    times = []
    for one in range(30):
        times.append(road.now)
        road.append(b"%d" % one, b"x" * 30_000)
        road.now += 10
    for one, at in enumerate(times):
        assert road.find(at) == 2 * one
        assert road.find(at - 5) == 2 * one
    assert road.find(road.now) == 60
    assert (road.find("earliest"), road.find("latest")) == (0, 60)


def test_a_topic_and_a_queue_share_their_names() -> None:
    road = LogRoad()
    road.topic("t")
    road.declare("q")
    assert road.why(DeclareQueue("t")) == Why.NAME_TAKEN
    assert road.why(topics.DeclareTopic("q")) == Why.NAME_TAKEN


def test_declaring_again_is_fine_unless_what_one_cares_about_differs() -> None:
    road = LogRoad()
    road.topic(partitions=2, retention_ms=5)
    again = road.ask(topics.DeclareTopic("t", 2))
    assert isinstance(again, topics.TopicDeclared)
    assert not again.created
    assert road.why(topics.DeclareTopic("t", 3, compare=("partitions",))) == Why.SETTINGS_DIFFER
    other = topics.DeclareTopic("t", 2, compare=("retention_ms",))
    assert road.why(other) == Why.SETTINGS_DIFFER


def test_topics_are_listed_apart_from_queues() -> None:
    road = LogRoad()
    for name in ("b", "a", "ab"):
        road.topic(name)
    road.declare("q")
    assert road.ask(topics.ListTopics()) == Listed(["a", "ab", "b"], False)
    assert road.ask(topics.ListTopics("a", "", 1)) == Listed(["a"], True)
    assert road.ask(topics.ListTopics("a", "a")) == Listed(["ab"], False)
    assert road.ask(ListQueues()) == Listed(["q"], False)


def test_old_messages_leave_a_block_or_a_part_of_their_time_at_once() -> None:
    road = LogRoad()
    road.topic(retention_ms=8_192)
    for one in range(20):
        road.append(b"%d" % one)
        road.wait(1_000)
    assert road.bodies(road.log().start) == [b"%d" % one for one in range(12, 20)]
    road.wait(100_000)
    assert road.log().start == 20
    road.append(b"new")
    assert road.bodies(20) == [b"new"]
    road.check()


def test_too_many_bytes_leave_in_blocks() -> None:
    road = LogRoad()
    road.topic(retention_bytes=300_000)
    for _ in range(100):
        road.append(b"x" * 10_000)
        road.settle_down()
    assert 300_000 <= road.log().size <= 300_000 + 128 * 1024 + 10_000
    road.check()


def test_a_log_is_cut_before_any_offset() -> None:
    road = LogRoad()
    road.topic()
    road.append(*[b"%d" % one for one in range(10_000)])
    found = road.ask(topics.CutTopic("t", 0, 5_001))
    assert found == topics.OffsetFound(5_001)
    assert road.fetch(0).messages == []
    assert road.bodies(5_001)[0] == b"5001"
    assert road.why(topics.CutTopic("t", 0, 10_001)) == Why.OUT_OF_RANGE
    road.ask(topics.CutTopic("t", 0, 10_000))
    road.append(b"next")
    assert road.bodies(10_000) == [b"next"]
    road.check()


def test_a_deleted_topic_is_freed_in_slices() -> None:
    road = LogRoad()
    road.topic(partitions=2)
    for _ in range(300):
        road.append(b"x" * 100_000)
    road.ask(topics.DeleteTopic("t"))
    assert road.why(topics.DescribeTopic("t")) == Why.NO_SUCH_TOPIC
    freed = road.tick()
    assert len(freed) == 1
    road.settle_down()
    assert not road.state.topics.partitions
    assert not road.state.shelves
    road.topic()
    road.append(b"new")
    assert road.bodies() == [b"new"]
    road.check()


def test_a_topic_comes_back_after_a_crash() -> None:
    road = LogRoad()
    road.topic(partitions=2)
    road.append(b"a", partition=1)
    road.restart(2)
    road.append(b"b", partition=1)
    assert road.bodies(0, 1) == [b"a", b"b"]
    road.restart(3, road.cut(), len(road.steps))
    road.append(b"c", partition=1)
    assert road.bodies(0, 1) == [b"a", b"b", b"c"]


def test_who_waits_for_a_topic_that_is_deleted_is_told() -> None:
    road = LogRoad()
    road.topic()
    assert road.fetch(0, wait_ms=1_000) is None
    road.ask(topics.DeleteTopic("t"))
    road.pump()
    reply = road.told[-1][1]
    assert isinstance(reply, topics.Fetched)
    assert reply.parts[0].start == -1
