"""Moves between queues, at once and in the background; and looks that touch nothing."""

import pytest

from postroad.core import records as facts
from postroad.core.bits import PAGE
from postroad.core.decide import carry as carry_of_core
from postroad.core.decision import Missing
from postroad.core.moves import TASKS_KEPT
from postroad.limits import MOVE_MESSAGES_MAX
from postroad.model import commands
from postroad.model.ask import Ask
from postroad.model.commands import Move, StartMoveTask
from postroad.model.message import Death
from postroad.model.replies import (
    Moved,
    Peeked,
    Refused,
    Reply,
    TaskInfo,
    TasksListed,
    TaskStarted,
    TaskStopped,
    Why,
)
from tests.unit.core.road import Road, bodies_of


def two() -> Road:
    r = Road()
    r.declare("a")
    r.declare("b")
    return r


def why(reply: Reply | None) -> Why:
    assert isinstance(reply, Refused), reply
    return reply.why


def tasks(r: Road, source: str = "a", count: int = 10) -> list[TaskInfo]:
    listed = r.ask(commands.ListMoveTasks(source, count))
    assert isinstance(listed, TasksListed)
    return listed.tasks


def test_a_moved_message_keeps_its_identity_and_its_age() -> None:
    r = two()
    r.publish(b"x", b"y", heads=[b"h", b""], to=("a",))
    r.wait(5)
    assert r.ask(Move("a", "b")) == Moved(2)
    assert r.counts("a") == (0, 0, 0, 0)
    got = r.receive("b", 5)
    assert [(one.body, one.head, one.identity) for one in got] == [
        (b"x", b"h", (1, 0)),
        (b"y", b"", (1, 1)),
    ]
    assert got[0].published_ms == r.now - 5
    assert got[0].note is not None
    assert got[0].note.deaths == []
    dropped = [one.why for one in r.records() if isinstance(one, facts.Dropped)]
    assert dropped == [facts.MOVED]
    r.check()


def test_chosen_messages_are_moved_and_what_is_not_ready_stays() -> None:
    r = two()
    r.fill(PAGE + 5, "a")
    r.receive("a", 2)
    offsets = (0, 5, 3, PAGE + 1, 99_999, -1)
    assert r.ask(Move("a", "b", offsets=offsets)) == Moved(3)
    assert bodies_of([one.message for one in r.peek("b")]) == [b"3", b"5", b"4097"]
    assert r.ask(Move("a", "b", count=0)) == Moved(0)
    assert r.ask(Move("a", "b", count=PAGE)) == Moved(MOVE_MESSAGES_MAX)
    r.check()


def test_messages_go_back_to_where_each_came_from() -> None:
    r = two()
    r.declare("c")
    r.fill(2, "a")
    r.fill(1, "c")
    r.ask(Move("a", "b"))
    r.ask(Move("c", "b"))
    r.fill(1, "b")
    assert r.ask(Move("b")) == Moved(3)
    assert (r.counts("a")[0], r.counts("b")[0], r.counts("c")[0]) == (2, 1, 1)
    r.ask(Move("a", "b"))
    r.ask(commands.DeleteQueue("a"))
    assert r.ask(Move("b")) == Moved(0)
    r.settle_down()
    r.check()


def test_a_move_that_makes_no_sense_is_refused() -> None:
    r = two()
    assert why(r.ask(Move("none", "a"))) is Why.NO_SUCH_QUEUE
    assert why(r.ask(Move("a", "none"))) is Why.NO_SUCH_QUEUE
    assert why(r.ask(Move("a", "a"))) is Why.BAD_COMMAND
    r.core.world.short_of_space = True
    assert why(r.ask(Move("a", "b"))) is Why.NO_SPACE


def test_a_move_of_many_bytes_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry_of_core, "MOVE_BYTES_MAX", 10)
    r = two()
    r.publish(*[b"x" * 6] * 5, to=("a",))
    r.publish(b"y", to=("a", "b"))
    assert r.ask(Move("a", "b")) == Moved(2)
    r.check()


