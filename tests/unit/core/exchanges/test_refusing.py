"""Publishes that leave out every queue that refuses, for whatever reason, and name it."""

from postroad.limits import ROUTE_RESTS_CACHED_MAX
from postroad.model import commands
from postroad.model.exchanges import FANOUT, PublishTo, Routed
from postroad.model.policy import QueueSettings
from postroad.model.replies import Refused, Why
from postroad.model.schemas import SetSchema
from tests.unit.core.exchanges.switch import Switch
from tests.unit.core.test_schemas import Letters


def switch(**settings: object) -> Switch:
    """`x` leads to `a`, which has settings, and to `b` and `c`."""
    s = Switch("b", "c")
    s.road.declare("a", **settings)
    s.exchange("x", FANOUT)
    for name in "abc":
        s.bind("x", name)
    return s


def test_a_full_queue_is_named_for_what_it_has_no_room_for() -> None:
    s = switch(length_max=2)
    routed = s.publish("x", ["1", "2", "3", "4"], skip_refusing=True)
    assert routed.refused_by == ((2, ("a",)), (3, ("a",)))
    assert routed.full == (2, 3)
    assert s.held() == {"a": ["1", "2"], "b": list("1234"), "c": list("1234")}
    assert s.publish("x", ["5"], skip_refusing=True).refused_by == ((0, ("a",)),)
    s.road.ask(commands.PurgeQueue("a"))
    assert s.publish("x", ["6"], skip_refusing=True).refused_by == ()
    assert s.held()["a"] == ["6"]
    s.check()


def test_a_queue_that_a_message_is_too_large_for_gets_the_others() -> None:
    s = switch(message_bytes_max=3)
    routed = s.publish("x", ["123", "1234", "1"], skip_refusing=True)
    assert (routed.refused_by, routed.full) == (((1, ("a",)),), ())
    assert s.held() == {"a": ["123", "1"], "b": ["123", "1234", "1"], "c": ["123", "1234", "1"]}
    s.check()


def test_a_queue_that_a_message_does_not_fit_gets_the_others() -> None:
    s = switch(length_max=2)
    s.road.core.world.checker = Letters()
    s.road.ask(SetSchema("a", "123"))
    routed = s.publish("x", ["1", "no", "2", "3"], skip_refusing=True)
    assert routed.refused_by == ((1, ("a",)), (3, ("a",)))
    assert routed.full == (3,)
    assert s.held()["a"] == ["1", "2"]
    assert s.held()["b"] == ["1", "no", "2", "3"]
    s.check()


def test_what_is_too_large_takes_no_room_and_the_queue_is_named_once() -> None:
    s = switch(message_bytes_max=3, length_max=1)
    routed = s.publish("x", ["1234", "1", "5678"], skip_refusing=True)
    assert routed.refused_by == ((0, ("a",)), (2, ("a",)))
    assert routed.full == ()
    assert s.held()["a"] == ["1"]
    s.check()


def test_with_skip_full_alone_what_is_too_large_is_refused_by_all() -> None:
    s = switch(message_bytes_max=3)
    refused = s.road.ask(PublishTo("x", ("",), [b"1234"], skip_full=True))
    assert isinstance(refused, Refused)
    assert refused.why is Why.TOO_LARGE
    assert not any(s.held().values())


def test_a_queue_that_takes_nothing_twice_gets_what_it_has_room_for() -> None:
    s = switch(length_max=2, dedup_window_ms=10_000)
    ids = ["i", "j", "i", "k", "l"]
    routed = s.publish("x", list("12345"), dedup_ids=ids, skip_refusing=True)
    assert routed.refused_by == ((3, ("a",)), (4, ("a",)))
    assert s.held() == {"a": ["1", "2"], "b": list("12345"), "c": list("12345")}
    queue = s.road.state.by_name["a"].id
    (of_a,) = [group for group in routed.groups if group.places[0][0] == queue]
    assert (of_a.indexes, of_a.offsets) == ([0, 1, 2], (0, 1, 0))
    s.road.ask(commands.PurgeQueue("a"))
    # What was refused is not known: it may come again.
    again = s.publish("x", ["4", "1"], dedup_ids=["k", "i"], skip_refusing=True)
    assert again.refused_by == ()
    assert s.held()["a"] == ["4"]
    s.check()


def test_bytes_are_counted_for_each_message_that_is_new() -> None:
    s = switch(bytes_max=4, dedup_window_ms=10_000)
    routed = s.publish("x", ["12", "123", "34"], dedup_ids=["i", "j", "k"], skip_refusing=True)
    assert routed.refused_by == ((1, ("a",)),)
    assert s.held()["a"] == ["12", "34"]
    assert s.publish("x", ["5"], dedup_ids=["l"], skip_refusing=True).refused_by == ((0, ("a",)),)
    assert s.held()["a"] == ["12", "34"]
    s.check()


def test_what_is_refused_is_its_publishers_and_dies_in_no_queue() -> None:
    s = switch(length_max=1, overflow="reject-dead-letter", dead_letter_queue="b")
    assert s.publish("x", ["1", "2"], skip_refusing=True).refused_by == ((1, ("a",)),)
    s.road.settle_down()
    assert s.road.counts("a") == (1, 0, 0, 0)
    assert s.held()["b"] == ["1", "2"]
    s.check()


def test_what_nobody_takes_is_refused_and_not_unroutable() -> None:
    s = Switch()
    s.road.declare("a", length_max=1)
    s.exchange("x", FANOUT)
    s.bind("x", "a")
    s.publish("x", ["1"])
    routed = s.publish("x", ["2"], skip_refusing=True, mandatory=True)
    assert routed == Routed((), (), s.road.now, (0,), ((0, ("a",)),))
    assert s.held() == {"a": ["1"]}
    s.check()


def test_other_queues_are_full_each_time() -> None:
    s = Switch()
    s.exchange("x", FANOUT)
    names = [f"q{at:02}" for at in range(2 * ROUTE_RESTS_CACHED_MAX)]
    for name in names:
        s.road.declare(name)
        s.bind("x", name)
    s.publish("x", ["first"])
    for name in names:
        s.road.ask(commands.ChangeQueue(name, QueueSettings(length_max=1)))
        assert s.publish("x", [name], skip_refusing=True).refused_by == ((0, (name,)),)
        s.road.ask(commands.ChangeQueue(name, QueueSettings()))
    held = s.held()
    for name in names:
        assert held[name] == ["first", *[other for other in names if other != name]]
    s.check()
