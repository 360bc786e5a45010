"""Dead letters through an exchange: routed at the moment they leave, as RabbitMQ does."""

import pytest

from postroad.core import tick
from postroad.limits import DEAD_WAIT_MS, DEATHS_KEPT
from postroad.model import commands
from postroad.model.batch import Batch
from postroad.model.exchanges import Bind, DeclareExchange, ExchangeSettings, PublishTo, Routed
from postroad.model.message import Death, Delivery, Note
from postroad.model.properties import Properties, routed_head, write_properties
from postroad.model.replies import Refused, Why
from postroad.model.topics import DeclareTopic, Fetch, Fetched, Span
from tests.unit.core.road import Road, bodies_of


def graves(r: Road, kind: str = "direct", **settings: object) -> None:
    r.ask(DeclareExchange("graves", ExchangeSettings(kind, **settings)))  # type: ignore[arg-type]


def bind(r: Road, target: str, key: str = "", source: str = "graves", **more: object) -> None:
    assert r.ask(Bind(source, target, key, **more)) is not None  # type: ignore[arg-type]


def head(exchange: str, key: str, headers: dict[str, object] | None = None) -> bytes:
    return routed_head(exchange, key, write_properties(Properties(headers=headers)))  # type: ignore[arg-type]


def publish(r: Road, body: bytes, head: bytes, to: str = "q") -> None:
    assert isinstance(r.ask(PublishTo("", (to,), [body], [head])), Routed)


def reject(r: Road, queue: str = "q", count: int = 1) -> None:
    r.settle(r.receive(queue, count), commands.REJECT)
    r.settle_down()


def note_of(message: Delivery) -> Note:
    assert message.note is not None
    return message.note


def test_a_dead_message_goes_through_the_exchange_with_the_key_of_its_queue() -> None:
    r = Road()
    graves(r)
    r.declare(dead_letter_exchange="graves", dead_letter_routing_key="late")
    r.declare("dead")
    r.declare("other")
    bind(r, "dead", "late")
    bind(r, "other", "early")
    publish(r, b"x", head("orders", "early"))
    reject(r)
    assert r.counts() == (0, 0, 0, 0)
    assert r.counts("other") == (0, 0, 0, 0)
    (message,) = r.receive("dead")
    note = note_of(message)
    death = Death("q", "rejected", 1, r.now, exchange="orders", keys=("early",))
    assert note.deaths == [death]
    assert (note.exchange, note.keys) == ("graves", ("late",))
    assert (message.body, message.delivery_count, message.identity) == (b"x", 1, (2, 0))
    r.check()


def test_without_a_key_it_goes_on_under_all_it_came_by() -> None:
    r = Road()
    graves(r)
    r.declare(dead_letter_exchange="graves")
    for name in ("one", "two", "three"):
        r.declare(name)
        bind(r, name, name)
    publish(r, b"x", head("orders", "one", {"CC": ["two", "none"]}))
    reject(r)
    assert [r.counts(name)[0] for name in ("one", "two", "three")] == [1, 1, 0]
    (message,) = r.receive("one")
    assert note_of(message).keys == ("one", "two", "none")
    assert note_of(message).deaths[0].keys == ("one", "two", "none")
    r.check()


def test_what_came_by_another_protocol_goes_on_under_the_name_of_its_queue() -> None:
    r = Road()
    graves(r)
    r.declare(dead_letter_exchange="graves")
    r.declare("dead")
    bind(r, "dead", "q")
    r.publish(b"x")
    reject(r)
    (message,) = r.receive("dead")
    assert note_of(message).deaths == [Death("q", "rejected", 1, r.now)]
    assert note_of(message).keys == ("q",)


def test_after_a_first_death_it_travels_under_what_that_gave_it() -> None:
    r = Road()
    graves(r, "topic")
    r.declare(dead_letter_exchange="graves", dead_letter_routing_key="first.way")
    r.declare("between", dead_letter_exchange="graves2")
    r.ask(DeclareExchange("graves2", ExchangeSettings("topic")))
    r.declare("end")
    bind(r, "between", "first.#")
    bind(r, "end", "*.way", "graves2")
    publish(r, b"x", head("orders", "paid", {"CC": ["all"]}))
    reject(r)
    r.now += 5
    reject(r, "between")
    (message,) = r.receive("end")
    assert note_of(message).deaths == [
        Death("q", "rejected", 1, r.now - 5, exchange="orders", keys=("paid", "all")),
        Death("between", "rejected", 1, r.now, exchange="graves", keys=("first.way",), number=1),
    ]
    assert (note_of(message).exchange, note_of(message).keys) == ("graves2", ("first.way",))
    assert note_of(message).source == r.queue("between").id
    r.check()


