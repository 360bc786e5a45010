"""Dead letters that go round: new lives, circles that end, crashes and long ways."""

import pytest

from postroad.core import burials
from postroad.limits import DEATHS_KEPT
from postroad.model import commands
from postroad.model.exchanges import DeclareExchange, ExchangeSettings, PublishTo
from tests.unit.core.graveyard import bind, graves, head, note_of, publish, reject
from tests.unit.core.road import Road, bodies_of


def test_a_life_begins_anew_behind_an_exchange() -> None:
    r = Road()
    r.declare(dead_letter_exchange="", dead_letter_routing_key="wait")
    r.declare("wait", ttl_ms=50, dead_letter_exchange="", dead_letter_routing_key="q")
    r.publish(b"x", ttls_ms=[1_000])
    r.now += 500
    reject(r)
    r.wait(49)
    assert r.counts("wait") == (1, 0, 0, 0)
    r.wait(1)
    assert r.counts() == (1, 0, 0, 0)
    r.wait(5_000)
    (message,) = r.receive()
    assert message.published_ms == r.now - 5_550
    assert [one.times for one in note_of(message).deaths] == [1, 1]
    r.check()


def test_a_circle_that_nobody_s_rejection_is_in_ends_where_it_closes() -> None:
    r = Road()
    r.declare(ttl_ms=10, dead_letter_exchange="", dead_letter_routing_key="p")
    r.declare("p", ttl_ms=10, dead_letter_exchange="", dead_letter_routing_key="q")
    r.declare("self", ttl_ms=10, dead_letter_exchange="", dead_letter_routing_key="self")
    r.fill(2)
    r.fill(1, "self")
    r.wait(10)
    assert (r.counts("p"), r.counts("self")) == ((2, 0, 0, 0), (0, 0, 0, 0))
    r.wait(10)
    assert (r.counts("p"), r.counts()) == ((0, 0, 0, 0), (0, 0, 0, 0))
    r.check()


def test_a_rejection_anywhere_in_a_circle_lets_it_go_on() -> None:
    r = Road()
    r.declare(dead_letter_exchange="", dead_letter_routing_key="wait")
    r.declare("wait", ttl_ms=10, dead_letter_exchange="", dead_letter_routing_key="q")
    r.publish(b"x")
    for _ in range(DEATHS_KEPT):
        reject(r)
        r.wait(10)
    (message,) = r.receive()
    assert [(one.queue, one.reason, one.times) for one in note_of(message).deaths] == [
        ("q", "rejected", DEATHS_KEPT),
        ("wait", "expired", DEATHS_KEPT),
    ]
    r.check()


def test_of_several_targets_only_those_that_close_a_circle_are_left_out() -> None:
    r = Road()
    graves(r, "fanout")
    r.declare(ttl_ms=10, dead_letter_exchange="graves")
    r.declare("other")
    bind(r, "q")
    bind(r, "other")
    r.publish(b"x")
    r.wait(10)
    assert (r.counts(), r.counts("other")) == ((0, 0, 0, 0), (1, 0, 0, 0))
    r.check()


def test_a_circle_ends_in_a_strict_queue_as_well() -> None:
    r = Road()
    r.declare(
        ttl_ms=10,
        dead_letter_exchange="",
        dead_letter_routing_key="q",
        dead_letter_strict=True,
    )
    r.publish(b"x")
    r.wait(10)
    assert r.counts() == (0, 0, 0, 0)


def test_two_full_queues_that_are_each_other_s_dead_letters_come_to_rest() -> None:
    r = Road()
    for name, other in (("a", "b"), ("b", "a")):
        r.declare(
            name,
            length_max=1,
            overflow="dead-letter-oldest",
            dead_letter_exchange="",
            dead_letter_routing_key=other,
        )
    r.fill(5, "a")
    r.settle_down()
    assert (r.counts("a"), r.counts("b")) == ((1, 0, 0, 0), (1, 0, 0, 0))
    assert bodies_of([*r.receive("a"), *r.receive("b")]) == [b"4", b"3"]
    r.check()


def test_key_and_priority_go_along() -> None:
    r = Road()
    r.declare(kind="priority", dead_letter_exchange="", dead_letter_routing_key="ranks")
    r.declare("lanes", dead_letter_exchange="", dead_letter_routing_key="strict")
    r.declare("ranks", kind="priority")
    r.declare("strict", kind="fifo")
    r.publish(b"low", b"high", priorities=[1, 9])
    r.publish(b"1", b"2", to=("lanes",), keys=["k", "k"])
    reject(r, count=2)
    reject(r, "lanes", 2)
    assert bodies_of(r.receive("ranks", 2)) == [b"high", b"low"]
    assert bodies_of(r.receive("strict", 1)) == [b"1"]
    assert r.receive("strict", 1) == [], "one of a key at a time"
    r.check()