def test_a_move_whose_bodies_are_away_changes_nothing_and_says_what_it_needs() -> None:
    r = two()
    r.fill(3, "a")
    r.library.away.add(1)
    step = r.core.handle(Ask(r.caller, 99, Move("a", "b")), r.now)
    assert isinstance(step, Missing)
    assert [(one.shelf, one.index, one.count) for one in step.pieces] == [(1, 0, 3)]
    assert r.counts("a") == (3, 0, 0, 0)
    r.ask(StartMoveTask("a", "b"))
    assert isinstance(r.core.tick(r.now), Missing)
    r.library.away.clear()
    r.settle_down()
    assert r.counts("b") == (3, 0, 0, 0)


def test_a_message_remembers_its_deaths_by_queue_and_reason() -> None:
    r = Road()
    r.declare("a", dead_letter_queue="b")
    r.declare("b", dead_letter_queue="a")
    r.fill(1, "a")
    for turn in range(5):
        r.now += 1
        r.settle(r.receive("ab"[turn % 2]), commands.REJECT)
        r.settle_down()
    (message,) = r.receive("b")
    assert message.note is not None
    assert message.note.deaths == [
        Death("b", "rejected", 1, r.now - 3, r.now - 1, 2, number=1),
        Death("a", "rejected", 1, r.now - 4, r.now, 3),
    ]
    assert message.identity == (1, 0)
    r.check()


def test_a_peek_shows_states_and_counts_and_touches_nothing() -> None:
    r = Road()
    r.declare("q", dead_letter_queue="none")
    r.publish(*[b"%d" % one for one in range(5)], delays_ms=[0, 0, 0, 0, 77])
    r.settle(r.receive(count=1), commands.RETRY)
    r.receive(count=2)
    r.settle(r.receive(count=1), commands.REJECT)
    r.fill(1)
    steps = len(r.steps)
    seen = [(one.state, one.due_ms, one.message.delivery_count) for one in r.peek()]
    assert seen == [
        ("leased", 0, 2),
        ("leased", 0, 1),
        ("dead", 0, 1),
        ("ready", 0, 0),
        ("delayed", r.now + 77, 0),
        ("ready", 0, 0),
    ]
    assert [one.message.offset for one in r.peek(states=("ready", "dead"))] == [2, 3, 5]
    assert r.peek(states=("asleep",)) == []
    assert len(r.steps) == steps
    assert why(r.ask(commands.Peek("nowhere"))) is Why.NO_SUCH_QUEUE


def test_a_peek_goes_on_where_the_last_one_ended() -> None:
    r = Road()
    r.declare()
    r.fill(PAGE + 10)
    r.settle(r.receive(count=5))
    found: list[int] = []
    start = 0
    while True:
        peeked = r.ask(commands.Peek("q", start, 700))
        assert isinstance(peeked, Peeked)
        if not peeked.messages:
            break
        found.extend(one.message.offset for one in peeked.messages)
        start = peeked.next_offset
    assert found == list(range(5, PAGE + 10))
    assert start == PAGE + 10
    r.ask(commands.PurgeQueue("q"))
    r.fill(1)
    assert [one.message.offset for one in r.peek()] == [PAGE + 10]


def test_a_background_move_takes_what_was_there_when_it_began() -> None:
    r = two()
    r.fill(MOVE_MESSAGES_MAX + 5, "a")
    assert r.ask(StartMoveTask("a", "b")) == TaskStarted(1)
    r.fill(1, "a")
    assert why(r.ask(StartMoveTask("a", "b"))) is Why.TASK_RUNNING
    assert [type(one) for one in r.tick()] == [
        facts.Published,
        facts.Dropped,
        facts.MoveTaskMoved,
    ]
    assert (tasks(r)[0].status, tasks(r)[0].moved) == ("running", MOVE_MESSAGES_MAX)
    r.settle_down()
    assert r.counts("b")[0] == MOVE_MESSAGES_MAX + 5
    (task,) = tasks(r)
    assert (task.status, task.moved, task.total) == ("completed", 1_005, 1_005)
    assert r.ask(StartMoveTask("a", "b")) == TaskStarted(2)
    r.settle_down()
    assert [one.task for one in tasks(r)] == [2, 1]
    assert [one.task for one in tasks(r, count=1)] == [2]
    r.check()


