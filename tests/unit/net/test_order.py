"""When a pushed message may be sent: at its rate, and in its order."""

from postroad.model.message import Delivery, plain_head
from postroad.net.order import Lines, Pace


def message(offset: int, key: str | None) -> Delivery:
    return Delivery(1, offset, 1, 1, 0, 0, b"", plain_head(None, key))


def turns(pace: Pace, until_ms: int) -> list[int]:
    """When somebody who always wants one has a turn, looked at each ms."""
    return [ms for ms in range(until_ms) if pace.wait_s(ms / 1_000) == 0]


def test_turns_come_evenly() -> None:
    assert turns(Pace(8), 400) == [0, 125, 250, 375]


def test_without_a_rate_everybody_has_a_turn_at_once() -> None:
    assert len(turns(Pace(None), 50)) == 50


def test_turns_nobody_wanted_are_not_made_up_for() -> None:
    pace = Pace(10)
    assert pace.wait_s(0.0) == 0
    assert pace.wait_s(60.0) == 0
    assert pace.wait_s(60.0) > 0.09


def test_in_a_hold_nobody_has_a_turn() -> None:
    pace = Pace(None)
    pace.hold(1.0, 5.0)
    pace.hold(2.0, 1.0)
    assert pace.wait_s(4.0) == 2.0
    assert pace.wait_s(6.0) == 0


def test_of_a_key_the_first_alone_is_on_its_way() -> None:
    lines = Lines()
    a1, a2, a3 = (message(offset, "a") for offset in (1, 2, 3))
    assert [lines.enter(one) for one in (a1, a2, a3)] == [True, False, False]
    assert lines.enter(message(4, "b"))
    assert lines.leave(a1, taken=True) == (a2, [])
    assert lines.leave(a2, taken=False) == (None, [a3])
    assert lines.enter(a2)


def test_messages_without_a_key_wait_for_nobody() -> None:
    lines = Lines()
    one, two = message(1, None), message(2, None)
    assert lines.enter(one)
    assert lines.enter(two)
    assert lines.leave(one, taken=False) == (None, [])


def test_a_line_that_is_over_begins_anew() -> None:
    lines = Lines()
    first, second = message(1, "a"), message(2, "a")
    assert lines.enter(first)
    assert lines.leave(first, taken=True) == (None, [])
    assert lines.enter(second)
