"""Groups of mode lease: each message of a topic to one of the group, until it is settled."""

from postroad.model import commands, groups, topics
from postroad.model.replies import Listed, Received, Settled, Why
from tests.unit.core.topics.log_road import LogRoad, bodies


def shared(partitions: int = 1, **settings: object) -> LogRoad:
    road = LogRoad()
    road.topic(partitions=partitions)
    road.share(**settings)  # type: ignore[arg-type]
    return road


def test_each_message_goes_to_one_of_the_group_and_stays_in_the_log() -> None:
    road = shared()
    road.append(b"a", b"b", b"c")
    first = road.lease(2)
    assert bodies(first) == [b"a", b"b"]
    assert [message.offset for message in first] == [0, 1]
    assert bodies(road.lease(5)) == [b"c"]
    assert road.lease(5) == []
    assert road.settle(first) == []
    assert road.bodies() == [b"a", b"b", b"c"]
    road.check()


def test_two_groups_each_get_everything() -> None:
    road = shared()
    road.share("other")
    road.append(b"a", b"b")
    assert bodies(road.lease(5)) == bodies(road.lease(5, "other")) == [b"a", b"b"]
    road.check()


def test_a_lease_that_lapses_is_given_again_and_counted() -> None:
    road = shared(lease_ms=100)
    road.append(b"a")
    assert road.lease()[0].delivery_count == 1
    road.wait(100)
    assert road.lease()[0].delivery_count == 2


def test_what_fails_too_often_goes_to_the_dead_letters() -> None:
    road = shared(deliveries_max=2, dead_letter_queue="dead")
    road.declare("dead")
    road.append(b"bad", b"good")
    for _ in range(2):
        road.settle(road.lease(), commands.RETRY, after_ms=0)
    road.settle_down()
    dead = road.receive("dead")
    assert bodies(dead) == [b"bad"]
    assert dead[0].note is not None
    assert dead[0].note.deaths[0].queue == "t/g"
    assert bodies(road.lease(5)) == [b"good"]
    assert road.bodies() == [b"bad", b"good"]
    road.check()


def test_a_receive_waits_for_any_partition() -> None:
    road = shared(partitions=3)
    assert road.ask(groups.ReceiveShare("t", "g", wait_ms=1_000)) is None
    road.append(b"a", partition=2)
    road.pump()
    reply = road.told[-1][1]
    assert isinstance(reply, Received)
    assert bodies(reply.messages) == [b"a"]
    assert road.ask(groups.ReceiveShare("t", "g", wait_ms=1_000)) is None
    road.wait(1_000)
    assert road.told[-1][1] == Received([])


def test_partitions_have_their_turns() -> None:
    road = shared(partitions=3)
    for number in (0, 1, 2):
        road.append(b"%d" % number, b"%d" % number, partition=number)
    assert [bodies(road.lease())[0] for _ in range(6)] == [b"0", b"1", b"2", b"0", b"1", b"2"]


def test_a_partition_added_later_belongs_to_the_group_too() -> None:
    road = shared()
    road.ask(topics.ChangeTopic("t", partitions=3))
    road.append(b"a", partition=2)
    assert bodies(road.lease()) == [b"a"]
    road.check()


def test_a_group_begins_where_it_is_told() -> None:
    road = LogRoad()
    road.topic()
    road.append(*[b"%d" % one for one in range(10)])
    road.now += 100
    at = road.now
    road.append(b"10", b"11")
    road.share("old", start="earliest")
    road.share("new", start="latest")
    road.share("then", start=at)
    assert len(road.lease(100, "old")) == 12
    assert road.lease(100, "new") == []
    assert bodies(road.lease(100, "then")) == [b"10", b"11"]
    road.check()


def test_a_group_behind_its_log_catches_up_in_slices() -> None:
    road = LogRoad()
    road.topic()
    for _ in range(60):
        road.append(*[b"x"] * 10_000)
    road.ask(groups.DeclareGroup("t", "g", start="earliest"))
    assert road.tick()
    road.append(b"meanwhile")
    road.check()
    road.settle_down()
    described = road.ask(groups.DescribeGroup("g", "t"))
    assert isinstance(described, groups.GroupDescribed)
    assert described.parts[0].lag == 600_001
    assert len(road.lease(100_000)) == 100_000
    road.check()


def test_what_the_log_forgets_the_group_forgets_but_not_who_works_on_it() -> None:
    road = shared(lease_ms=100)
    road.append(*[b"%d" % one for one in range(9_000)])
    leased = road.lease(5_000)
    road.ask(topics.CutTopic("t", 0, 4_500))
    described = road.ask(groups.DescribeGroup("g", "t"))
    assert isinstance(described, groups.GroupDescribed)
    assert described.parts[0].lag == 4_000
    assert road.settle(leased[:100]) == []
    road.check()
    road.wait(100)
    again = road.lease(10_000)
    assert [message.offset for message in again] == list(range(4_500, 9_000))
    assert road.settle(again) == []
    road.check()
    assert not road.state.hidden[groups.share_name("t", "g", 0)].pages.all


def test_a_group_can_begin_anew_anywhere() -> None:
    road = shared()
    road.append(b"a", b"b", b"c")
    leased = road.lease(3)
    road.settle(leased[:1])
    road.ask(groups.SeekGroup("t", "g", "lease", offset=1))
    road.settle_down()
    again = road.lease(5)
    assert bodies(again) == [b"b", b"c"]
    name = groups.share_name("t", "g", 0)
    old = commands.Settle(name, [1], [leased[1].lease], [1], queue_id=leased[1].queue)
    assert road.why(old) == Why.NO_SUCH_LEASE
    road.check()


def test_the_queues_of_a_group_are_seen_by_nobody() -> None:
    road = shared()
    road.append(b"a")
    assert road.ask(commands.ListQueues()) == Listed([], False)
    name = groups.share_name("t", "g", 0)
    assert road.why(commands.Publish((name,), [b"x"])) == Why.NO_SUCH_QUEUE
    assert road.why(commands.DeleteQueue(name)) == Why.NO_SUCH_QUEUE
    assert road.why(commands.PurgeQueue(name)) == Why.NO_SUCH_QUEUE
    assert road.why(commands.DeclareQueue(name)) == Why.BAD_NAME


def test_a_group_that_is_deleted_leaves_nothing() -> None:
    road = shared(partitions=2)
    road.append(*[b"x"] * 20_000, partition=0)
    assert road.ask(groups.ReceiveShare("t", "g", partition=1, wait_ms=9_000)) is None
    road.lease(5)
    road.ask(groups.DeleteGroup("g", "t"))
    road.settle_down()
    assert not road.state.queues
    assert not road.state.buried
    assert road.why(groups.ReceiveShare("t", "g")) == Why.NO_SUCH_GROUP
    assert getattr(road.told[-2][1], "why", None) == Why.NO_SUCH_GROUP
    road.check()
    road.ask(topics.DeleteTopic("t"))
    road.settle_down()
    assert not road.state.shelves
    road.check()


def test_leases_survive_a_crash_and_can_be_settled() -> None:
    road = shared()
    road.append(b"a", b"b")
    leased = road.lease()
    road.restart(2)
    assert bodies(road.lease(5)) == [b"b"]
    name = groups.share_name("t", "g", 0)
    done = road.ask(commands.Settle(name, [0], [leased[0].lease], [1]))
    assert done == Settled()
    road.check()