def test_the_default_exchange_leads_to_queues_and_topics_by_name() -> None:
    r = Road()
    r.declare(dead_letter_exchange="", dead_letter_routing_key="dead")
    r.declare("to-topic", dead_letter_exchange="", dead_letter_routing_key="log")
    r.declare("dead")
    r.ask(DeclareTopic("log", 1))
    r.publish(b"x")
    r.publish(b"y", to=("to-topic",))
    reject(r)
    reject(r, "to-topic")
    assert bodies_of(r.receive("dead")) == [b"x"]
    fetched = r.ask(Fetch((Span("log", 0, 0),)))
    assert isinstance(fetched, Fetched)
    (message,) = fetched.parts[0].messages
    assert message.body == b"y"
    assert note_of(message).deaths == [Death("to-topic", "rejected", 1, r.now)]
    r.check()


def test_in_a_namespace_names_are_those_of_the_queue_s_own() -> None:
    r = Road()
    r.declare("@shop/q", dead_letter_exchange="", dead_letter_routing_key="dead")
    r.declare("@shop/dead")
    r.declare("dead")
    publish(r, b"x", head("orders", "paid"), "@shop/q")
    r.publish(b"y", to=("@shop/q",))
    reject(r, "@shop/q", 2)
    assert r.counts("dead") == (0, 0, 0, 0)
    first, second = r.receive("@shop/dead", 2)
    assert note_of(first).deaths[0].exchange == "@shop/orders"
    assert note_of(second).deaths[0].exchange is None
    r.declare("@shop/p", dead_letter_exchange="")
    r.publish(b"z", to=("@shop/p",))
    reject(r, "@shop/p")
    assert r.counts("@shop/p") == (1, 0, 0, 0), "rejected, so it may come back"


def test_messages_of_one_slice_with_one_route_are_one_publish() -> None:
    r = Road()
    graves(r, "topic")
    r.declare(dead_letter_exchange="graves")
    r.declare("a")
    r.declare("b")
    bind(r, "a", "*.odd")
    bind(r, "b", "#")
    for number in range(60):
        publish(r, b"%d" % number, head("", f"{number}.odd" if number % 2 else f"{number}.even"))
    r.settle(r.receive("q", 60), commands.REJECT)
    names = [type(record).__name__ for record in r.tick()]
    assert names.count("Published") <= 60
    r.settle_down()
    assert bodies_of(r.receive("b", 99)) == [b"%d" % one for one in range(60)]
    assert bodies_of(r.receive("a", 99)) == [b"%d" % one for one in range(1, 60, 2)]
    r.declare("p", dead_letter_exchange="graves", dead_letter_routing_key="k")
    r.fill(100, "p")
    r.settle(r.receive("p", 100), commands.REJECT)
    assert [type(record).__name__ for record in r.tick()] == ["Published", "Dropped"]
    r.check()


def test_exchanges_behind_and_instead_of_the_exchange_have_their_say() -> None:
    r = Road()
    r.ask(DeclareExchange("rest", ExchangeSettings("fanout")))
    graves(r, alternate="rest")
    r.ask(DeclareExchange("behind", ExchangeSettings("headers")))
    r.declare(dead_letter_exchange="graves")
    r.declare("lost")
    r.declare("found")
    bind(r, "lost", source="rest")
    bind(r, "behind", "known", target_kind="exchange")
    bind(r, "found", source="behind", arguments={"who": "me"})
    publish(r, b"x", head("", "known", {"who": "me"}))
    publish(r, b"y", head("", "unknown"))
    reject(r, count=2)
    assert bodies_of(r.receive("found", 9)) == [b"x"]
    assert bodies_of(r.receive("lost", 9)) == [b"y"]
    r.check()


@pytest.mark.parametrize("key", [None, "k"])
def test_what_nothing_takes_is_dropped(key: str | None) -> None:
    r = Road()
    r.declare(dead_letter_exchange="graves", dead_letter_routing_key=key)
    r.fill(3)
    reject(r, count=1)
    assert r.counts() == (2, 0, 0, 0)
    graves(r)
    reject(r, count=1)
    assert r.counts() == (1, 0, 0, 0)
    r.declare("dead")
    bind(r, "dead", key or "q")
    reject(r, count=1)
    assert bodies_of(r.receive("dead", 9)) == [b"2"]
    r.check()


