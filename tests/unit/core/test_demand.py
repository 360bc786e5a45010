"""Standing asks: long polls, pops and attached consumers."""

from postroad.core.bits import PAGE
from postroad.limits import ENDED_WAITS_MAX, LAPSE_SLICE, PUSH_BATCH, ROUNDS_MAX
from postroad.model import commands
from postroad.model.ask import Ask, Caller
from postroad.model.commands import Attach, Detach, GrantCredit, Pop, Receive
from postroad.model.message import Delivery
from postroad.model.policy import QueueSettings
from postroad.model.replies import Done, Received, Refused, Reply, Why
from tests.unit.core.road import Road, bodies_of

CENTURY_MS = 4_000_000_000_000


def road(**settings: object) -> Road:
    r = Road()
    r.ask(commands.DeclareQueue("q", commands_settings(**settings)))
    return r


def commands_settings(**given: object) -> QueueSettings:
    return QueueSettings(**given)  # type: ignore[arg-type]


def why(reply: Reply | None) -> Why:
    assert isinstance(reply, Refused), reply
    return reply.why


def answer(r: Road, number: int) -> list[bytes] | None:
    for asked, reply in r.told:
        if asked == number and isinstance(reply, Received):
            return bodies_of(reply.messages)
    return None


def pushed(r: Road, consumer: int) -> list[Delivery]:
    return [
        message
        for _, reply in r.told
        if isinstance(reply, Received) and reply.consumer == consumer
        for message in reply.messages
    ]


def test_a_receive_waits_until_something_comes() -> None:
    r = road()
    assert r.ask(Receive("q", 5, wait_ms=1_000)) is None
    number = r.asked
    r.fill(2)
    assert answer(r, number) == [b"0", b"1"]
    assert r.core.next_due() == r.now + 30_000
    r.check()


def test_a_receive_waits_as_long_as_the_queue_says_and_no_longer() -> None:
    r = road(wait_ms=100)
    assert r.ask(Receive("q")) is None
    assert r.core.next_due() == r.now + 100
    r.wait(99)
    assert answer(r, r.asked) is None
    r.wait(1)
    assert answer(r, r.asked) == []
    assert r.ask(Receive("q", wait_ms=0)) == Received([])


def test_a_wait_is_ended_by_a_delay_a_lapse_or_a_release() -> None:
    r = road(lease_ms=50)
    r.publish(b"late", delays_ms=[10])
    for end in ("ripen", "lapse", "release"):
        r.ask(Receive("q", wait_ms=1_000))
        number = r.asked
        if end == "release":
            last = r.told[-1][1]
            assert isinstance(last, Received)
            r.settle(last.messages, commands.RELEASE)
        else:
            r.wait(10 if end == "ripen" else 50)
        assert answer(r, number) == [b"late"]
    r.check()


def test_who_waits_longest_is_served_first() -> None:
    r = road()
    numbers = []
    for count in (2, 1, 2):
        r.ask(Receive("q", count, wait_ms=1_000))
        numbers.append(r.asked)
    r.fill(4)
    assert [answer(r, number) for number in numbers] == [[b"0", b"1"], [b"2"], [b"3"]]
    r.ask(Receive("q", wait_ms=10))
    r.ask(Receive("q", wait_ms=10))
    first = r.asked - 1
    r.wait(5)
    assert r.ask(Receive("q", wait_ms=0)) == Received([])
    r.fill(1)
    assert answer(r, first) == [b"4"]
    assert r.core.demand.waiting == 1
    r.wait(5)
    assert r.core.demand.waiting == 0


def test_a_late_comer_waits_behind_the_others() -> None:
    r = road(leased_max=1)
    r.fill(2)
    (message,) = r.receive(count=5)
    r.ask(Receive("q", wait_ms=1_000))
    r.ask(Pop("q", wait_ms=1_000))
    popper = r.asked
    assert why(r.ask(Receive("q"))) is Why.TOO_MANY_LEASED
    r.settle([message])
    assert answer(r, popper - 1) == [b"1"]
    assert answer(r, popper) is None
    r.check()


def test_a_popped_message_is_gone() -> None:
    r = road()
    r.fill(PAGE + 3)
    popped = r.ask(Pop("q", PAGE + 2))
    assert isinstance(popped, Received)
    assert len(popped.messages) == PAGE + 2
    assert {one.lease for one in popped.messages} == {0}
    assert r.counts() == (1, 0, 0, 0)
    assert r.ask(Pop("q", 9)) is not None
    assert r.ask(Pop("q", 9)) == Received([])
    r.check()


def test_a_receive_may_have_at_most_what_the_queue_may_lease() -> None:
    r = road(leased_max=3)
    r.fill(5)
    assert len(r.receive(count=2)) == 2
    assert len(r.receive(count=5)) == 1
    assert why(r.ask(Receive("q"))) is Why.TOO_MANY_LEASED
    r.ask(Attach("q", 1, 5))
    assert pushed(r, 1) == []
    r.check()


