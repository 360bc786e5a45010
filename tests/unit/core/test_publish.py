"""Publishes: all of it or nothing, in as few records as may be."""

from postroad.core import records as facts
from postroad.core.bits import PAGE
from postroad.core.decision import Step
from postroad.limits import BLOCK_MESSAGES_MAX, CHUNK_BYTES_MAX
from postroad.model import commands
from postroad.model.ask import Ask
from postroad.model.commands import Publish
from postroad.model.message import Death
from postroad.model.policy import QueueSettings
from postroad.model.replies import Published, Refused, Why
from tests.unit.core.road import Road, bodies_of

CENTURY_MS = 4_000_000_000_000


def refusal(r: Road, *columns: object, **more: object) -> Why:
    reply = r.ask(Publish(*columns, **more))  # type: ignore[arg-type]
    assert isinstance(reply, Refused), reply
    return reply.why


def test_messages_of_one_publish_follow_each_other() -> None:
    r = Road()
    r.declare()
    r.fill(PAGE - 6)
    assert r.publish(*[b"%d" % one for one in range(20)]) == PAGE - 6
    r.receive(count=PAGE - 6)
    assert bodies_of(r.receive(count=20)) == [b"%d" % one for one in range(20)]
    r.check()


def test_one_publish_to_many_queues_stores_its_bodies_once() -> None:
    r = Road()
    ids = [r.declare(name).id for name in ("a", "b", "c")]
    r.fill(2, "c")
    reply = r.ask(Publish(("c", "a"), [b"x", b"y"]))
    assert reply == Published(((ids[2], 2), (ids[0], 0)), r.now)
    r.publish(b"z", to=("a", "c"))
    defined = [one for one in r.records() if isinstance(one, facts.RouteSetDefined)]
    assert [one.queues for one in defined] == [[ids[0], ids[2]]]
    assert len([one for one in r.records() if isinstance(one, facts.Published)]) == 3
    assert bodies_of(r.receive("a", 9)) == [b"x", b"y", b"z"]
    assert bodies_of(r.receive("c", 9)) == [b"0", b"1", b"x", b"y", b"z"]
    assert r.counts("b") == (0, 0, 0, 0)
    r.check()


def test_heads_travel_with_their_bodies() -> None:
    r = Road()
    r.declare()
    r.publish(b"1", b"2", heads=[b"one", b""])
    r.publish(b"3", heads=[b""])
    assert [(one.body, one.head) for one in r.receive(count=3)] == [
        (b"1", b"one"),
        (b"2", b""),
        (b"3", b""),
    ]


def test_a_publish_that_makes_no_sense_is_refused() -> None:
    r = Road()
    r.declare()
    r.declare("small", message_bytes_max=10)
    assert refusal(r, (), [b"x"]) is Why.BAD_COMMAND
    assert refusal(r, ("q", "q"), [b"x"]) is Why.BAD_COMMAND
    assert refusal(r, ("q", "none"), [b"x"]) is Why.NO_SUCH_QUEUE
    assert refusal(r, ("q",), []) is Why.BAD_COMMAND
    assert refusal(r, ("q",), [b"x"], heads=[]) is Why.BAD_COMMAND
    assert refusal(r, ("q",), [b"x"], delays_ms=[1, 2]) is Why.BAD_COMMAND
    assert refusal(r, ("q",), [b"x"], delays_ms=[CENTURY_MS]) is Why.BAD_COMMAND
    assert refusal(r, ("q",), [b"x"], ttls_ms=[CENTURY_MS]) is Why.BAD_COMMAND
    assert refusal(r, ("q", "small"), [b"x" * 11]) is Why.TOO_LARGE
    assert refusal(r, ("small",), [b"x" * 5], heads=[b"x" * 6]) is Why.TOO_LARGE
    r.publish(b"x" * 10, b"", heads=[b"", b"x" * 10], to=("small",))
    r.core.world.short_of_space = True
    assert refusal(r, ("q",), [b"x"]) is Why.NO_SPACE
    assert r.counts() == (0, 0, 0, 0)


def test_a_publish_of_more_than_fits_into_memory_is_refused() -> None:
    r = Road()
    r.declare()
    body = bytes(16 * 1024 * 1024)
    assert refusal(r, ("q",), [body] * 33) is Why.TOO_LARGE