@pytest.mark.parametrize("key", [None, "k"])
def test_in_a_strict_queue_it_stays_dead_until_something_takes_it(key: str | None) -> None:
    r = Road()
    r.declare(dead_letter_exchange="graves", dead_letter_routing_key=key, dead_letter_strict=True)
    r.fill(3)
    reject(r, count=3)
    assert r.counts() == (0, 0, 0, 3)
    graves(r)
    r.wait(DEAD_WAIT_MS)
    assert r.counts() == (0, 0, 0, 3)
    r.declare("dead")
    bind(r, "dead", key or "q")
    assert r.core.next_due() == r.now + DEAD_WAIT_MS
    r.wait(DEAD_WAIT_MS)
    assert r.counts() == (0, 0, 0, 0)
    assert bodies_of(r.receive("dead", 9)) == [b"0", b"1", b"2"]
    r.check()


def test_a_full_queue_that_refuses_gets_nothing_and_a_strict_one_waits_for_it() -> None:
    r = Road()
    graves(r, "fanout")
    r.declare(dead_letter_exchange="graves")
    r.declare("strict", dead_letter_exchange="graves", dead_letter_strict=True)
    r.declare("small", length_max=2)
    r.declare("narrow", bytes_max=3)
    r.declare("free")
    for name in ("small", "narrow", "free"):
        bind(r, name)
    r.fill(5)
    reject(r, count=5)
    assert [r.counts(name)[0] for name in ("small", "narrow", "free")] == [2, 3, 5]
    r.publish(b"x", to=("strict",))
    reject(r, "strict")
    assert r.counts("strict") == (0, 0, 0, 1)
    r.ask(commands.PurgeQueue("small"))
    r.wait(DEAD_WAIT_MS)
    assert r.counts("strict") == (0, 0, 0, 1), "one of three is full still"
    r.ask(commands.PurgeQueue("narrow"))
    r.wait(DEAD_WAIT_MS)
    assert r.counts("strict") == (0, 0, 0, 0)
    assert [r.counts(name)[0] for name in ("small", "narrow", "free")] == [1, 1, 6]
    r.check()


def test_a_full_queue_that_lets_the_oldest_go_makes_room_and_lets_it_die() -> None:
    r = Road()
    r.declare(dead_letter_exchange="", dead_letter_routing_key="small")
    r.declare(
        "small",
        length_max=2,
        overflow="dead-letter-oldest",
        dead_letter_exchange="",
        dead_letter_routing_key="end",
    )
    r.declare("end")
    r.fill(5)
    reject(r, count=5)
    assert bodies_of(r.receive("small", 9)) == [b"3", b"4"]
    dead = r.receive("end", 9)
    assert bodies_of(dead) == [b"0", b"1", b"2"]
    assert [(one.queue, one.reason) for one in note_of(dead[0]).deaths] == [
        ("q", "rejected"),
        ("small", "overflow"),
    ]
    r.check()


def test_age_and_a_full_queue_lead_through_the_exchange_too() -> None:
    r = Road()
    r.declare(
        dead_letter_exchange="",
        dead_letter_routing_key="dead",
        ttl_ms=100,
        length_max=2,
        overflow="dead-letter-oldest",
    )
    r.declare("dead")
    r.fill(3)
    r.settle_down()
    r.wait(100)
    reasons = [note_of(one).deaths[0].reason for one in r.receive("dead", 9)]
    assert reasons == ["overflow", "expired", "expired"]
    r.declare("p", deliveries_max=2, dead_letter_exchange="", dead_letter_routing_key="dead")
    r.publish(b"x", to=("p",))
    for _ in range(2):
        r.settle(r.receive("p"), commands.RETRY)
    r.settle_down()
    (message,) = r.receive("dead")
    assert note_of(message).deaths == [Death("p", "max-deliveries", 2, r.now)]
    r.check()


def full(r: Road, **settings: object) -> None:
    """A queue for two messages that is full, and whose dead letters go to `dead`."""
    r.declare(
        length_max=2,
        overflow="reject-dead-letter",
        dead_letter_exchange="",
        dead_letter_routing_key="dead",
        **settings,
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
    monkeypatch.setattr(tick, "DEAD_SLICE", 2)
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
