"""Route sets: what several queues get together rests once, and no longer than anybody wants it."""

import pytest

from postroad.core import apply as apply_of_core
from postroad.core.decide import load as load_of_core
from postroad.model import commands
from tests.unit.core.road import Road, bodies_of, replayed


def three() -> Road:
    r = Road()
    for name in "abc":
        r.declare(name)
    return r


def routes(r: Road) -> list[list[int]]:
    """The queues of each route set; rows and journal agree about them."""
    found = [route.queues for route in r.state.routes.values()]
    r.core.touch_everything()
    for state in (replayed(r.records()), replayed([], r.cut().items())):
        assert [route.queues for route in state.routes.values()] == found
        assert state.route_of == r.state.route_of
        assert state.idle_routes.keys() == r.state.idle_routes.keys()
        assert state.closed_routes.keys() == r.state.closed_routes.keys()
        assert state.routes_with == r.state.routes_with
    assert r.state.shelves.keys() == {*r.state.queues, *r.state.buried, *r.state.routes}
    return found


def limit(monkeypatch: pytest.MonkeyPatch, most: int, dropped: int) -> None:
    monkeypatch.setattr(apply_of_core, "ROUTE_SETS_MAX", most)
    monkeypatch.setattr(load_of_core, "ROUTE_SETS_MAX", most)
    monkeypatch.setattr(apply_of_core, "ROUTE_SETS_DROPPED", dropped)


def test_a_route_set_goes_with_its_first_queue_once_nobody_has_messages_of_it() -> None:
    r = three()
    r.publish(b"one", to=("a", "b"))
    r.settle(r.receive("a"))
    r.settle(r.receive("b"))
    assert routes(r) == [[1, 2]]
    r.ask(commands.DeleteQueue("b"))
    r.settle_down()
    assert routes(r) == []
    r.check()


def test_a_route_set_of_a_deleted_queue_stays_as_long_as_another_has_messages_of_it() -> None:
    r = three()
    r.publish(b"one", to=("a", "b"))
    r.ask(commands.DeleteQueue("b"))
    r.settle_down()
    assert routes(r) == [[1, 2]]
    again = r.declare("b")
    r.publish(b"two", to=("a", "b"))
    assert routes(r) == [[1, 2], [1, again.id]]
    r.settle(r.receive("a"))
    r.publish(b"three", to=("a", "c"))
    assert routes(r) == [[1, again.id], [1, 3]]
    assert bodies_of(r.receive("a", 5)) == [b"two", b"three"]
    r.check()


def test_for_a_new_route_set_too_many_those_that_hold_nothing_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit(monkeypatch, 2, 1)
    r = three()
    r.publish(b"1", to=("a", "b"))
    r.publish(b"2", to=("b", "c"))
    for name in "abc":
        r.settle(r.receive(name, 5))
    assert routes(r) == [[1, 2], [2, 3]]
    r.publish(b"3", to=("a", "c"))
    assert routes(r) == [[2, 3], [1, 3]]
    assert bodies_of(r.receive("c", 5)) == [b"3"]
    r.check()


def test_while_all_route_sets_hold_something_a_new_one_gets_copies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit(monkeypatch, 1, 1)
    r = three()
    r.publish(b"1", to=("a", "b"))
    step = len(r.steps)
    r.publish(b"2", b"3", to=("c", "b"))
    assert len(r.steps) == step + 1, "still one atomic step"
    assert routes(r) == [[1, 2]]
    r.publish(b"4", to=("b", "a"))
    assert bodies_of(r.receive("a", 5)) == [b"1", b"4"]
    assert bodies_of(r.receive("b", 5)) == [b"1", b"2", b"3", b"4"]
    assert bodies_of(r.receive("c", 5)) == [b"2", b"3"]
    r.check()
