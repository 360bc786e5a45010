"""Dead letters that have to stay, those behind them, and whose turn it is to lose its dead."""

import pytest

from postroad.core import records as facts
from postroad.limits import DEAD_LOOK_MS, DEAD_REST_LOOK_MS, DEAD_SLICE, DEAD_WAIT_MS
from postroad.model import commands
from postroad.model.exchanges import Bind
from postroad.model.message import Delivery
from postroad.model.topics import DeclareTopic, Fetch, Fetched, Span, TopicSettings
from tests.unit.core.graveyard import bind, graves, head, note_of, publish
from tests.unit.core.road import Road, bodies_of


def strict_queue(r: Road, bodies: list[tuple[bytes, str]]) -> None:
    """A queue `q` whose messages all died, each under a key of its own."""
    graves(r)
    r.declare(dead_letter_exchange="graves", dead_letter_strict=True)
    for body, key in bodies:
        publish(r, body, head("orders", key))
    r.settle(r.receive("q", len(bodies)), commands.REJECT)


def in_topic(r: Road, name: str, partition: int = 0) -> list[Delivery]:
    fetched = r.ask(Fetch((Span(name, partition, 0),)))
    assert isinstance(fetched, Fetched)
    return fetched.parts[0].messages


def test_dead_letters_that_have_to_stay_do_not_hold_up_those_behind_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("postroad.core.burials.DEAD_SLICE", 2)
    r = Road()
    r.declare("dead")
    stuck = [(b"stuck %d" % one, "nowhere") for one in range(5)]
    strict_queue(r, [*stuck, (b"x", "somewhere"), *stuck, (b"y", "somewhere")])
    bind(r, "dead", "somewhere")
    for _ in range(12):
        r.wait(DEAD_LOOK_MS)
    assert bodies_of(r.receive("dead", 9)) == [b"x", b"y"]
    assert r.counts() == (0, 0, 0, 10)
    bind(r, "dead", "nowhere")
    for _ in range(9):
        r.wait(DEAD_WAIT_MS)
    assert len(r.receive("dead", 20)) == 10
    r.check()