def test_a_large_publish_is_cut_into_records_of_a_megabyte() -> None:
    r = Road()
    r.declare()
    r.publish(*[bytes(300_000)] * 8, b"tail", heads=[b"h"] * 8 + [b""])
    sizes = [len(one.blob) for one in r.records() if isinstance(one, facts.Published)]
    assert sizes == [900_000, 900_000, 600_004]
    assert max(sizes) <= CHUNK_BYTES_MAX
    r.publish(*[b""] * (BLOCK_MESSAGES_MAX + 1), delays_ms=[5] * (BLOCK_MESSAGES_MAX + 1))
    assert r.counts() == (9, BLOCK_MESSAGES_MAX + 1, 0, 0)
    r.publish(bytes(CHUNK_BYTES_MAX + 5), b"after it")
    assert bodies_of(r.receive(count=20))[-1] == b"after it"
    r.check()


def test_each_message_may_have_a_delay_of_its_own_and_none_is_the_queues() -> None:
    r = Road()
    r.declare("late", delay_ms=1_000)
    r.declare("now")
    r.publish(b"own", b"soon", b"at once", to=("late", "now"), delays_ms=[None, 10, 0])
    assert r.counts("late") == (1, 2, 0, 0)
    assert r.counts("now") == (2, 1, 0, 0)
    r.wait(10)
    assert bodies_of(r.receive("late", 5)) == [b"soon", b"at once"]
    r.wait(990)
    assert bodies_of(r.receive("late", 5)) == [b"own"]
    r.check()


def test_a_message_may_have_a_life_of_its_own() -> None:
    r = Road()
    r.declare()
    r.publish(b"short", b"long", b"endless", b"dead born", ttls_ms=[10, 20, None, -5])
    r.wait(0)
    assert r.counts() == (3, 0, 0, 0)
    r.wait(10)
    assert r.counts() == (2, 0, 0, 0)
    r.receive(count=1, lease_ms=20)
    r.wait(10)
    assert r.counts() == (1, 0, 1, 0), "a leased message lives until it comes back"
    r.wait(10)
    assert bodies_of(r.receive(count=5)) == [b"endless"]
    r.check()


def test_publishes_of_one_turn_become_one_record() -> None:
    r = Road()
    queue = r.declare(length_max=5)
    publishes = [
        Publish(("q",), [b"1", b"2"]),
        Publish(("q",), [b"3"] * 4),
        Publish(("q",), []),
        Publish(("q",), [b"4", b"5"], heads=[b"h", b""]),
        Publish(("q",), [b"6"]),
    ]
    step = together(r, publishes)
    assert len(step.records) == 1
    replies = [answer.reply for answer in step.answers]
    assert replies[0] == Published(((queue.id, 0),), r.now)
    assert isinstance(replies[1], Refused)
    assert isinstance(replies[2], Refused)
    assert replies[3] == Published(((queue.id, 2),), r.now)
    assert replies[4] == Published(((queue.id, 4),), r.now)
    got = r.receive(count=9)
    assert [(one.body, one.head) for one in got] == [
        (b"1", b""),
        (b"2", b""),
        (b"4", b"h"),
        (b"5", b""),
        (b"6", b""),
    ]
    r.check()


def test_publishes_of_one_turn_count_their_bytes_together() -> None:
    r = Road()
    r.declare(bytes_max=10)
    step = together(r, [Publish(("q",), [b"x" * 6]), Publish(("q",), [b"y" * 5])])
    assert isinstance(step.answers[1].reply, Refused)
    step = together(r, [Publish(("q",), [b"y" * 5]), Publish(("q",), [b"z" * 4])])
    assert isinstance(step.answers[0].reply, Refused)
    assert r.counts() == (2, 0, 0, 0)


def test_publishes_of_one_turn_to_a_queue_that_is_gone_are_all_refused() -> None:
    r = Road()
    step = together(r, [Publish(("none",), [b"1"]), Publish(("none",), [b"2"])])
    assert not step.records
    assert all(isinstance(answer.reply, Refused) for answer in step.answers)


def together(r: Road, publishes: list[Publish]) -> Step:
    asks = [Ask(r.caller, number, one) for number, one in enumerate(publishes)]
    step = r.core.publish_together(asks, r.now)
    r.take(step)
    r.told.clear()
    return step


def test_publishes_of_one_turn_may_all_be_too_much() -> None:
    r = Road()
    r.declare(length_max=1)
    step = together(r, [Publish(("q",), [b"1"] * 2), Publish(("q",), [b"2"] * 2)])
    assert not step.records
    assert [isinstance(answer.reply, Refused) for answer in step.answers] == [True, True]


def test_what_was_purged_and_is_not_swept_yet_makes_nobody_go() -> None:
    r = Road()
    r.declare(length_max=2 * PAGE, overflow="drop-oldest")
    r.publish(*[b""] * (2 * PAGE))
    r.ask(commands.PurgeQueue("q"))
    r.fill(2 * PAGE + 1)
    assert r.counts() == (2 * PAGE, 0, 0, 0)
    assert r.receive()[0].offset == 2 * PAGE + 1
    r.settle_down()
    r.check()


