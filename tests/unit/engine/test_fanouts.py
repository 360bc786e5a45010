"""What publishers see of fan-outs: what they publish behind one comes behind it."""

from typing import Any

from postroad.engine.settings import EngineSettings
from postroad.limits import FANOUT_PLACES_MAX, FANOUTS_MAX
from postroad.model.ask import Ask, Caller
from postroad.model.batch import Batch, Run
from postroad.model.commands import DeclareQueue, Peek, Publish, Receive
from postroad.model.exchanges import (
    FANOUT,
    TO_EXCHANGE,
    Bind,
    DeclareExchange,
    ExchangeSettings,
    PublishTo,
)
from postroad.model.policy import QueueSettings
from postroad.model.replies import Peeked, Published
from postroad.model.schedules import DeclareSchedule, FireSchedule, ScheduleSettings
from postroad.model.topics import Append
from tests.unit.engine.rooms import Room

QUEUES = ("a", "b", "c", "d", "e")


class Hall(Room):
    """Five queues behind each of two exchanges; two queues are many."""

    def __init__(self) -> None:
        super().__init__(EngineSettings(fanout_queues_max=1))
        self.heard: list[tuple[int, Any]] = []
        for name in QUEUES:
            self.ask(DeclareQueue(name))
        for exchange in ("x", "y"):
            self.ask(DeclareExchange(exchange, ExchangeSettings(FANOUT)))
            for name in QUEUES:
                self.ask(Bind(exchange, name))

    def connect(self, number: int) -> Caller:
        return Caller(number, lambda of, reply: self.heard.append((number * 100 + of, reply)))

    def submit(self, caller: Caller, number: int, command: Any) -> None:
        self.engine.submit(Ask(caller, number, command))

    def bodies(self, queue: str) -> list[bytes]:
        peeked = self.ask(Peek(queue, 0, 50))
        assert isinstance(peeked, Peeked)
        return [one.message.body for one in peeked.messages]

    def turn(self) -> None:
        for job in self.engine.turn(self.now_ms):
            self._run(job)

    def numbers(self) -> list[int]:
        return [number for number, _ in self.heard]


def to(exchange: str, body: bytes) -> PublishTo:
    return PublishTo(exchange, [""], [body])


def test_what_a_publisher_publishes_next_comes_behind() -> None:
    hall = Hall()
    one = hall.connect(1)
    for number, command in enumerate(
        (to("x", b"1"), Publish(("e",), [b"2"]), to("y", b"3"), Batch([Publish(("e",), [b"4"])]))
    ):
        hall.submit(one, number, command)
    hall.rest()
    assert hall.bodies("e") == [b"1", b"2", b"3", b"4"]
    assert hall.numbers() == [100, 101, 102, 103]


def test_what_others_publish_through_the_same_exchange_comes_behind_and_the_rest_need_not() -> None:
    hall = Hall()
    one, two, three = (hall.connect(number) for number in (1, 2, 3))
    hall.submit(one, 0, to("x", b"1"))
    hall.engine.turn(hall.now_ms)
    hall.submit(two, 0, Batch([to("x", b"2")]))
    hall.submit(three, 0, Publish(("e",), [b"3"]))
    hall.rest()
    assert hall.bodies("e") == [b"3", b"1", b"2"]
    assert hall.numbers() == [300, 100, 200]


def test_who_waits_is_taken_in_the_order_it_asked_whatever_else_it_asks() -> None:
    hall = Hall()
    one, two = hall.connect(1), hall.connect(2)
    hall.submit(one, 0, to("x", b"1"))
    for number in range(3):
        hall.submit(two, number, to("x", b"2.%d" % number))
        hall.submit(one, number + 1, Publish(("e",), [b"1.%d" % number]))
        hall.engine.turn(hall.now_ms)
    hall.rest()
    found = hall.bodies("e")
    assert [body for body in found if body[:1] == b"2"] == [b"2.0", b"2.1", b"2.2"]
    assert [body for body in found if body[:1] == b"1"] == [b"1", b"1.0", b"1.1", b"1.2"]
    assert hall.bodies("a") == [b"1", b"2.0", b"2.1", b"2.2"]


def test_nobody_is_told_before_the_last_slice_is_durable() -> None:
    hall = Hall()
    hall.submit(hall.connect(1), 0, to("x", b"1"))
    while hall.engine.core.fanouts.under_way() or not hall.engine.core.state.facts:
        assert hall.heard == []
        for job in hall.engine.turn(hall.now_ms):
            hall._run(job)
    append = hall.engine.turn(hall.now_ms)
    assert hall.heard == []
    for job in append:
        hall._run(job)
    hall.rest()
    assert hall.numbers() == [100]


