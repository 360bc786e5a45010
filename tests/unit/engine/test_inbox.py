"""Which asks of one turn are decided together, and in which order."""

from postroad.engine.inbox import Inbox
from postroad.limits import TURN_WORK_MAX
from postroad.model.ask import Ask, Caller
from postroad.model.commands import Command, DescribeQueue, Publish, PurgeQueue
from postroad.model.kv import KvMapSet


def caller(number: int) -> Caller:
    return Caller(number, lambda *_: None)


ANN, BOB = caller(1), caller(2)


def put(inbox: Inbox, *asks: tuple[Caller, Command]) -> list[Ask]:
    made = [Ask(who, number, command) for number, (who, command) in enumerate(asks)]
    for ask in made:
        inbox.put(ask)
    return made


def taken(inbox: Inbox, hold_publishes: bool = False) -> list[list[int]]:
    return [[ask.number for ask in run] for run in inbox.take(hold_publishes)]


def to(*queues: str, delays: list[int | None] | None = None) -> Publish:
    return Publish(queues, [b"x"], delays_ms=delays)


def test_publishes_to_the_same_queues_are_taken_together() -> None:
    inbox = Inbox()
    put(inbox, (ANN, to("a")), (BOB, to("a")), (ANN, to("a", "b")), (ANN, to("a")), (BOB, to("a")))
    assert taken(inbox) == [[0, 1], [2], [3, 4]]


def test_a_publish_comes_before_others_asks_but_not_before_its_own_callers() -> None:
    inbox = Inbox()
    put(inbox, (ANN, to("a")), (BOB, PurgeQueue("a")), (ANN, to("a")), (BOB, to("a")))
    assert taken(inbox) == [[0, 2], [1], [3]]
    put(inbox, (ANN, to("a")), (ANN, PurgeQueue("a")), (BOB, to("a")), (ANN, to("a")))
    assert taken(inbox) == [[0, 2], [1], [3]]


def test_a_caller_whose_publish_was_brought_forward_stays_behind_its_other_asks() -> None:
    inbox = Inbox()
    put(
        inbox,
        (ANN, to("a")),
        (BOB, to("b")),
        (BOB, DescribeQueue("b")),
        (ANN, to("b")),
        (BOB, to("a")),
        (BOB, to("b")),
    )
    assert taken(inbox) == [[0], [1, 3], [2], [4], [5]]


def test_publishes_with_delays_or_lives_stand_alone() -> None:
    inbox = Inbox()
    put(
        inbox,
        (ANN, to("a", delays=[5])),
        (BOB, to("a", delays=[5])),
        (BOB, Publish(("a",), [b"x"], ttls_ms=[5])),
    )
    assert taken(inbox) == [[0], [1], [2]]


def test_a_single_ask_is_taken_as_it_is() -> None:
    inbox = Inbox()
    put(inbox, (ANN, to("a")))
    assert taken(inbox) == [[0]]
    assert taken(inbox) == []


def test_held_publishes_keep_their_callers_later_asks_back_and_nobody_elses() -> None:
    inbox = Inbox()
    put(inbox, (ANN, to("a")), (ANN, DescribeQueue("a")), (BOB, DescribeQueue("a")))
    assert taken(inbox, hold_publishes=True) == [[2]]
    put(inbox, (ANN, PurgeQueue("a")))
    assert taken(inbox, hold_publishes=True) == []
    assert len(inbox.held) == 3
    put(inbox, (BOB, to("a")))
    assert [len(run) for run in inbox.take(hold_publishes=False)] == [2, 1, 1]
    assert not inbox.held


def test_a_caller_that_is_gone_is_asked_for_nothing() -> None:
    inbox = Inbox()
    put(inbox, (ANN, to("a")), (BOB, to("b")))
    inbox.take(hold_publishes=True)
    put(inbox, (ANN, DescribeQueue("a")), (BOB, DescribeQueue("b")))
    inbox.forget(ANN)
    assert taken(inbox) == [[1], [1]]


def test_an_ask_that_waited_for_bodies_is_asked_again() -> None:
    inbox = Inbox()
    (ask,) = put(inbox, (ANN, DescribeQueue("a")))
    inbox.take(hold_publishes=False)
    inbox.put_back(ask)
    assert inbox.take(hold_publishes=False) == [[ask]]


def test_a_turn_takes_so_much_work_and_leaves_the_rest_for_the_next_in_order() -> None:
    inbox = Inbox()
    commands: list[Command] = [DescribeQueue("q"), Publish(("q",), [b"x"] * 1_000)]
    put(inbox, *[(caller(number), commands[number % 2]) for number in range(2_000)])
    turns: list[list[int]] = []
    while inbox.asks:
        turns.append([number for run in taken(inbox) for number in run])
    assert sorted(turns[0] + turns[1]) == list(range(len(turns[0] + turns[1])))
    assert sum(map(len, turns)) == 2_000
    assert max(map(len, turns)) <= 2 * TURN_WORK_MAX // 1_000 + 1


def test_a_few_asks_are_one_turn_however_large() -> None:
    inbox = Inbox()
    put(inbox, *[(caller(number), Publish((f"{number}",), [b""] * 30_000)) for number in range(9)])
    assert len(taken(inbox)) == 9


def test_many_keys_are_more_work_than_a_turn_has() -> None:
    inbox = Inbox()
    sets = KvMapSet("s", b"m", [b"f"] * 1_000, [b""] * 1_000)
    put(inbox, *[(ANN, sets)] * 9)
    assert taken(inbox) == [[0], [1], [2], [3]]
    assert taken(inbox) == [[4], [5], [6], [7]]
    assert taken(inbox) == [[8]]
