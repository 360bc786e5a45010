"""Dead letters through an exchange: routed at the moment they leave, as RabbitMQ does."""

import pytest

from postroad.limits import DEAD_WAIT_MS
from postroad.model import commands
from postroad.model.exchanges import DeclareExchange, ExchangeSettings
from postroad.model.message import Death
from postroad.model.policy import QueueSettings
from postroad.model.topics import DeclareTopic, Fetch, Fetched, Span
from tests.unit.core.graveyard import bind, graves, head, note_of, publish, reject
from tests.unit.core.road import Road, bodies_of


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


@pytest.mark.parametrize("key", [None, "late"])
def test_dead_letters_that_nobody_takes_are_counted(key: str | None) -> None:
    r = Road()
    graves(r)
    r.declare(dead_letter_exchange="graves", dead_letter_routing_key=key)
    r.declare("dead")
    bind(r, "dead", "taken")
    publish(r, b"x", head("orders", "early"))
    publish(r, b"y", head("orders", "early"))
    reject(r)
    reject(r)
    assert r.counts() == (0, 0, 0, 0)
    assert r.core.world.dead_dropped == 2
    settings = QueueSettings(dead_letter_routing_key="taken")
    r.ask(commands.ChangeQueue("q", settings, only=("dead_letter_routing_key",)))
    publish(r, b"z", head("orders", "early"))
    reject(r)
    assert r.counts("dead")[0] == 1
    assert r.core.world.dead_dropped == 2
