"""A publish to very many queues gets there in slices."""

import pytest

from postroad.core.fanouts.records import FanoutAdvanced, FanoutBegan
from postroad.core.load import canonical
from postroad.model import commands
from postroad.model.batch import Asking, Batch, BatchDone, Run, RunDone
from postroad.model.exchanges import DIRECT, OF_TOPIC, TOPIC, Bind, PublishTo, Routed
from postroad.model.replies import Published, Refused, Why
from postroad.model.topics import Append, Appended, DeclareTopic
from tests.unit.core.fanouts.fans import MOST, QUEUES, Fans
from tests.unit.core.road import replayed


def test_a_publish_to_many_queues_gets_to_a_few_of_them_in_each_turn() -> None:
    fans = Fans()
    fans.begin(b"news")
    reached = [sum(map(bool, fans.there().values()))]
    while fans.road.state.fanouts.all:
        fans.road.tick()
        reached.append(sum(map(bool, fans.there().values())))
        fans.road.check()
    assert reached == [0, 2, 4, 5]
    assert fans.steps_of() == [FanoutBegan, *[FanoutAdvanced] * 3]


def test_its_publisher_is_told_when_the_last_queue_has_it() -> None:
    fans = Fans()
    number = fans.begin(b"news")
    for _ in range(2):
        fans.road.tick()
        assert fans.told(number) is None
    fans.road.tick()
    ids = [fans.road.queue(name).id for name in QUEUES]
    (group,) = fans.routed(number).groups
    assert group.places == tuple((id, 0) for id in ids)


def test_a_publish_to_as_many_as_one_turn_takes_is_there_at_once() -> None:
    fans = Fans()
    reply = fans.road.ask(commands.Publish(QUEUES[:MOST], [b"few"]))
    assert isinstance(reply, Published)
    assert fans.steps_of() == []


def test_a_publish_that_names_many_queues_is_told_of_each_in_the_order_it_named_them() -> None:
    fans = Fans()
    fans.road.publish(b"before", to=("c",))
    number = fans.road.asked + 1
    assert fans.road.ask(commands.Publish(("c", "a", "e"), [b"x", b"y"])) is None
    fans.road.settle_down()
    reply = fans.told(number)
    assert isinstance(reply, Published)
    ids = [fans.road.queue(name).id for name in ("c", "a", "e")]
    assert reply.places == ((ids[0], 1), (ids[1], 0), (ids[2], 0))
    assert fans.there()["c"] == [b"before", b"x", b"y"]


def test_publishes_decided_as_one_are_each_told_of_their_own_places() -> None:
    fans = Fans()
    road = fans.road
    asks = [road.ask_of(road.caller, PublishTo("all", [""], bodies)) for bodies in ([b"1"], [b"2"])]
    step = road.core.decide_together(asks, road.now)
    assert step is not None
    road.take(step)
    road.settle_down()
    firsts = [fans.routed(ask.number).groups[0].places[0][1] for ask in asks]
    assert firsts == [0, 1]
    named = [road.ask_of(road.caller, commands.Publish(QUEUES, [b"x"])) for _ in range(2)]
    road.take(road.core.publish_together(named, road.now))
    road.settle_down()
    places = [fans.told(ask.number) for ask in named]
    assert [one.places[0][1] for one in places if isinstance(one, Published)] == [2, 3]


def test_a_queue_deleted_meanwhile_is_passed_over_and_one_bound_meanwhile_gets_nothing() -> None:
    fans = Fans()
    number = fans.begin(b"news")
    fans.delete_queue("d")
    fans.road.declare("late")
    fans.bind("all", "late")
    fans.road.settle_down()
    assert fans.there() == {name: [b"news"] for name in ("a", "b", "c", "e")}
    assert len(fans.routed(number).groups[0].places) == 4
    assert fans.counts_of("late") == 0
    fans.road.check()
    for name in ("a", "b", "c", "e"):
        fans.road.settle(fans.road.receive(name))
    assert not any(shelf.blocks() for shelf in fans.road.state.shelves.values())


def test_messages_of_which_all_queues_are_gone_are_wanted_by_nobody() -> None:
    fans = Fans()
    number = fans.begin(b"news")
    for name in QUEUES:
        fans.delete_queue(name)
    fans.road.settle_down()
    assert fans.routed(number).groups[0].places == ()
    assert not any(shelf.blocks() for shelf in fans.road.state.shelves.values())