def test_a_receive_that_makes_no_sense_is_refused() -> None:
    r = road()
    assert why(r.ask(Receive("none"))) is Why.NO_SUCH_QUEUE
    assert why(r.ask(Pop("none"))) is Why.NO_SUCH_QUEUE
    assert why(r.ask(Receive("q", 0))) is Why.BAD_COMMAND
    assert why(r.ask(Receive("q", 1, -2))) is Why.BAD_COMMAND
    assert why(r.ask(Receive("q", 1, CENTURY_MS))) is Why.BAD_COMMAND
    assert why(r.ask(Attach("none", 1, 1))) is Why.NO_SUCH_QUEUE
    assert why(r.ask(Attach("q", 1, -1))) is Why.BAD_COMMAND
    assert why(r.ask(Attach("q", 1, 1, -2))) is Why.BAD_COMMAND
    assert why(r.ask(Attach("q", 1, 1, CENTURY_MS))) is Why.BAD_COMMAND
    assert why(r.ask(GrantCredit(1, 1))) is Why.NO_SUCH_CONSUMER
    assert why(r.ask(Detach(1))) is Why.NO_SUCH_CONSUMER
    assert r.ask(Attach("q", 1, 1)) == Done()
    assert why(r.ask(Attach("q", 1, 1))) is Why.BAD_COMMAND


def test_a_consumer_is_pushed_what_its_credit_allows() -> None:
    r = road()
    r.ask(Attach("q", 1, 2))
    r.fill(5)
    got = pushed(r, 1)
    assert bodies_of(got) == [b"0", b"1"]
    r.settle(got[:1])
    assert bodies_of(pushed(r, 1)) == [b"0", b"1", b"2"]
    r.settle(got[1:], commands.RELEASE)
    assert bodies_of(pushed(r, 1))[-1] == b"1"
    r.ask(GrantCredit(1, 1))
    assert len(pushed(r, 1)) == 5
    r.ask(GrantCredit(1, 0, absolute=True))
    r.settle(pushed(r, 1)[2:3])
    assert len(pushed(r, 1)) == 6, "a settled message gives its credit back"
    r.check()


def test_a_consumer_without_leases_uses_its_credit_up() -> None:
    r = road()
    r.ask(Attach("q", 1, 2, leased=False))
    r.fill(3)
    assert len(pushed(r, 1)) == 2
    assert r.counts() == (1, 0, 0, 0)
    r.ask(GrantCredit(1, 1))
    assert r.counts() == (0, 0, 0, 0)
    r.check()


def test_consumers_take_turns() -> None:
    r = road()
    for number in (1, 2):
        r.ask(Attach("q", number, 2 * PUSH_BATCH))
    r.fill(3 * PUSH_BATCH)
    half = 3 * PUSH_BATCH // 2
    assert [len(pushed(r, number)) for number in (1, 2)] == [half, half]
    assert [pushed(r, 2)[0].offset, pushed(r, 1)[PUSH_BATCH].offset] == [PUSH_BATCH, 2 * PUSH_BATCH]


def test_a_turn_of_the_pump_has_so_many_rounds() -> None:
    r = road()
    for _ in range(ROUNDS_MAX + 5):
        r.ask(Receive("q", wait_ms=1_000))
    r.fill(ROUNDS_MAX + 5)
    assert r.core.demand.waiting == 5
    r.pump()
    assert r.core.demand.waiting == 0
    assert r.core.pump(r.now) is None


def test_a_detached_consumer_gets_nothing_and_keeps_its_leases() -> None:
    r = road()
    r.ask(Attach("q", 1, 1))
    r.fill(2)
    r.ask(Detach(1))
    r.settle(pushed(r, 1))
    assert r.counts() == (1, 0, 0, 0)
    assert r.ask(Attach("q", 1, 1)) == Done()
    assert len(pushed(r, 1)) == 2


def test_a_consumer_with_a_lease_time_has_leases_that_lapse() -> None:
    r = road()
    r.ask(Attach("q", 1, 1, 50))
    r.fill(1)
    r.wait(50)
    assert [one.delivery_count for one in pushed(r, 1)] == [1, 2]
    r.check()


def test_a_caller_that_is_gone_waits_no_more_and_its_leases_end() -> None:
    r = road()
    r.declare("other")
    gone: Caller = r.connect(5)
    r.ask(Attach("q", 1, 2), gone)
    r.ask(Attach("q", 2, 2), gone)
    r.ask(Detach(2), gone)
    r.ask(Receive("other", wait_ms=500), gone)
    r.ask(Receive("other", wait_ms=500))
    stays = r.asked
    r.fill(2)
    assert len(pushed(r, 1)) + len(pushed(r, 2)) == 2
    r.core.forget(gone)
    r.core.forget(gone)
    r.settle_down()
    assert r.counts() == (2, 0, 0, 0)
    r.fill(1, "other")
    assert answer(r, stays) == [b"0"]
    assert r.core.demand.waiting == 0
    r.check()


