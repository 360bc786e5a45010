"""One publish to very many queues: what any of them says counts, and time is not forgotten."""

import pytest

from postroad.limits import DUES_MENDED_MAX
from postroad.model import commands
from postroad.model.exchanges import FANOUT, PublishTo
from postroad.model.policy import QueueSettings
from postroad.model.replies import Refused, Why
from tests.unit.core.exchanges.switch import Switch

MANY = 3 * DUES_MENDED_MAX


def fanout(**settings: object) -> Switch:
    """`x` leads to a hundred queues or so, all with these settings."""
    s = Switch()
    s.exchange("x", FANOUT)
    for at in range(MANY):
        s.road.declare(f"q{at}", **settings)
        s.bind("x", f"q{at}")
    return s


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"length_max": 1}, Why.QUEUE_FULL),
        ({"bytes_max": 1}, Why.QUEUE_FULL),
        ({"message_bytes_max": 1}, Why.TOO_LARGE),
    ],
)
def test_a_queue_is_asked_from_the_publish_on_after_its_settings_were_changed(
    changed: dict[str, int], why: Why
) -> None:
    s = fanout()
    s.publish("x", ["12"])
    settings = QueueSettings(**changed)  # type: ignore[arg-type]
    s.road.ask(commands.ChangeQueue("q7", settings))
    refused = s.road.ask(PublishTo("x", ("",), [b"34"]))
    assert isinstance(refused, Refused)
    assert refused.why is why
    assert "`q7`" in refused.text
    s.road.ask(commands.ChangeQueue("q7", QueueSettings()))
    s.publish("x", ["34"])
    assert s.held()["q7"] == ["12", "34"]
    s.check()


def test_one_queue_that_takes_no_message_twice_gets_one_of_two() -> None:
    s = fanout()
    s.publish("x", ["a"])
    s.road.ask(commands.ChangeQueue("q7", QueueSettings(dedup_window_ms=10_000)))
    s.publish("x", ["b", "c"], dedup_ids=["i", "i"])
    assert s.held()["q7"] == ["a", "b"]
    assert s.held()["q8"] == ["a", "b", "c"]
    s.check()


def test_messages_too_old_leave_all_queues_however_often_more_came() -> None:
    s = fanout(retention_ms=8_192_000)
    for _ in range(3):
        s.publish("x", ["old"])
        s.road.now += 1_000
    last_ms = s.road.now - 1_000
    s.road.now = last_ms + 8_192_000
    s.road.settle_down()
    assert not any(s.held().values())
    s.check()


def test_time_comes_back_no_later_than_it_is_due() -> None:
    s = fanout(retention_ms=8_192_000)
    s.publish("x", ["1"])
    first_ms = s.road.core.next_due()
    assert first_ms == s.road.now + 8_192_000
    s.road.now += 1_000
    s.publish("x", ["2"])
    assert first_ms <= s.road.core.next_due() <= first_ms + 1_000
    for at in range(MANY):
        s.road.settle(s.road.receive(f"q{at}", 9))
    for _ in range(MANY):
        s.road.core.wake.stale = True
        s.road.core.next_due()
    assert s.road.core.next_due() == 0


def test_a_delay_among_many_counts() -> None:
    s = fanout()
    s.publish("x", ["now"])
    s.road.ask(commands.ChangeQueue("q7", QueueSettings(delay_ms=500)))
    s.publish("x", ["later"])
    assert s.road.core.next_due() == s.road.now + 500
    assert s.road.counts("q7") == (1, 1, 0, 0)
    s.road.now += 500
    s.road.settle_down()
    assert s.road.counts("q7") == (2, 0, 0, 0)
    s.check()
