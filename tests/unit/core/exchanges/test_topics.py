"""Topics behind exchanges, and queues behind topics."""

from postroad.model import commands
from postroad.model.exchanges import (
    DIRECT,
    FANOUT,
    OF_TOPIC,
    TO_EXCHANGE,
    TO_TOPIC,
    Bind,
    BindingsListed,
    ListBindings,
)
from postroad.model.message import plain_head
from postroad.model.replies import Refused, Why
from postroad.model.topics import Append, Appended, DeclareTopic, DeleteTopic, TopicSettings
from tests.unit.core.exchanges.switch import Switch


def topic(s: Switch, name: str, partitions: int = 1, **settings: object) -> None:
    made = s.road.ask(DeclareTopic(name, partitions, TopicSettings(**settings)))  # type: ignore[arg-type]
    assert not isinstance(made, Refused), made


def log(s: Switch, name: str, number: int = 0) -> list[bytes]:
    """The bodies of a partition, as they rest on its shelf."""
    state = s.road.state
    partition = state.topics.partitions[state.topics.by_name[name].partitions[number]]
    held = s.road.library.held
    return [held[partition.id, index][0] for index in range(partition.start, partition.end)]


def test_an_exchange_may_lead_to_a_topic() -> None:
    s = Switch("a")
    topic(s, "t")
    s.exchange("x", DIRECT)
    s.bind("x", "t", "k", target_kind=TO_TOPIC)
    s.bind("x", "t", "both", target_kind=TO_TOPIC)
    s.bind("x", "a", "both")
    routed = s.publish("x", ["1", "2", "3", "4"], ["k", "both", "none", "k"])
    assert routed.unroutable == (2,)
    assert log(s, "t") == [b"1", b"2", b"4"]
    assert s.held() == {"a": ["2"]}
    assert [(group.indexes, group.places[0][1]) for group in routed.groups] == [
        ([1], 0),
        ([0, 1, 3], 0),
    ]
    assert s.send("x", "5", "k").unroutable == ()
    s.check()


def test_keys_choose_the_partition_behind_an_exchange_too() -> None:
    s = Switch()
    topic(s, "t", 4)
    s.exchange("x", FANOUT)
    s.bind("x", "t", target_kind=TO_TOPIC)
    keys = [f"k{number % 5}" for number in range(20)]
    routed = s.publish("x", keys, ordering_keys=keys)
    parts = [log(s, "t", number) for number in range(4)]
    assert sorted(one for part in parts for one in part) == sorted(key.encode() for key in keys)
    for key in set(keys):
        assert sum(key.encode() in part for part in parts) == 1
    assert sorted(at for group in routed.groups for at in group.indexes or ()) == list(range(20))
    s.check()


def test_a_topic_that_refuses_refuses_all_of_it() -> None:
    s = Switch("a")
    topic(s, "t", compact=True)
    s.exchange("x", FANOUT)
    s.bind("x", "a")
    s.bind("x", "t", target_kind=TO_TOPIC)
    assert "compacted" in s.refusal("x", ["1"]).text
    assert s.held() == {"a": []}


def test_what_is_appended_to_a_topic_goes_on_along_its_bindings() -> None:
    s = Switch("a", "b", "c")
    topic(s, "t")
    topic(s, "u")
    s.exchange("x", FANOUT)
    s.bind("t", "a", source_kind=OF_TOPIC)
    s.bind("t", "b", source_kind=OF_TOPIC, filter='{"n": [1]}')
    s.bind("t", "x", source_kind=OF_TOPIC, target_kind=TO_EXCHANGE)
    s.bind("x", "u", target_kind=TO_TOPIC)
    s.bind("u", "t", source_kind=OF_TOPIC, target_kind=TO_TOPIC)
    s.bind("u", "c", source_kind=OF_TOPIC)
    heads = [plain_head({"n": 1}), plain_head({"n": 2})]
    reply = s.road.ask(Append("t", [b"1", b"2"], heads))
    assert isinstance(reply, Appended)
    assert list(reply.offsets) == [0, 1]
    assert log(s, "t") == log(s, "u") == [b"1", b"2"]
    assert s.held() == {"a": ["1", "2"], "b": ["1"], "c": ["1", "2"]}
    s.send("x", "3")
    assert log(s, "t") == log(s, "u") == [b"1", b"2", b"3"], "a circle comes to an end"
    assert s.held()["a"] == ["1", "2", "3"]
    listed = s.road.ask(ListBindings("t", source_kind=OF_TOPIC))
    assert isinstance(listed, BindingsListed)
    seen = [(one.source, one.source_kind, one.target_kind) for one in listed.bindings]
    assert seen == [("t", "topic", kind) for kind in ("queue", "queue", "exchange")]
    s.unbind("t", "a", source_kind=OF_TOPIC)
    s.road.ask(Append("t", [b"4"]))
    assert s.held()["a"] == ["1", "2", "3"]
    s.check()


def test_a_queue_behind_a_topic_may_refuse_the_append() -> None:
    s = Switch()
    topic(s, "t")
    s.road.declare("small", length_max=1)
    s.road.declare("young", length_max=1, overflow="drop-oldest")
    s.bind("t", "small", source_kind=OF_TOPIC)
    s.bind("t", "young", source_kind=OF_TOPIC)
    s.road.ask(Append("t", [b"1"]))
    refused = s.road.ask(Append("t", [b"2"]))
    assert isinstance(refused, Refused)
    assert refused.why == Why.QUEUE_FULL
    assert log(s, "t") == [b"1"]
    s.delete_queue("small")
    s.road.ask(Append("t", [b"2"]))
    assert log(s, "t") == [b"1", b"2"]
    assert s.held() == {"young": ["2"]}
    s.check()


def test_bindings_of_a_topic_that_is_deleted_go_with_it() -> None:
    s = Switch("a")
    topic(s, "t")
    s.exchange("x", FANOUT, until_unbound=True)
    s.bind("t", "a", source_kind=OF_TOPIC)
    s.bind("x", "t", target_kind=TO_TOPIC)
    rows = s.road.cut()
    s.road.restart(2, rows, len(s.road.steps))
    s.road.state.check()
    s.road.ask(DeleteTopic("t"))
    s.road.settle_down()
    assert not s.road.state.exchanges.bindings
    assert not s.road.state.exchanges.by_name
    s.road.state.check()


def test_ends_that_are_no_topics_are_refused() -> None:
    s = Switch("a")
    s.exchange("x", FANOUT)
    assert s.refused_bind("x", "a", target_kind=TO_TOPIC) == Why.NO_SUCH_TOPIC
    assert s.refused_bind("a", "a", source_kind=OF_TOPIC) == Why.NO_SUCH_TOPIC
    assert s.refused_bind("x", "a", source_kind="star") == Why.BAD_COMMAND
    unbound = s.road.ask(Bind("x", "a", source_kind=5))  # type: ignore[arg-type]
    assert isinstance(unbound, Refused)
    assert s.road.ask(commands.DeleteQueue("a"))
