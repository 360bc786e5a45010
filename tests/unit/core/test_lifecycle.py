"""Paused queues, queues of one session, queues nobody uses, and queues with one active consumer."""

import pytest

from postroad.model import commands
from postroad.model.batch import Batch
from postroad.model.commands import Attach, ChangeQueue, DeclareQueue, Detach, Receive
from postroad.model.history import Cancel, DescribeMessage, PutBack, Reschedule
from postroad.model.policy import QueueSettings
from postroad.model.replies import Declared, Described, Received, Refused, Reply, Why
from tests.unit.core.road import Road, bodies_of, replayed

PAUSED = QueueSettings(paused=True)


def why(reply: Reply | None) -> Why:
    assert isinstance(reply, Refused), reply
    return reply.why


def pushed(r: Road, consumer: int) -> list[bytes]:
    """What was pushed to a consumer."""
    return [
        message.body
        for _, reply in r.told
        if isinstance(reply, Received) and reply.consumer == consumer
        for message in reply.messages
    ]


def answer(r: Road, number: int) -> list[bytes] | None:
    for asked, reply in r.told:
        if asked == number and isinstance(reply, Received):
            return bodies_of(reply.messages)
    return None


# Paused


def test_a_paused_queue_delivers_nothing_and_takes_all_else() -> None:
    r = Road()
    r.declare()
    r.fill(3)
    [held] = r.receive()
    r.ask(ChangeQueue("q", PAUSED, only=("paused",)))
    assert r.receive(count=10) == []
    assert r.ask(commands.Pop("q")) == Received([])
    r.settle([held])
    r.fill(1)
    assert r.counts() == (3, 0, 0, 0)
    assert len(r.peek()) == 3
    r.declare("other")
    r.ask(commands.Move("q", "other", 1))
    assert r.counts("other") == (1, 0, 0, 0)


def test_resuming_serves_those_who_wait() -> None:
    r = Road()
    r.declare(paused=True)
    r.ask(Attach("q", 7, 10))
    r.fill(1)
    r.ask(Receive("q", 1, wait_ms=1_000))
    number = r.asked
    r.fill(1)
    assert (answer(r, number), pushed(r, 7)) == (None, [])
    assert r.core.next_due() == r.now + 1_000
    r.ask(ChangeQueue("q", QueueSettings(), only=("paused",)))
    assert (answer(r, number), pushed(r, 7)) == ([b"0"], [b"1"])


def test_a_queue_stays_paused_over_a_restart() -> None:
    r = Road()
    r.declare(paused=True)
    r.fill(1)
    r.restart(2)
    assert r.receive() == []
    r.check()


# Exclusive


def test_an_exclusive_queue_is_its_session_s_alone_but_all_may_publish_to_it() -> None:
    r = Road()
    r.declare("other")
    other = r.connect(2)
    exclusive = DeclareQueue("q", QueueSettings(exclusive=True))
    r.ask(exclusive)
    assert isinstance(r.ask(exclusive), Declared)
    r.fill(2)
    [message] = r.receive()
    receipts = ([message.offset], [message.lease])
    for command in (
        exclusive,
        ChangeQueue("q", PAUSED, only=("paused",)),
        Receive("q"),
        commands.Pop("q"),
        Attach("q", 1, 1),
        commands.Peek("q"),
        commands.PurgeQueue("q"),
        commands.DeleteQueue("q"),
        commands.Move("q", "other"),
        commands.StartMoveTask("q", "other"),
        commands.Settle("q", *receipts, [1]),
        commands.Extend("q", *receipts, 1),
        PutBack("q"),
        Cancel("q", (1,)),
        Reschedule("q", (1,), 5),
        DescribeMessage("q", 1),
    ):
        assert why(r.ask(command, other)) == Why.LOCKED, command
    r.ask(commands.Publish(("q",), [b"reply"]), other)
    assert r.counts() == (2, 0, 1, 0)
    assert not isinstance(r.ask(commands.DescribeQueue("q"), other), Refused)


def test_a_batch_is_no_way_around_a_lock() -> None:
    r = Road()
    r.ask(DeclareQueue("q", QueueSettings(exclusive=True)))
    r.declare("other")
    r.fill(1)
    [message] = r.receive()
    ack = commands.Settle("q", [message.offset], [message.lease], [1])
    parts: list[commands.Command] = [commands.Publish(("other",), [b"x"]), ack]
    assert why(r.ask(Batch(parts, all_or_nothing=True), r.connect(2))) == Why.LOCKED
    assert r.counts("other") == (0, 0, 0, 0)
    assert r.counts() == (0, 0, 1, 0)


