"""Publishes of one line: what is asked for again is not overtaken by what came behind it."""

from postroad.limits import LINES_BROKEN_MAX
from postroad.model.ask import Caller
from postroad.model.exchanges import PublishTo, Routed
from postroad.model.replies import Refused, Reply, Why
from tests.unit.core.road import Road, bodies_of

LARGE = b"l" * 200


def road() -> Road:
    r = Road()
    r.declare(message_bytes_max=100)
    return r


def publish(
    r: Road, *bodies: bytes, line: int = 1, era: int = 0, caller: Caller | None = None
) -> Reply | None:
    return r.ask(PublishTo("", ("q",), list(bodies), line=line, era=era), caller)


def why(reply: Reply | None) -> Why:
    assert isinstance(reply, Refused), reply
    return reply.why


def test_what_was_asked_for_before_a_refusal_was_known_is_refused_too() -> None:
    r = road()
    assert why(publish(r, b"1", LARGE)) is Why.TOO_LARGE
    assert why(publish(r, b"3")) is Why.CHANGED
    assert isinstance(publish(r, b"1", era=1), Routed)
    assert why(publish(r, LARGE, era=1)) is Why.TOO_LARGE, "of one message there is no part"
    assert isinstance(publish(r, b"3", era=1), Routed)
    assert bodies_of(r.receive("q", 9)) == [b"1", b"3"]


def test_a_line_is_its_caller_s_and_goes_with_it() -> None:
    r = road()
    publish(r, b"1", LARGE)
    assert isinstance(publish(r, b"2", line=2), Routed)
    assert isinstance(publish(r, b"3", line=0), Routed)
    assert isinstance(publish(r, b"4", caller=r.connect(9)), Routed)
    r.core.forget(r.caller)
    assert isinstance(publish(r, b"5"), Routed)


def test_what_is_refused_for_all_breaks_no_line() -> None:
    r = road()
    assert why(r.ask(PublishTo("none", ("q",), [b"1", b"2"], line=1))) is Why.NO_SUCH_EXCHANGE
    assert isinstance(publish(r, b"3"), Routed)


def test_publishes_that_came_too_early_are_not_decided_together() -> None:
    r = road()
    publish(r, b"1", LARGE)
    one = PublishTo("", ("q",), [b"2"], line=1)
    asks = [r.ask_of(r.caller, one), r.ask_of(r.connect(9), one)]
    assert r.core.decide_together(asks, r.now) is None
    fresh = PublishTo("", ("q",), [b"2"], line=1, era=1)
    asks = [r.ask_of(r.caller, fresh), r.ask_of(r.connect(9), one)]
    assert r.core.decide_together(asks, r.now) is not None


def test_so_many_broken_lines_of_a_caller_are_remembered() -> None:
    r = road()
    for line in range(1, LINES_BROKEN_MAX + 3):
        publish(r, b"1", LARGE, line=line)
    assert len(r.core.door.lines.eras[1]) == LINES_BROKEN_MAX
    assert why(publish(r, b"1", line=LINES_BROKEN_MAX + 2)) is Why.CHANGED