def test_a_background_move_keeps_to_its_rate() -> None:
    r = two()
    r.fill(30, "a")
    r.ask(StartMoveTask("a", "b", 100))
    r.settle_down()
    assert r.counts("b")[0] == 10
    r.wait(99)
    assert r.counts("b")[0] == 10
    r.wait(1)
    assert r.counts("b")[0] == 20
    r.restart(2)
    r.wait(100)
    assert r.counts("b")[0] == 30
    r.declare("slow")
    r.fill(3, "slow")
    r.ask(StartMoveTask("slow", "b", 2))
    r.wait(0)
    r.wait(499)
    assert r.counts("slow")[0] == 2
    r.wait(1)
    assert r.counts("slow")[0] == 1
    r.check()


def test_a_background_move_back_passes_over_what_has_no_home() -> None:
    r = two()
    r.fill(MOVE_MESSAGES_MAX, "b")
    r.fill(2, "a")
    r.ask(Move("a", "b"))
    r.fill(3, "b")
    r.ask(StartMoveTask("b"))
    r.settle_down()
    (task,) = tasks(r, "b")
    assert (task.status, task.moved, task.target) == ("completed", 2, None)
    assert r.counts("a")[0] == 2
    r.check()


def test_a_background_move_back_looks_once_at_what_has_no_home() -> None:
    r = two()
    r.fill(MOVE_MESSAGES_MAX - 1, "b")
    r.fill(5, "a")
    r.ask(Move("a", "b"))
    r.ask(StartMoveTask("b", None, 2))
    moved = [one for one in r.tick() if isinstance(one, facts.MoveTaskMoved)]
    assert [one.count for one in moved] == [0]
    assert r.core.next_due() <= r.now, "what stays does not use up the rate"
    r.ask(commands.CancelMoveTask(1))
    r.ask(StartMoveTask("b"))
    counts = []
    while records := r.tick():
        counts += [one.count for one in records if isinstance(one, facts.MoveTaskMoved)]
    assert counts == [1, 4]
    r.check()


def test_a_move_reads_only_blocks_of_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry_of_core, "MOVE_BYTES_MAX", 2_000)
    r = two()
    for _ in range(5):
        r.fill(3, "a")
        shelf = r.state.shelves[1]
        (block, *_) = shelf.where(shelf.next - 1)
        placed = facts.Placed(1, block, 70 + block, 900, 3)
        r.take(r.core.place([placed, facts.Closed(1, block)]))
    r.library.away.add(1)
    step = r.core.handle(Ask(r.caller, 99, Move("a", "b")), r.now)
    assert isinstance(step, Missing)
    assert [one.index for one in step.pieces] == [0, 3]
    r.library.away.clear()
    assert r.ask(Move("a", "b")) == Moved(6)
    r.ask(StartMoveTask("a", "b"))
    r.settle_down()
    assert r.counts("b")[0] == 15
    r.check()


def test_a_background_move_comes_back_for_what_was_too_much_for_one_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carry_of_core, "MOVE_BYTES_MAX", 10)
    r = two()
    r.publish(*[b"x" * 6] * 5, to=("a",))
    r.ask(StartMoveTask("a", "b"))
    r.settle_down()
    assert (tasks(r)[0].status, tasks(r)[0].moved) == ("completed", 5)
    r.check()


