"""Publishes that leave out full queues, and topics that are reached by their names."""

import pytest

from postroad.model import commands
from postroad.model.ask import Ask
from postroad.model.batch import Batch, BatchDone
from postroad.model.exchanges import (
    FANOUT,
    OF_TOPIC,
    TO_TOPIC,
    PublishTo,
    Routed,
)
from postroad.model.message import plain_head
from postroad.model.policy import QueueSettings
from postroad.model.replies import Refused, Why
from tests.unit.core.exchanges.switch import Switch
from tests.unit.core.exchanges.test_topics import log, topic


def switch(**settings: object) -> Switch:
    """`x` leads to `a`, which has settings, and to `b`."""
    s = Switch("b")
    s.road.declare("a", **settings)
    s.exchange("x", FANOUT)
    s.bind("x", "a")
    s.bind("x", "b")
    return s


def test_a_full_queue_is_left_out_for_what_it_has_no_room_for() -> None:
    s = switch(length_max=2)
    routed = s.publish("x", ["1", "2", "3", "4"], skip_full=True)
    assert (routed.full, routed.unroutable) == ((2, 3), ())
    assert s.held() == {"a": ["1", "2"], "b": ["1", "2", "3", "4"]}
    assert s.publish("x", ["5"], skip_full=True).full == (0,)
    s.road.ask(commands.PurgeQueue("a"))
    assert s.publish("x", ["6"], skip_full=True).full == ()
    assert s.held()["a"] == ["6"]
    s.check()


def test_bytes_count_message_by_message() -> None:
    s = switch(bytes_max=5)
    routed = s.publish("x", ["123", "456", "78", ""], skip_full=True)
    assert routed.full == (1,)
    assert s.held() == {"a": ["123", "78", ""], "b": ["123", "456", "78", ""]}


def test_without_it_a_full_queue_refuses_all() -> None:
    s = switch(length_max=2)
    refused = s.road.ask(PublishTo("x", ("",), [b"1", b"2", b"3"]))
    assert isinstance(refused, Refused)
    assert refused.why is Why.QUEUE_FULL


def test_what_goes_nowhere_but_to_a_full_queue_is_full_and_not_unroutable() -> None:
    s = Switch("b")
    s.road.declare("a", length_max=1)
    routed = s.publish("", ["1", "2", "3", "4"], ["a", "a", "none", "b"], skip_full=True)
    assert (routed.full, routed.unroutable) == ((1,), (2,))
    assert s.publish("", ["5"], ["a"], skip_full=True, mandatory=True).full == (0,)
    assert s.held() == {"a": ["1"], "b": ["4"]}
    s.check()


def test_a_full_queue_that_knows_ids_is_left_out_for_all_of_a_publish() -> None:
    s = switch(length_max=2, dedup_window_ms=10_000)
    routed = s.publish("x", ["1", "2", "3"], dedup_ids=["i", "j", "k"], skip_full=True)
    assert routed.full == (0, 1, 2)
    assert s.held() == {"a": [], "b": ["1", "2", "3"]}
    again = s.publish("x", ["1", "1", "2"], dedup_ids=["i", "i", "j"], skip_full=True)
    assert again.full == ()
    assert s.held()["a"] == ["1", "2"]
    s.check()


def test_what_is_refused_to_the_dead_letters_goes_there_behind_what_was_taken() -> None:
    s = switch(length_max=1, overflow="reject-dead-letter", dead_letter_queue="d")
    s.road.declare("d")
    routed = s.publish("x", ["1", "2", "3"], skip_full=True)
    assert routed.full == (1, 2)
    s.road.settle_down()
    assert s.held() == {"a": ["1"], "b": ["1", "2", "3"], "d": ["2", "3"]}
    s.check()


def test_publishes_of_one_turn_are_each_told_what_was_full() -> None:
    s = switch(length_max=3)
    caller = s.road.caller
    asks: list[Ask] = [
        s.road.ask_of(caller, PublishTo("x", ("",), bodies, skip_full=True))
        for bodies in ([b"1", b"2"], [b"3", b"4"], [b"5"])
    ]
    step = s.road.core.decide_together(asks, s.road.now)
    assert step is not None
    s.road.take(step)
    told = [reply for _, reply in s.road.told[-3:]]
    assert [one.full for one in told if isinstance(one, Routed)] == [(), (1,), (0,)]
    assert s.held() == {"a": ["1", "2", "3"], "b": ["1", "2", "3", "4", "5"]}


def test_a_batch_may_publish_to_a_bounded_queue_twice_where_nothing_can_be_refused() -> None:
    s = switch(length_max=3)
    two = PublishTo("x", ("",), [b"1", b"2"], skip_full=True)
    done = s.road.ask(Batch((two, two), all_or_nothing=True))
    assert isinstance(done, BatchDone)
    assert [one.full for one in done.replies if isinstance(one, Routed)] == [(), (1,)]


def test_a_name_of_a_topic_leads_to_it_and_on_along_its_bindings() -> None:
    s = Switch("a", "b")
    topic(s, "t")
    routed = s.publish("", ["1", "2", "3"], ["t", "a", "none"])
    assert routed.unroutable == (2,)
    assert log(s, "t") == [b"1"]
    s.bind("t", "b", source_kind=OF_TOPIC)
    assert s.publish("", ["4", "5"], ["t"]).unroutable == ()
    assert log(s, "t") == [b"1", b"4", b"5"]
    assert s.held() == {"a": ["2"], "b": ["4", "5"]}
    s.check()


def test_a_filter_behind_a_topic_counts_though_it_is_reached_by_its_name() -> None:
    s = Switch("b")
    topic(s, "t")
    s.bind("t", "b", source_kind=OF_TOPIC, filter='{"n": ["1"]}')
    heads = [plain_head({"n": str(n)}) for n in (1, 2)]
    s.publish("", ["1", "2"], ["t"], heads=heads)
    assert log(s, "t") == [b"1", b"2"]
    assert s.held() == {"b": ["1"]}


@pytest.mark.parametrize("delay_ms", [None, 0, 100])
def test_a_topic_takes_no_message_that_is_to_wait(delay_ms: int | None) -> None:
    s = Switch("a")
    topic(s, "t")
    s.exchange("x", FANOUT)
    s.bind("x", "t", target_kind=TO_TOPIC)
    s.bind("x", "a")
    reply = s.road.ask(PublishTo("x", ("",), [b"1"], delays_ms=[delay_ms]))
    if delay_ms:
        assert isinstance(reply, Refused)
        assert reply.why is Why.BAD_COMMAND
        assert s.held() == {"a": []}
    else:
        assert isinstance(reply, Routed)
        assert log(s, "t") == [b"1"]


def test_a_queue_may_have_every_setting_and_still_be_left_out() -> None:
    s = Switch("b")
    settings = QueueSettings(length_max=1, kind="priority", delay_ms=50)
    s.road.ask(commands.DeclareQueue("a", settings))
    routed = s.publish("", ["1", "2"], ["a"], priorities=[1, 9], skip_full=True)
    assert routed.full == (1,)
    s.road.wait(50)
    assert [one.body for one in s.road.receive("a", 5)] == [b"1"]
    s.check()