def test_a_full_queue_refuses_by_either_of_its_limits() -> None:
    r = Road()
    r.declare(length_max=3, bytes_max=10)
    assert refusal(r, ("q",), [b""] * 4) is Why.QUEUE_FULL
    assert refusal(r, ("q",), [b"x" * 11]) is Why.QUEUE_FULL
    assert refusal(r, ("q",), [b"x" * 5], heads=[b"x" * 6]) is Why.QUEUE_FULL
    r.publish(b"x" * 10)
    assert refusal(r, ("q",), [b"x"]) is Why.QUEUE_FULL
    r.settle(r.receive())
    r.publish(b"x" * 4, b"y" * 6)
    r.check()


def test_a_queue_that_drops_its_oldest_stays_within_its_length() -> None:
    r = Road()
    r.declare(length_max=3, overflow="drop-oldest")
    r.fill(PAGE)
    assert r.counts() == (3, 0, 0, 0)
    r.publish(b"late", delays_ms=[100])
    assert r.counts() == (2, 1, 0, 0)
    leased = r.receive(count=2)
    r.publish(b"1", b"2", b"3", b"4")
    assert r.counts() == (1, 0, 2, 0), "what is leased does not give way"
    r.settle(leased)
    assert bodies_of(r.receive(count=9)) == [b"4"]
    r.check()


def test_a_queue_that_drops_its_oldest_stays_within_its_bytes() -> None:
    r = Road()
    r.declare(bytes_max=10, overflow="drop-oldest")
    r.publish(b"123", b"456", b"789", heads=[b"", b"h", b""])
    r.publish(b"abc")
    assert bodies_of(r.receive(count=9)) == [b"456", b"789", b"abc"]
    r.ask(commands.PurgeQueue("q"))
    r.publish(b"x" * 10, b"y")
    assert r.queue().pages.bytes == 1
    r.check()


def test_what_weighs_nothing_does_not_give_way_to_bytes() -> None:
    r = Road()
    r.declare(bytes_max=5, overflow="drop-oldest")
    r.publish(b"", b"123", b"", b"456")
    assert bodies_of(r.receive(count=9)) == [b"", b"", b"456"]
    r.check()


def test_a_queue_is_brought_within_limits_it_is_given_later() -> None:
    r = Road()
    r.declare()
    r.fill(PAGE + 5)
    r.ask(commands.ChangeQueue("q", settings(length_max=2, overflow="drop-oldest")))
    assert r.counts() == (2, 0, 0, 0)
    r.ask(commands.ChangeQueue("q", settings(bytes_max=1, overflow="drop-oldest")))
    assert r.counts() == (2, 0, 0, 0), "messages from before the limit weigh nothing"
    r.publish(b"xx")
    assert r.queue().pages.bytes == 0
    r.check()


def test_what_a_full_queue_gives_up_goes_to_its_dead_letters() -> None:
    r = Road()
    r.declare(bytes_max=10, overflow="dead-letter-oldest", dead_letter_queue="dead")
    r.publish(*[b"x"] * 10)
    for count in range(1, 4):
        r.publish(b"y")
        assert r.counts() == (10, 0, 0, count), "what is dead already makes nobody else go"
    r.declare("dead")
    r.settle_down()
    assert r.counts() == (10, 0, 0, 0)
    deaths = [one.note.deaths for one in r.receive("dead", 9) if one.note is not None]
    assert deaths == [[Death("q", "overflow", 0, r.now)]] * 3
    r.check()


def test_the_dead_from_before_a_limit_of_bytes_weigh_nothing() -> None:
    r = Road()
    r.declare(dead_letter_queue="none")
    r.fill(PAGE)
    r.settle(r.receive(), commands.REJECT)
    r.settle(r.receive(count=PAGE))
    limit = settings(dead_letter_queue="none", bytes_max=5, overflow="drop-oldest")
    r.ask(commands.ChangeQueue("q", limit))
    r.publish(b"abc", b"def")
    assert r.counts() == (1, 0, 0, 1)
    assert r.queue().pages.bytes == 3
    r.check()


def test_without_dead_letters_what_overflows_is_dropped() -> None:
    r = Road()
    r.declare(length_max=1, overflow="dead-letter-oldest")
    r.fill(3)
    assert r.counts() == (1, 0, 0, 0)


def settings(**given: object) -> QueueSettings:
    return QueueSettings(**given)  # type: ignore[arg-type]