def test_a_purge_before_its_turn_leaves_a_queue_what_comes_then() -> None:
    fans = Fans()
    fans.begin(b"news")
    fans.road.ask(commands.PurgeQueue("e"))
    fans.road.settle_down()
    assert fans.there()["e"] == [b"news"]


def test_a_queue_that_is_full_when_it_is_published_refuses_all_of_it() -> None:
    fans = Fans(e={"length_max": 1, "overflow": "reject"})
    fans.road.publish(b"there", to=("e",))
    refused = fans.road.ask(PublishTo("all", [""], [b"news"]))
    assert isinstance(refused, Refused)
    assert refused.why is Why.QUEUE_FULL
    assert fans.steps_of() == []


def test_a_queue_that_is_full_by_its_turn_takes_what_was_admitted() -> None:
    fans = Fans(e={"length_max": 1, "overflow": "reject"})
    fans.begin(b"news")
    fans.road.publish(b"quick", to=("e",))
    fans.road.settle_down()
    assert fans.there()["e"] == [b"quick", b"news"]


def test_a_queue_that_drops_its_oldest_does_so_when_its_turn_comes() -> None:
    fans = Fans(e={"length_max": 1, "overflow": "drop-oldest"})
    fans.road.publish(b"old", to=("e",))
    fans.begin(b"news")
    assert fans.there()["e"] == [b"old"]
    fans.road.settle_down()
    assert fans.there()["e"] == [b"news"]
    fans.road.check()


def test_delays_and_lives_hold_in_queues_reached_in_slices() -> None:
    fans = Fans(b={"delay_ms": 500}, e={"delay_ms": 500})
    fans.begin(b"news", b"late", delays_ms=[None, 2_000], ttls_ms=[None, 5_000])
    fans.road.settle_down()
    assert fans.received("a") == [b"news"]
    assert fans.received("e") == []
    fans.road.wait(600)
    assert fans.received("e") == [b"news"]
    fans.road.wait(2_000)
    assert fans.received("e") == [b"late"]
    fans.road.wait(5_000)
    assert fans.counts_of("b") == 1


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_after_a_crash_in_the_middle_it_goes_on(turns: int) -> None:
    fans = Fans()
    fans.begin(b"news", b"more")
    for _ in range(turns):
        fans.road.tick()
    fans.road.restart(2)
    fans.small()
    fans.road.settle_down()
    assert fans.there() == {key: [b"news", b"more"] for key in QUEUES}
    fans.road.check()


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_checkpoint_in_the_middle_knows_what_is_to_come(turns: int) -> None:
    fans = Fans()
    fans.begin(b"news", b"more", priorities=[0, 3])
    for _ in range(turns):
        fans.road.tick()
    rows, at = fans.road.cut(), len(fans.road.steps)
    assert canonical(replayed([], rows.items())) == canonical(fans.road.state)
    fans.delete_queue("e")
    fans.road.tick()
    assert canonical(replayed(fans.road.records(at), rows.items())) == canonical(fans.road.state)
    fans.road.restart(2, rows, at)
    fans.small()
    fans.road.settle_down()
    assert fans.there() == {key: [b"news", b"more"] for key in QUEUES[:4]}
    fans.road.check()


def test_bodies_are_wanted_until_the_last_queue_had_them() -> None:
    fans = Fans()
    fans.begin(b"news", b"more")
    fans.road.tick()
    for name in ("a", "b"):
        fans.road.settle(fans.road.receive(name, 2))
    shelf = next(iter(fans.road.state.fanouts.all.values())).shelf
    assert fans.road.core.live_bits(shelf, 0, 4) == 0b11
    assert fans.road.core.live_bits(shelf, 1, 1) == 0b1
    fans.road.settle_down()
    assert fans.received("e") == [b"news", b"more"]


def test_what_follows_in_a_queue_of_it_follows_it_within_one_publish_too() -> None:
    fans = Fans()
    fans.exchange("some", TOPIC)
    for name in QUEUES:
        fans.bind("some", name, "#")
    fans.road.declare("z")
    fans.exchange("alone", DIRECT)
    fans.road.ask(Bind("some", "z", "only.z"))
    command = PublishTo("some", ["x", "only.z", "x"], [b"1", b"2", b"3"])
    number = fans.road.asked + 1
    assert fans.road.ask(command) is None
    fans.road.settle_down()
    assert fans.there() == {key: [b"1", b"2", b"3"] for key in QUEUES}
    assert fans.counts_of("z") == 1
    assert fans.told(number) is not None
    fans.road.check()