def test_a_background_move_is_stopped_by_a_word_or_with_its_queues() -> None:
    r = two()
    r.declare("c")
    for source in ("a", "c"):
        r.fill(30, source)
        r.ask(StartMoveTask(source, "b", 100))
    r.settle_down()
    r.wait(100)
    assert r.ask(commands.CancelMoveTask(1)) == TaskStopped(20)
    assert why(r.ask(commands.CancelMoveTask(1))) is Why.NO_SUCH_TASK
    assert why(r.ask(commands.CancelMoveTask(9))) is Why.NO_SUCH_TASK
    r.ask(commands.DeleteQueue("b"))
    (task,) = tasks(r, "c")
    assert (task.status, task.failure, task.target) == ("failed", "the queue was deleted", None)
    assert r.core.next_due() == 0
    r.check()


def test_a_task_that_makes_no_sense_is_refused() -> None:
    r = two()
    assert why(r.ask(StartMoveTask("none", "a"))) is Why.NO_SUCH_QUEUE
    assert why(r.ask(StartMoveTask("a", "none"))) is Why.NO_SUCH_QUEUE
    assert why(r.ask(StartMoveTask("a", "a"))) is Why.BAD_COMMAND
    assert why(r.ask(commands.ListMoveTasks("none"))) is Why.NO_SUCH_QUEUE


def test_the_oldest_ended_tasks_are_forgotten() -> None:
    r = two()
    for _ in range(TASKS_KEPT + 3):
        r.ask(StartMoveTask("a", "b"))
        r.settle_down()
    assert len(r.state.tasks) == TASKS_KEPT
    assert min(r.state.tasks) == 4
    r.check()


def test_a_task_waits_while_the_disk_is_short_of_space() -> None:
    r = Road()
    r.declare("source")
    r.declare("target")
    r.fill(3, "source")
    r.ask(StartMoveTask("source", "target"))
    r.core.world.short_of_space = True
    assert r.core.next_due() == 0
    assert r.tick() == []
    r.core.world.short_of_space = False
    r.settle_down()
    assert r.counts("target") == (3, 0, 0, 0)


def test_what_is_moved_into_a_full_queue_makes_its_oldest_go() -> None:
    r = Road()
    r.declare("a")
    r.declare("b", length_max=2, overflow="drop-oldest")
    r.fill(3, "a")
    r.fill(1, "b")
    assert r.ask(Move("a", "b", 1)) == Moved(1)
    assert r.ask(Move("a", "b")) == Moved(2)
    assert bodies_of(r.receive("b", 9)) == [b"1", b"2"]
    r.fill(4, "a")
    r.ask(StartMoveTask("a", "b"))
    r.settle_down()
    assert r.counts("b") == (0, 0, 2, 0)
    r.check()


def test_dead_letters_keep_to_the_limits_of_their_queue_and_go_round_no_circle() -> None:
    r = Road()
    for name, other in (("a", "b"), ("b", "a")):
        r.declare(name, length_max=2, overflow="dead-letter-oldest", dead_letter_queue=other)
    r.fill(2, "b")
    r.fill(5, "a")
    r.settle_down()
    assert (r.counts("a"), r.counts("b")) == ((2, 0, 0, 0), (2, 0, 0, 0))
    assert bodies_of(r.receive("a", 9)) == [b"3", b"4"]
    assert bodies_of(r.receive("b", 9)) == [b"1", b"2"]
    r.check()


def test_a_queue_that_refuses_publishes_when_full_takes_what_is_moved() -> None:
    r = Road()
    r.declare("a", deliveries_max=1, dead_letter_queue="b")
    r.declare("b", length_max=1)
    r.fill(3, "a")
    r.settle(r.receive("a", 2), commands.RETRY)
    r.settle_down()
    assert r.ask(Move("a", "b")) == Moved(1)
    assert r.counts("b") == (3, 0, 0, 0)
    assert why(r.ask(commands.Publish(("b",), [b"x"]))) is Why.QUEUE_FULL
    r.check()