def test_receives_that_come_together_are_looked_at_one_by_one_where_a_queue_is_exclusive() -> None:
    r = Road()
    r.ask(DeclareQueue("q", QueueSettings(exclusive=True)))
    r.fill(2)
    asks = [commands.Receive("q"), commands.Receive("q")]
    together = [r.ask_of(r.connect(number), one) for number, one in enumerate(asks, 2)]
    assert r.core.decide_together(together, r.now) is None


def test_an_exclusive_queue_goes_with_its_session() -> None:
    r = Road()
    owner, other = r.connect(2), r.connect(3)
    r.ask(DeclareQueue("q", QueueSettings(exclusive=True)), owner)
    r.fill(2)
    r.ask(Receive("q"), owner)
    r.core.forget(other)
    r.settle_down()
    assert "q" in r.state.by_name
    r.core.forget(owner)
    r.settle_down()
    assert not r.state.by_name
    assert not r.state.buried
    assert not r.core.life.owner_of
    assert isinstance(r.ask(DeclareQueue("q"), other), Declared)
    r.check()


def test_asks_of_one_session_share_its_queues_and_end_without_them() -> None:
    r = Road()
    parts = [r.connect(number) for number in (11, 12, 13)]
    for part in parts:
        part.session = 10
    r.ask(DeclareQueue("q", QueueSettings(exclusive=True)), parts[0])
    r.fill(1)
    r.core.forget(parts[0])
    r.settle_down()
    assert r.ask(Receive("q"), parts[1]) != Received([])
    assert why(r.ask(Receive("q"))) == Why.LOCKED


def test_an_exclusive_queue_does_not_outlive_a_restart() -> None:
    r = Road()
    r.ask(DeclareQueue("q", QueueSettings(exclusive=True)))
    r.declare("kept")
    r.fill(5)
    r.restart(2)
    assert list(r.state.by_name) == ["kept"]
    r.settle_down()
    assert not r.state.buried
    r.check()


def test_a_queue_that_was_declared_shared_stays_so() -> None:
    r = Road()
    r.declare()
    change = ChangeQueue("q", QueueSettings(exclusive=True), only=("exclusive",))
    assert why(r.ask(change)) == Why.BAD_SETTINGS


# Expiry


def test_a_queue_goes_when_nobody_used_it_for_as_long_as_it_says() -> None:
    r = Road()
    r.declare(expires_ms=1_000)
    r.declare("kept")
    r.fill(3)
    r.wait(999)
    assert "q" in r.state.by_name
    r.wait(1)
    assert list(r.state.by_name) == ["kept"]
    assert not r.state.buried
    r.check()


@pytest.mark.parametrize(
    "use",
    [
        Receive("q"),
        commands.Pop("q"),
        commands.Peek("q"),
        DeclareQueue("q"),
        ChangeQueue("q", PAUSED, only=("paused",)),
    ],
)
def test_a_use_begins_the_time_of_a_queue_anew(use: commands.Command) -> None:
    r = Road()
    r.declare(expires_ms=1_000)
    r.wait(600)
    r.ask(use)
    r.wait(999)
    assert "q" in r.state.by_name
    r.wait(1)
    assert not r.state.by_name


@pytest.mark.parametrize("idle", [commands.Publish(("q",), [b"x"]), commands.DescribeQueue("q")])
def test_to_publish_to_a_queue_or_look_at_its_counts_is_no_use_of_it(
    idle: commands.Command,
) -> None:
    r = Road()
    r.declare(expires_ms=1_000)
    r.wait(600)
    r.ask(idle)
    r.wait(400)
    assert not r.state.by_name


def test_a_queue_with_a_consumer_is_in_use_until_it_leaves() -> None:
    r = Road()
    r.declare(expires_ms=1_000)
    caller = r.connect(2)
    r.ask(Attach("q", 1, 1), caller)
    r.wait(10_000)
    r.core.forget(caller)
    r.wait(0)
    r.wait(999)
    assert "q" in r.state.by_name
    r.wait(1)
    assert not r.state.by_name


def test_a_queue_is_in_use_while_a_receive_waits() -> None:
    r = Road()
    r.declare(expires_ms=1_000)
    r.ask(Receive("q", 1, wait_ms=5_000))
    r.wait(5_000)
    assert answer(r, r.asked) == []
    r.wait(999)
    assert "q" in r.state.by_name
    r.wait(1)
    assert not r.state.by_name


def test_after_a_restart_the_time_without_use_begins_anew() -> None:
    r = Road()
    r.declare(expires_ms=1_000)
    r.wait(900)
    r.restart(2)
    r.wait(999)
    assert "q" in r.state.by_name
    r.wait(1)
    assert not r.state.by_name
    r.check()