def test_those_on_later_pages_are_looked_at_too() -> None:
    r = Road()
    r.declare("dead")
    graves(r)
    r.declare(dead_letter_exchange="graves", dead_letter_strict=True)
    count = 4_096 + 10
    r.fill(count)
    publish(r, b"x", head("orders", "somewhere"))
    bind(r, "dead", "somewhere")
    while r.counts()[0]:
        r.settle(r.receive("q", 1_000), commands.REJECT)
    slices = -(-4_096 // DEAD_SLICE) + 1
    for _ in range(slices):
        r.wait(DEAD_LOOK_MS)
    assert bodies_of(r.receive("dead", 9)) == [b"x"]
    assert r.counts() == (0, 0, 0, count)
    r.check()


def test_the_more_dead_letters_have_to_stay_the_longer_they_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("postroad.core.burials.DEAD_SLICE", 1)
    r = Road()
    strict_queue(r, [(b"x", "nowhere")] * 20)
    r.declare("dead")
    bind(r, "dead", "elsewhere")
    for _ in range(20):
        assert r.core.next_due() <= r.now + DEAD_LOOK_MS
        r.wait(DEAD_LOOK_MS)
    assert r.core.next_due() == r.now + 20 * DEAD_REST_LOOK_MS
    assert 20 * DEAD_REST_LOOK_MS > DEAD_WAIT_MS


def test_one_slice_that_was_looked_at_in_vain_is_all_of_a_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("postroad.core.burials.DEAD_SLICE", 1)
    r = Road()
    r.declare("dead")
    strict_queue(r, [(b"x", "nowhere"), (b"y", "somewhere")])
    bind(r, "dead", "somewhere")
    assert r.tick() == []
    assert r.core.next_due() == r.now + DEAD_LOOK_MS
    assert r.counts("dead") == (0, 0, 0, 0)
    r.wait(DEAD_LOOK_MS)
    assert r.counts("dead") == (1, 0, 0, 0)


def test_queues_with_dead_messages_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.core.burials.DEAD_SLICE", 1)
    r = Road()
    r.declare("dead")
    names = ["a", "b", "c"]
    for name in names:
        r.declare(name, dead_letter_queue="dead")
        r.publish(b"%s1" % name.encode(), b"%s2" % name.encode(), to=(name,))
        r.settle(r.receive(name, 2), commands.REJECT)
    r.settle_down()
    expected = [b"a1", b"b1", b"c1", b"a2", b"b2", b"c2"]
    assert bodies_of(r.receive("dead", 9)) == expected


def test_what_a_topic_refuses_stays_dead_in_a_strict_queue_until_it_takes_it() -> None:
    r = Road()
    r.ask(DeclareTopic("log", 1, TopicSettings(message_bytes_max=100)))
    large = b"l" * 200
    strict_queue(r, [(b"a", "k"), (large, "k"), (b"b", "k")])
    r.ask(Bind("graves", "log", "k", target_kind="topic"))
    r.settle_down()
    assert bodies_of(in_topic(r, "log")) == [b"a", b"b"]
    assert r.counts() == (0, 0, 0, 1)
    r.ask(DeclareTopic("log2", 1))
    r.ask(Bind("graves", "log2", "k", target_kind="topic"))
    r.wait(DEAD_WAIT_MS)
    assert in_topic(r, "log2") == [], "one of two refuses it still"
    r.check()


def test_what_a_topic_refuses_is_lost_alone_and_counted() -> None:
    r = Road()
    r.ask(DeclareTopic("log", 1, TopicSettings(message_bytes_max=100)))
    r.declare(dead_letter_exchange="", dead_letter_routing_key="log")
    r.publish(b"a", b"l" * 200, b"b")
    r.settle(r.receive("q", 3), commands.REJECT)
    r.settle_down()
    assert bodies_of(in_topic(r, "log")) == [b"a", b"b"]
    assert r.counts() == (0, 0, 0, 0)
    assert r.core.world.dead_dropped == 1
    r.check()


def test_on_a_topic_of_several_partitions_a_dead_message_says_where_it_comes_from() -> None:
    r = Road()
    r.ask(DeclareTopic("log", 3))
    r.declare(dead_letter_exchange="", dead_letter_routing_key="log")
    for one in range(9):
        key = {"k": "v"} if one % 2 else None
        r.publish(b"%d" % one, heads=[head("orders", "k", key)])  # type: ignore[arg-type]
    r.settle(r.receive("q", 9), commands.REJECT)
    r.settle_down()
    found = [message for number in range(3) for message in in_topic(r, "log", number)]
    assert len(found) == 9
    for message in found:
        note = note_of(message)
        assert (note.queue, b"%d" % note.offset) == (r.queue().id, message.body)
        assert [death.queue for death in note.deaths] == ["q"]
    r.check()


@pytest.mark.parametrize("rule", [None, '{"a":["1"]}'])
def test_a_dead_message_goes_on_along_the_bindings_of_the_topic_it_comes_to(
    rule: str | None,
) -> None:
    r = Road()
    r.ask(DeclareTopic("log", 1))
    r.declare(dead_letter_exchange="", dead_letter_routing_key="log")
    r.declare("behind")
    r.ask(Bind("log", "behind", source_kind="topic", filter=rule))
    r.publish(b"x", b"y", heads=[head("o", "k", {"a": "1"}), head("o", "k", {"a": "2"})])
    r.settle(r.receive("q", 2), commands.REJECT)
    r.settle_down()
    assert bodies_of(in_topic(r, "log")) == [b"x", b"y"]
    assert bodies_of(r.receive("behind", 9)) == ([b"x"] if rule else [b"x", b"y"])
    r.check()


def test_a_move_between_two_exclusive_queues_ends_once_when_they_go_at_a_start() -> None:
    r = Road()
    r.declare("a", exclusive=True)
    r.declare("b", exclusive=True)
    r.publish(b"x", to=("a",))
    r.ask(commands.StartMoveTask("a", "b", 1))
    before = len(r.steps)
    r.restart(2)
    ends = [one for one in r.records(before) if isinstance(one, facts.MoveTaskEnded)]
    assert len(ends) == 1
    assert not r.state.queues
    r.check()
