"""Messages that live for no time: they are for who waits as they come, or over."""

from typing import Any

import pytest

from postroad.core.decision import Missing
from postroad.core.records import Expired
from postroad.limits import FLEETING_QUEUES
from postroad.model.commands import Attach, DeclareQueue, Publish, Receive
from postroad.model.policy import QueueSettings
from postroad.model.replies import Received, Refused
from tests.unit.core.road import Road, bodies_of


def queue(r: Road, *, whole: bool, **settings: Any) -> dict[str, Any]:
    """A queue all of whose messages live for no time, or what says so of one."""
    if whole:
        settings["ttl_ms"] = 0
    r.declare(**settings)
    return {} if whole else {"ttls_ms": [0]}


@pytest.mark.parametrize("whole", [True, False])
def test_without_anybody_who_waits_it_is_over_before_the_next_is_heard(whole: bool) -> None:
    r = Road()
    own = queue(r, whole=whole)
    asked = [r.ask_of(r.caller, one) for one in (Publish(("q",), [b"1"], **own), Receive("q"))]
    for one in asked:
        step = r.core.handle(one, r.now)
        r.take(step)  # type: ignore[arg-type]
    got = dict(r.told)[asked[1].number]
    assert isinstance(got, Received)
    assert not got.messages
    assert r.counts() == (0, 0, 0, 0)
    r.check()


@pytest.mark.parametrize("whole", [True, False])
def test_who_waits_gets_it_and_a_later_one_does_not(whole: bool) -> None:
    r = Road()
    own = queue(r, whole=whole)
    assert r.ask(Receive("q", 1, None, 1_000)) is None
    waiting = r.asked
    r.publish(b"for you", **own)
    got = dict(r.told)[waiting]
    assert isinstance(got, Received)
    assert bodies_of(got.messages) == [b"for you"]
    r.publish(b"for nobody", **own)
    assert not r.receive()
    assert r.counts() == (0, 0, 1, 0)
    r.check()


@pytest.mark.parametrize("whole", [True, False])
def test_a_consumer_is_given_as_many_as_it_has_room_for(whole: bool) -> None:
    r = Road()
    queue(r, whole=whole)
    r.ask(Attach("q", 1, credit=2))
    own: dict[str, Any] = {} if whole else {"ttls_ms": [0, 0, 0]}
    r.publish(b"1", b"2", b"3", **own)
    assert r.counts() == (0, 0, 2, 0)
    r.check()


@pytest.mark.parametrize("whole", [True, False])
def test_what_nobody_waits_for_goes_to_the_dead_letters(whole: bool) -> None:
    r = Road()
    r.declare("dead")
    dying: dict[str, Any] = {"dead_letter_queue": "dead", "expired_to_dead_letters": True}
    own = queue(r, whole=whole, **dying)
    r.publish(b"dead", **own)
    r.settle_down()
    (letter,) = r.receive("dead")
    assert letter.body == b"dead"
    assert letter.note is not None
    assert [one.reason for one in letter.note.deaths] == ["expired"]
    r.check()


def test_in_more_queues_than_one_step_may_have_the_rest_goes_with_time() -> None:
    r = Road()
    names = tuple(f"q{at:04}" for at in range(FLEETING_QUEUES + 2))
    for name in names:
        r.declare(name)
    # More would get there in slices, and each of these is one step.
    r.core.world.fanout_queues_max = len(names)
    before = len(r.steps)
    step = r.core.handle(r.ask_of(r.caller, Publish(names, [b"1"], ttls_ms=[0])), r.now)
    assert not isinstance(step, Missing)
    r.take(step)
    assert sum(isinstance(one, Expired) for one in r.records(before)) == FLEETING_QUEUES
    r.settle_down()
    assert not any(r.queue(name).pages.length for name in names)
    r.check()


def test_others_of_the_same_publish_live_on() -> None:
    r = Road()
    r.declare()
    r.publish(b"short", b"long", b"ever", ttls_ms=[0, 10_000, None])
    assert bodies_of(r.receive(count=9)) == [b"long", b"ever"]


def test_a_queue_may_let_messages_live_for_no_time_but_not_for_less() -> None:
    r = Road()
    refused = r.ask(DeclareQueue("q", QueueSettings(ttl_ms=-1)))
    assert isinstance(refused, Refused)
    assert "`ttl_ms` is from 0" in refused.text