def test_expiry_may_be_set_shortened_and_taken_away_later() -> None:
    r = Road()
    r.declare()
    for expires_ms in (10_000, 1_000):
        r.ask(ChangeQueue("q", QueueSettings(expires_ms=expires_ms), only=("expires_ms",)))
    assert r.core.next_due() == r.now + 1_000
    r.ask(ChangeQueue("q", QueueSettings(), only=("expires_ms",)))
    r.wait(20_000)
    assert "q" in r.state.by_name
    assert r.core.next_due() == 0


def test_a_queue_that_expires_ends_its_move_tasks_like_one_that_is_deleted() -> None:
    r = Road()
    r.declare("target")
    r.declare(expires_ms=1_000)
    r.fill(5)
    r.ask(commands.StartMoveTask("q", "target", 1))
    r.wait(1_000)
    assert "q" not in r.state.by_name
    assert [task.status for task in r.state.tasks.values()] == ["failed"]


# One active consumer


def test_of_several_consumers_the_oldest_alone_is_served() -> None:
    r = Road()
    r.declare(single_active_consumer=True)
    first, second = r.connect(2), r.connect(3)
    r.ask(Attach("q", 1, 2), first)
    r.ask(Attach("q", 2, 10), second)
    r.fill(4)
    assert (pushed(r, 1), pushed(r, 2)) == ([b"0", b"1"], [])
    r.ask(commands.GrantCredit(1, 1), first)
    assert (pushed(r, 1), pushed(r, 2)) == ([b"0", b"1", b"2"], [])


def test_the_next_takes_over_when_the_oldest_leaves() -> None:
    r = Road()
    r.declare(single_active_consumer=True)
    for number in (1, 2, 3):
        r.ask(Attach("q", number, 2))
    r.fill(6)
    r.ask(Detach(1))
    assert pushed(r, 2) == [b"2", b"3"]
    r.ask(Detach(2))
    assert (pushed(r, 1), pushed(r, 3)) == ([b"0", b"1"], [b"4", b"5"])


def test_when_its_session_ends_what_it_held_comes_first_to_the_next() -> None:
    r = Road()
    r.declare(single_active_consumer=True)
    r.declare("busy")
    first, second = r.connect(2), r.connect(3)
    r.ask(Attach("busy", 9, 100), first)
    r.ask(Attach("q", 1, 3), first)
    r.ask(Attach("q", 2, 10), second)
    r.fill(50, "busy")
    r.fill(5)
    r.core.forget(first)
    r.pump()
    assert pushed(r, 2) == []
    while not pushed(r, 2):
        r.tick()
        r.pump()
    assert pushed(r, 2) == [b"0", b"1", b"2", b"3", b"4"]
    r.check()


def test_a_session_that_held_nothing_is_no_reason_to_wait_for_ever() -> None:
    r = Road()
    r.declare(single_active_consumer=True)
    first, second = r.connect(2), r.connect(3)
    r.ask(Attach("q", 1, 0), first)
    r.ask(Attach("q", 2, 10), second)
    r.fill(2)
    r.core.forget(first)
    r.settle_down()
    assert pushed(r, 2) == [b"0", b"1"]


def test_receives_are_served_beside_the_active_consumer() -> None:
    r = Road()
    r.declare(single_active_consumer=True)
    r.ask(Attach("q", 1, 1))
    r.fill(2)
    assert bodies_of(r.receive()) == [b"1"]


def test_the_setting_counts_for_consumers_that_are_there() -> None:
    r = Road()
    r.declare()
    for number in (1, 2):
        r.ask(Attach("q", number, 1))
    r.fill(1)
    assert pushed(r, 1) == [b"0"]
    alone = QueueSettings(single_active_consumer=True)
    r.ask(ChangeQueue("q", alone, only=("single_active_consumer",)))
    r.fill(2)
    assert (pushed(r, 1), pushed(r, 2)) == ([b"0"], [])
    assert not replayed(r.records()).queues[r.queue().id].deleted


def test_a_queue_tells_how_many_consumers_are_attached_and_a_restart_forgets_them() -> None:
    r = Road()
    r.declare()

    def consumers() -> int:
        described = r.ask(commands.DescribeQueue("q"))
        assert isinstance(described, Described)
        return described.consumers

    r.ask(Attach("q", 1, 1))
    r.ask(Attach("q", 1, 1), r.connect(2))
    assert consumers() == 2
    r.ask(Detach(1))
    assert consumers() == 1
    r.restart(2)
    assert consumers() == 0