def test_a_delayed_exchange_lets_a_dead_message_wait_once() -> None:
    r = Road()
    graves(r, delayed=True)
    r.declare(dead_letter_exchange="graves", dead_letter_routing_key="k")
    r.declare("dead")
    bind(r, "dead", "k")
    publish(r, b"x", head("", "q", {"x-delay": 100}))
    publish(r, b"y", head("graves", "q", {"x-delay": 100}))
    publish(r, b"z", head("", "q"))
    reject(r, count=3)
    assert r.counts("dead") == (2, 1, 0, 0)
    r.wait(100)
    assert r.counts("dead") == (3, 0, 0, 0)
    r.check()


def test_what_is_not_in_memory_is_loaded_first() -> None:
    r = Road()
    r.declare(dead_letter_exchange="", dead_letter_routing_key="dead")
    r.declare("dead")
    r.fill(2)
    r.settle(r.receive("q", 2), commands.REJECT)
    r.library.away.add(r.queue().id)
    step = r.core.tick(r.now)
    assert type(step).__name__ == "Missing"
    r.library.away.clear()
    r.settle_down()
    assert r.counts("dead") == (2, 0, 0, 0)


def test_a_crash_between_two_slices_loses_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(burials, "DEAD_SLICE", 2)
    r = Road()
    r.declare(dead_letter_exchange="", dead_letter_routing_key="dead")
    r.declare("dead")
    r.fill(5)
    r.settle(r.receive("q", 5), commands.REJECT)
    r.tick()
    r.restart(2)
    r.settle_down()
    assert r.counts() == (0, 0, 0, 0)
    assert bodies_of(r.receive("dead", 9)) == [b"0", b"1", b"2", b"3", b"4"]
    r.check()


def test_the_first_death_is_never_forgotten() -> None:
    r = Road()
    most = DEATHS_KEPT + 3
    for number in range(most):
        key = f"q{number + 1}"
        r.declare(f"q{number}", dead_letter_exchange="", dead_letter_routing_key=key)
    r.declare(f"q{most}")
    r.publish(b"x", to=("q0",))
    for number in range(most):
        reject(r, f"q{number}")
    (message,) = r.receive(f"q{most}")
    deaths = note_of(message).deaths
    assert len(deaths) == DEATHS_KEPT
    assert [one.queue for one in (deaths[0], deaths[1], deaths[-1])] == ["q0", "q4", f"q{most - 1}"]


def test_dead_letters_wait_while_the_disk_is_almost_full() -> None:
    r = Road()
    r.declare(dead_letter_exchange="", dead_letter_routing_key="dead")
    r.declare("dead")
    r.publish(b"x")
    r.core.world.short_of_space = True
    reject(r)
    assert r.counts() == (0, 0, 0, 1)
    r.core.world.short_of_space = False
    r.core.wake.stale = True
    r.settle_down()
    assert r.counts("dead") == (1, 0, 0, 0)


def test_celery_s_native_delay_arrives_after_all_its_hops_in_time_and_in_one_place() -> None:
    """28 topic exchanges and queues of 2**n seconds; a 1 at the n-th word of the key waits there,
    a 0 goes straight to the next level."""
    r = Road()
    levels = 28
    for level in range(levels):
        r.ask(DeclareExchange(f"delayed_{level}", ExchangeSettings("topic")))
    r.ask(DeclareExchange("delivery", ExchangeSettings("topic")))
    for level in range(levels):
        below = f"delayed_{level - 1}" if level else "delivery"
        r.declare(f"delayed_{level}", ttl_ms=1_000 << level, dead_letter_exchange=below)
        before = "*." * (levels - 1 - level)
        bind(r, f"delayed_{level}", f"{before}1.#", f"delayed_{level}")
        bind(r, below, f"{before}0.#", f"delayed_{level}", target_kind="exchange")
    r.declare("tasks")
    bind(r, "tasks", "#.tasks", "delivery")
    delay_s = (1 << levels) - 1
    bits = ".".join(f"{delay_s:b}".rjust(levels, "0"))
    start = r.now
    key = f"{bits}.tasks"
    r.ask(PublishTo("delayed_27", (key,), [b"job"], [head("delayed_27", key)]))
    hops = 0
    while r.counts("tasks") == (0, 0, 0, 0):
        r.now = r.next_due()
        r.settle_down()
        hops += 1
    assert r.now - start == delay_s * 1_000
    (message,) = r.receive("tasks", 9)
    assert message.body == b"job"
    assert hops >= levels
    assert [one.queue for one in note_of(message).deaths] == [
        f"delayed_{level}" for level in reversed(range(levels))
    ]
    assert all(r.counts(f"delayed_{level}") == (0, 0, 0, 0) for level in range(levels))
    r.check()
