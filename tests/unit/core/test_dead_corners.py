"""Corners of dead letters and of what is remembered for them: what no client may bring about."""

import pytest

from postroad.limits import DURATION_MS_MAX
from postroad.model import commands
from postroad.model.exchanges import Bind, PublishTo, Routed
from postroad.model.fields import Stamp
from postroad.model.replies import Refused
from tests.unit.core.graveyard import bind, graves, head, publish, reject
from tests.unit.core.road import Road


@pytest.mark.parametrize("delay", [2**63 - 1, Stamp(2**64 - 1), DURATION_MS_MAX + 1])
def test_a_delayed_exchange_lets_a_dead_letter_wait_a_century_at_most(delay: int) -> None:
    r = Road()
    graves(r, "fanout", delayed=True)
    r.declare(dead_letter_exchange="graves")
    r.declare("dead")
    bind(r, "dead")
    publish(r, b"x", head("", "q", {"x-delay": delay}))
    reject(r)
    assert r.counts("dead") == (0, 1, 0, 0)
    r.wait(DURATION_MS_MAX)
    assert r.counts("dead") == (1, 0, 0, 0)
    r.check()


@pytest.mark.parametrize("count", [100, 2])
def test_the_way_of_a_message_with_many_or_long_keys_is_not_remembered(count: int) -> None:
    r = Road()
    graves(r)
    r.declare()
    assert r.ask(Bind("graves", "q", key="k-99")) is not None
    many = (*(f"k-{one}" for one in range(count - 2)), "k-99", "l" * 513)
    routes = r.state.exchanges.routes
    for _ in range(2):
        routed = r.ask(PublishTo("graves", ("none",), [b"x"], more_keys=[many]))
        assert isinstance(routed, Routed)
        assert not routed.unroutable
    assert all(len(keys) == 1 for _, keys in routes.by_key)
    assert r.counts() == (2, 0, 0, 0)


def test_a_full_queue_keeps_no_end_of_what_it_refuses_while_dead_letters_cannot_leave() -> None:
    r = Road()
    r.declare(length_max=1, overflow="reject-dead-letter", dead_letter_queue="missing")
    r.publish(b"x")
    many = [b""] * 40_000
    skips = PublishTo("", ("q",), many, skip_full=True)
    for _ in range(3):
        assert isinstance(r.ask(commands.Publish(("q",), many)), Refused)
    assert r.counts() == (1, 0, 0, 120_000)
    assert isinstance(r.ask(commands.Publish(("q",), many)), Refused)
    routed = r.ask(skips)
    assert isinstance(routed, Routed)
    assert len(routed.full) == 40_000
    assert r.counts() == (1, 0, 0, 120_000)
    r.declare("missing")
    r.settle_down()
    assert r.counts("missing")[0] == 120_000
    assert isinstance(r.ask(commands.Publish(("q",), [b"y"])), Refused)
    r.settle_down()
    assert r.counts("missing")[0] == 120_001