def test_a_queue_alone_behind_a_fan_out_of_the_same_publish_waits_for_it() -> None:
    fans = Fans()
    fans.exchange("words", TOPIC)
    for name in QUEUES:
        fans.bind("words", name, "all" if name != "e" else "#")
    command = PublishTo("words", ["all", "e"], [b"first", b"second"])
    assert fans.road.ask(command) is None
    assert fans.there()["e"] == []
    fans.road.settle_down()
    assert fans.there()["e"] == [b"first", b"second"]
    assert fans.there()["a"] == [b"first"]
    fans.road.check()


def test_a_batch_places_all_of_it_in_its_step() -> None:
    fans = Fans()
    done = fans.road.ask(Batch([PublishTo("all", [""], [b"news"])]))
    assert isinstance(done, BatchDone)
    assert isinstance(done.replies[0], Routed)
    assert fans.there() == {key: [b"news"] for key in QUEUES}
    fans.begin(b"more")
    fans.road.settle_down()
    assert fans.there()["e"] == [b"news", b"more"]


def test_a_program_is_answered_when_all_it_published_is_everywhere_and_in_order() -> None:
    fans = Fans()
    fans.exchange("few", DIRECT)
    fans.bind("few", "e")
    seen: list[object] = []

    def program(tx: Asking) -> str:
        for exchange, body in (("all", b"1"), ("few", b"2"), ("all", b"3")):
            reply = tx.ask(PublishTo(exchange, [""], [body]))
            assert isinstance(reply, Routed)
            seen.append([group.places for group in reply.groups])
        return "done"

    number = fans.road.asked + 1
    assert fans.road.ask(Run(program)) is None
    assert seen == [[()]] * 3
    fans.road.settle_down()
    assert fans.told(number) == RunDone("done")
    assert fans.there() == {**{name: [b"1", b"3"] for name in "abcd"}, "e": [b"1", b"2", b"3"]}
    fans.road.check()


def test_a_program_is_told_at_once_of_queues_it_names() -> None:
    fans = Fans()
    done = fans.road.ask(Run(lambda tx: tx.ask(commands.Publish(QUEUES, [b"x"]))))
    assert isinstance(done, RunDone)
    assert fans.steps_of() == []


def test_an_append_that_leads_to_many_queues_is_answered_when_all_have_it() -> None:
    fans = Fans()
    fans.road.ask(DeclareTopic("t"))
    for name in QUEUES:
        fans.bind("t", name, source_kind=OF_TOPIC)
    number = fans.road.asked + 1
    assert fans.road.ask(Append("t", [b"news"])) is None
    fans.road.settle_down()
    assert isinstance(fans.told(number), Appended)
    assert fans.there() == {key: [b"news"] for key in QUEUES}


def test_time_has_its_turn_between_slices() -> None:
    fans = Fans()
    fans.road.declare("slow", delay_ms=100)
    fans.road.publish(b"x", to=("slow",))
    fans.road.now += 200
    fans.begin(b"news")
    kinds = [type(fans.road.tick()[0]).__name__ for _ in range(4)]
    assert kinds == ["FanoutAdvanced", "Ripened", "FanoutAdvanced", "FanoutAdvanced"]


def test_a_publisher_who_is_gone_is_not_told_and_its_messages_go_on() -> None:
    fans = Fans()
    number = fans.begin(b"news")
    fans.road.core.forget(fans.road.caller)
    fans.road.settle_down()
    assert fans.told(number) is None
    assert fans.there() == {key: [b"news"] for key in QUEUES}
    assert not fans.road.core.fanouts.told
    assert not fans.road.core.fanouts.callers


def test_many_messages_that_are_entered_one_by_one_are_fewer_queues_a_turn() -> None:
    fans = Fans()
    fans.begin(b"1", b"2", b"3", ttls_ms=[10_000, 20_000, 30_000])
    assert [one.queues for one in fans.road.tick() if isinstance(one, FanoutAdvanced)] == [1]


def test_queues_that_take_no_message_twice_get_it_in_the_step_of_the_publish() -> None:
    fans = Fans(e={"dedup_window_ms": 60_000})
    number = fans.begin(b"news", dedup_ids=["1"])
    assert fans.there()["e"] == [b"news"]
    assert fans.there()["a"] == []
    fans.road.settle_down()
    assert fans.there() == {key: [b"news"] for key in QUEUES}
    assert len(fans.routed(number).groups) == 2
