"""Limits of what waits: leased messages are beside them, as in RabbitMQ."""

from postroad.model.commands import RELEASE, Publish
from postroad.model.replies import Refused, Why
from tests.unit.core.road import Road, bodies_of


def is_full(r: Road, body: bytes) -> bool:
    reply = r.ask(Publish(("q",), [body]))
    return isinstance(reply, Refused) and reply.why is Why.QUEUE_FULL


def test_what_is_leased_makes_nothing_new_give_way() -> None:
    r = Road()
    r.declare(length_max=2, overflow="drop-oldest", limits_waiting=True)
    r.publish(b"1", b"2")
    leased = r.receive(count=2)
    r.publish(b"3", b"4", b"5")
    assert r.counts() == (2, 0, 2, 0)
    r.settle(leased)
    assert bodies_of(r.receive(count=9)) == [b"4", b"5"]
    r.check()


def test_what_is_leased_makes_no_queue_full() -> None:
    r = Road()
    r.declare(length_max=2, limits_waiting=True)
    r.publish(b"1", b"2")
    r.receive()
    r.publish(b"3")
    assert is_full(r, b"4")
    r.check()


def test_bytes_that_are_leased_count_neither_for_what_comes_nor_for_what_goes() -> None:
    r = Road()
    r.declare(bytes_max=10, limits_waiting=True)
    r.publish(b"x" * 8)
    leased = r.receive()
    r.publish(b"y" * 8)
    assert is_full(r, b"z" * 8)
    r.settle(leased)
    r.check()
    r = Road()
    r.declare(bytes_max=10, overflow="drop-oldest", limits_waiting=True)
    r.publish(b"x" * 8)
    r.receive()
    r.publish(b"y" * 8)
    assert r.counts() == (1, 0, 1, 0)
    r.publish(b"z" * 8)
    assert bodies_of(r.receive(count=9)) == [b"z" * 8]
    r.check()


def test_leased_bytes_are_counted_once_between_two_changes_and_anew_after_each() -> None:
    r = Road()
    r.declare(bytes_max=10, limits_waiting=True)
    r.publish(b"x" * 8)
    leased = r.receive()
    r.publish(b"y" * 8)
    assert is_full(r, b"z" * 8)
    counted = r.queue().aside
    assert counted == (r.queue().changes, 0, 8)
    assert is_full(r, b"z" * 8)
    assert r.queue().aside == counted
    r.settle(leased, RELEASE)
    assert is_full(r, b"z")
    r.receive(count=2)
    assert not is_full(r, b"z" * 10)
    r.check()
