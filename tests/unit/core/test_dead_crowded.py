"""What a full queue refuses may die of it: in the same step, through the exchange."""

from postroad.model import commands
from postroad.model.batch import Batch
from postroad.model.message import Death
from postroad.model.replies import Refused, Why
from tests.unit.core.graveyard import head, note_of, reject
from tests.unit.core.road import Road, bodies_of


def full(r: Road, **settings: object) -> None:
    """A queue for two messages that is full, and whose dead letters go to `dead`."""
    r.declare(
        length_max=2,
        overflow="reject-dead-letter",
        dead_letter_exchange="",
        dead_letter_routing_key="dead",
        **settings,  # type: ignore[arg-type]
    )
    r.declare("dead")
    r.fill(2)


def test_what_is_refused_for_want_of_room_dies_of_it_in_the_same_step() -> None:
    r = Road()
    full(r)
    refused = r.ask(commands.Publish(("q",), [b"x", b"y"], [b"", head("orders", "k")]))
    assert isinstance(refused, Refused)
    assert refused.why is Why.QUEUE_FULL
    assert r.counts() == (2, 0, 0, 2)
    r.restart(2)
    r.settle_down()
    assert r.counts() == (2, 0, 0, 0)
    first, second = r.receive("dead", 9)
    assert [first.body, second.body] == [b"x", b"y"]
    assert note_of(second).deaths == [
        Death("q", "overflow", 0, r.now, exchange="orders", keys=("k",))
    ]
    r.settle(r.receive("q"))
    r.publish(b"z")
    assert r.counts() == (2, 0, 0, 0)
    r.check()


def test_the_dead_of_a_full_queue_take_no_room_in_it() -> None:
    r = Road()
    full(r)
    assert isinstance(r.ask(commands.Publish(("q",), [b"x"])), Refused)
    r.settle(r.receive("q"))
    r.publish(b"fits")
    assert r.counts() == (2, 0, 0, 1)
    r.check()


def test_several_publishes_of_one_turn_to_such_a_queue_are_told_apart() -> None:
    r = Road()
    full(r)
    r.settle(r.receive("q"))
    asks = [r.ask_of(r.caller, commands.Publish(("q",), [one])) for one in (b"in", b"out")]
    r.take(r.core.publish_together(asks, r.now))
    r.settle_down()
    assert [type(reply).__name__ for _, reply in r.told[-2:]] == ["Published", "Refused"]
    assert bodies_of(r.receive("dead", 9)) == [b"out"]
    assert bodies_of(r.receive("q", 9)) == [b"1", b"in"]
    r.check()


def test_a_dead_letter_for_such_a_queue_dies_there_too() -> None:
    r = Road()
    full(r)
    r.declare("p", dead_letter_exchange="", dead_letter_routing_key="q")
    r.publish(b"x", to=("p",))
    reject(r, "p")
    assert r.counts() == (2, 0, 0, 0)
    (message,) = r.receive("dead")
    assert [(one.queue, one.reason) for one in note_of(message).deaths] == [
        ("p", "rejected"),
        ("q", "overflow"),
    ]
    r.check()


def test_all_or_nothing_means_that_nothing_dies() -> None:
    r = Road()
    full(r)
    both = [commands.Publish(("dead",), [b"a"]), commands.Publish(("q",), [b"b"])]
    done = r.ask(Batch(both, all_or_nothing=True))
    assert isinstance(done, Refused)
    r.settle_down()
    assert (r.counts(), r.counts("dead")) == ((2, 0, 0, 0), (0, 0, 0, 0))
    r.check()