def test_who_waits_for_a_queue_that_is_deleted_is_told() -> None:
    r = road()
    r.ask(Receive("q", wait_ms=500))
    number = r.asked
    r.ask(Attach("q", 1, 1))
    r.ask(commands.DeleteQueue("q"))
    replies = [reply for asked, reply in r.told if asked == number]
    assert [why(one) for one in replies] == [Why.NO_SUCH_QUEUE]
    assert why(r.ask(GrantCredit(1, 1))) is Why.NO_SUCH_CONSUMER
    assert r.core.next_due() == 0


def test_a_wait_that_ended_in_the_middle_of_the_line_is_passed_over() -> None:
    r = road()
    for wait_ms in (100, 10, 10):
        r.ask(Receive("q", wait_ms=wait_ms))
    r.wait(10)
    assert r.core.demand.waiting == 1
    number = r.asked - 2
    r.fill(2)
    assert answer(r, number) == [b"0"]
    assert r.counts() == (1, 0, 1, 0)
    assert not r.core.demand.waiters


def test_a_stop_says_nothing_to_those_who_had_their_answer() -> None:
    r = road()
    for wait_ms in (100, 10):
        r.ask(Receive("q", wait_ms=wait_ms))
    r.wait(10)
    assert [answer.ask.number for answer in r.core.stop_waiting()] == [r.asked - 1]


def test_many_waits_end_a_slice_at_a_time() -> None:
    r = road()
    for _ in range(LAPSE_SLICE + 1):
        r.ask(Receive("q", wait_ms=10))
    r.now += 10
    assert r.tick() == []
    assert r.core.demand.waiting == 1
    r.wait(0)
    assert r.core.demand.waiting == 0


def test_who_waits_gets_nothing_while_the_queue_may_lease_no_more() -> None:
    r = road(leased_max=1)
    r.fill(1)
    (message,) = r.receive()
    r.ask(Receive("q", wait_ms=100))
    number = r.asked
    r.fill(1)
    assert answer(r, number) is None
    r.settle([message])
    assert answer(r, number) == [b"1"]


def test_who_takes_without_a_lease_is_served_though_the_queue_may_lease_no_more() -> None:
    r = road(leased_max=1)
    r.fill(1)
    r.receive()
    r.ask(Receive("q", wait_ms=100))
    r.ask(Attach("q", 1, 5))
    r.ask(Attach("q", 2, 2, leased=False))
    r.fill(3)
    assert (pushed(r, 1), bodies_of(pushed(r, 2))) == ([], [b"1", b"2"])
    assert r.counts() == (1, 0, 1, 0)
    r.check()


def test_a_message_that_came_back_waits_for_its_return_to_be_durable() -> None:
    r = road()
    r.fill(PAGE + 1)
    state = r.state
    (message,) = r.receive()
    state.durable = state.group - 1
    group = state.group
    receipt = ([message.offset], [message.lease], [1], commands.RELEASE)
    r.core.handle(ask(r, commands.Settle("q", *receipt)), r.now)
    state.group += 1
    step = r.core.handle(ask(r, Receive("q", PAGE + 1)), r.now)
    assert step.answers[0].wait == group  # type: ignore[union-attr]


def test_messages_wait_for_the_group_that_makes_them_durable() -> None:
    r = road()
    state = r.state
    state.durable = 0
    r.core.handle(ask(r, commands.Publish(("q",), [b"1"])), r.now)
    group = state.group
    state.group += 1
    r.core.handle(ask(r, commands.Publish(("q",), [b"2"])), r.now)
    state.group += 1
    waits = []
    for _ in range(2):
        step = r.core.handle(ask(r, Receive("q")), r.now)
        waits.append(step.answers[0].wait)  # type: ignore[union-attr]
    assert waits == [group, group + 1]
    state.durable = state.group
    r.core.handle(ask(r, commands.Publish(("q",), [b"3"])), r.now)
    state.durable = state.group
    step = r.core.handle(ask(r, Receive("q")), r.now)
    assert step.answers[0].wait == 0  # type: ignore[union-attr]


def ask(r: Road, command: commands.Command) -> Ask:
    return Ask(r.caller, 1_000, command)


def test_waits_that_were_answered_early_are_not_remembered_until_their_end() -> None:
    r = road()
    for _ in range(ENDED_WAITS_MAX + 10):
        assert r.ask(Receive("q", wait_ms=CENTURY_MS)) is None
        r.fill(1)
        assert answer(r, r.asked - 1) is not None
    assert r.core.demand.waiting == 0
    assert len(r.core.demand._ends) <= ENDED_WAITS_MAX