def test_after_a_crash_it_goes_on_and_what_is_published_comes_behind() -> None:
    hall = Hall()
    hall.submit(hall.connect(1), 0, to("x", b"1"))
    jobs = hall.engine.turn(hall.now_ms)
    for _ in range(3):
        jobs += hall.engine.turn(hall.now_ms)
        if jobs:
            hall._run(jobs.pop(0))
        hall.now_ms += 20
    assert hall.engine.core.fanouts.under_way()
    before = hall.engine.core
    hall.now_ms += 1
    hall.start()
    assert hall.engine.core is not before
    hall.submit(hall.connect(1), 0, to("x", b"2"))
    hall.rest()
    assert {queue: hall.bodies(queue) for queue in QUEUES} == {key: [b"1", b"2"] for key in QUEUES}


def test_a_broker_that_is_closed_places_the_rest_and_tells_who_waits() -> None:
    hall = Hall()
    hall.submit(hall.connect(1), 0, to("x", b"1"))
    hall.engine.turn(hall.now_ms)
    assert not hall.engine.idle()
    hall.engine.stop_waiting()
    hall.engine.keeper.close()
    hall.rest()
    assert hall.engine.idle()
    assert hall.numbers() == [100]


def test_who_receives_while_the_rest_is_placed_at_the_end_is_answered() -> None:
    hall = Hall()
    hall.ask(DeclareQueue("no_time", QueueSettings(ttl_ms=0)))
    hall.ask(Publish(("b",), [b"1", b"2"]))
    hall.submit(hall.connect(1), 0, Publish(("a", "no_time"), [b"3"]))
    hall.turn()
    hall.engine.stop_waiting()
    hall.engine.keeper.close()
    hall.turn()
    for number in (2, 3):
        hall.submit(hall.connect(number), 0, Receive("b", 1))
    hall.rest()
    assert sorted(hall.numbers()) == [100, 200, 300]


def test_with_very_many_under_way_what_may_become_one_more_waits() -> None:
    hall = Hall()
    fanouts = hall.engine.core.fanouts
    before = FANOUTS_MAX
    for number in range(before):
        # What has a delay of its own is decided alone.
        hall.submit(hall.connect(number), 0, Publish(QUEUES, [b"1"], None, [0]))
    hall.engine.turn(hall.now_ms)
    assert len(hall.engine.core.state.fanouts.all) == before
    other = hall.connect(900)
    many, few = Publish(QUEUES, [b"2"]), Publish(("a",), [b"2"])
    assert fanouts.holds(Ask(other, 0, many))
    assert not fanouts.holds(Ask(other, 0, few))
    assert fanouts.holds(Ask(other, 0, to("x", b"2")))
    hall.rest()
    assert not fanouts.holds(Ask(other, 0, many))
    assert len(hall.bodies("e")) == 50


def test_schedules_fired_by_hand_are_no_more_fan_outs_than_there_may_be() -> None:
    hall = Hall()
    hall.ask(DeclareSchedule("s", ScheduleSettings("x", TO_EXCHANGE, every_ms=1_000_000)))
    count = FANOUTS_MAX + 10
    for number in range(count):
        hall.submit(hall.connect(number), 0, FireSchedule("s"))
    hall.turn()
    assert len(hall.engine.core.state.fanouts.all) == FANOUTS_MAX
    hall.rest()
    assert hall.engine.core.state.by_name["e"].pages.length == count


def test_unsound_publishes_are_refused_and_not_held_for_ever() -> None:
    hall = Hall()
    hall.submit(hall.connect(1), 0, to("x", b"1"))
    hall.engine.turn(hall.now_ms)
    for number, command in enumerate(
        (
            PublishTo(["x"], [""], [b"1"]),  # type: ignore[arg-type]
            Append({}, [b"1"]),  # type: ignore[arg-type]
            Publish(3, [b"1"]),  # type: ignore[arg-type]
            Batch(3),  # type: ignore[arg-type]
            Batch([3]),  # type: ignore[list-item]
            Run(lambda _: None),
        )
    ):
        hall.submit(hall.connect(2 + number), 0, command)
    hall.rest()
    assert len(hall.heard) == 7


def test_so_many_are_decided_as_one_that_their_answers_fit_into_memory() -> None:
    hall = Hall()
    fanouts = hall.engine.core.fanouts
    hall.engine.core.world.fanout_queues_max = 4
    asks = [Ask(hall.connect(number), 0, to("x", b"1")) for number in range(3)]
    assert fanouts.together(asks) == 3
    named = Publish(tuple(f"q{one}" for one in range(FANOUT_PLACES_MAX // 2)), [b"1"])
    assert fanouts.together([Ask(hall.connect(1), 0, named)] * 3) == 2


def test_the_answer_names_each_queue() -> None:
    hall = Hall()
    hall.submit(hall.connect(1), 0, Publish(QUEUES, [b"1"]))
    hall.rest()
    ((_, reply),) = hall.heard
    assert isinstance(reply, Published)
    assert [offset for _, offset in reply.places] == [0] * 5
