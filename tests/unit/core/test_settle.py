"""What becomes of leased messages, and of receipts that came too late."""

from typing import Any

from postroad.core.bits import PAGE
from postroad.limits import DEAD_WAIT_MS, FAILURE_CHARS_MAX, FAILURES_PAGE_CHARS_MAX
from postroad.model import commands
from postroad.model.commands import ACK, REJECT, RELEASE, RETRY
from postroad.model.message import Death, Delivery
from postroad.model.policy import RetryPolicy
from postroad.model.replies import Received, Refused, Settled, Why
from tests.unit.core.road import Road, bodies_of

NOTHING = (0, 0, 0, 0)
NO_LEASE = Why.NO_SUCH_LEASE


def road(**settings: Any) -> Road:
    road = Road()
    road.declare(**settings)
    return road


def test_an_acked_message_is_gone_and_acking_it_again_is_fine() -> None:
    r = road()
    r.fill(3)
    messages = r.receive(count=2)
    assert r.settle(messages) == []
    assert r.settle(messages) == []
    assert r.counts() == (1, 0, 0, 0)
    r.check()


def test_a_released_message_is_back_at_its_place_and_not_counted() -> None:
    r = road(deliveries_max=1)
    r.fill(3)
    first = r.receive(count=2)
    r.wait(50)
    assert r.settle(first, RELEASE) == []
    again = r.receive(count=3)
    assert [one.offset for one in again] == [0, 1, 2]
    assert [one.delivery_count for one in again] == [1, 1, 1]
    assert [r.now - one.first_received_ms for one in again] == [50, 50, 0]
    r.check()


def test_a_retried_message_waits_as_long_as_the_caller_says() -> None:
    r = road()
    r.fill(1)
    assert r.settle(r.receive(), RETRY, after_ms=100) == []
    assert r.counts() == (0, 1, 0, 0)
    r.wait(99)
    assert r.receive() == []
    r.wait(1)
    assert r.receive()[0].delivery_count == 2
    r.check()


def test_a_retry_without_a_time_follows_the_queues_policy() -> None:
    r = road(retry=RetryPolicy("fixed", 700, 60_000))
    r.fill(2)
    assert r.settle(r.receive(count=2), RETRY) == []
    assert [one.due_ms - r.now for one in r.peek()] == [700, 700]
    r.wait(700)
    assert len(r.receive(count=5)) == 2
    r.check()


def test_a_retry_after_nothing_is_ready_at_once() -> None:
    r = road(retry=RetryPolicy("fixed", 700, 60_000))
    r.fill(1)
    r.settle(r.receive(), RETRY, after_ms=0)
    assert r.counts() == (1, 0, 0, 0)


def test_a_rejected_message_without_dead_letters_is_dropped() -> None:
    r = road()
    r.fill(2)
    assert r.settle(r.receive(), REJECT) == []
    assert r.counts() == (1, 0, 0, 0)
    r.check()


def test_a_rejected_message_goes_to_the_dead_letters_with_its_history() -> None:
    r = road(dead_letter_queue="dead")
    r.declare("dead")
    r.fill(1)
    assert r.settle(r.receive(), REJECT) == []
    assert r.counts() == (0, 0, 0, 1)
    r.settle_down()
    (dead,) = r.receive("dead")
    assert dead.note is not None
    assert dead.note.deaths == [Death("q", "rejected", 1, r.now)]
    assert dead.identity == (r.queue().id, 0)
    assert dead.delivery_count == 1
    r.check()


def test_a_dead_letter_says_what_went_wrong_the_last_time() -> None:
    r = road(dead_letter_queue="dead", deliveries_max=2)
    r.declare("dead")
    r.fill(3)
    failing, rejected, silent = r.receive(count=3)
    assert r.settle([failing], RETRY, failure="the first time") == []
    assert r.settle([rejected], REJECT, failure="not for us") == []
    assert r.settle([silent], REJECT) == []
    assert r.settle(r.receive(), RETRY, failure="the second time") == []
    r.settle_down()
    told = {one.identity[1]: one.failure for one in r.receive("dead", count=3)}
    assert told == {0: "the second time", 1: "not for us", 2: ""}
    r.check()


def test_what_went_wrong_is_forgotten_when_the_message_lives_on_or_is_done() -> None:
    r = road(deliveries_max=2)
    r.fill(1)
    assert r.settle(r.receive(), RETRY, failure="the first time") == []
    page = r.queue().page_of(0)
    assert page is not None
    assert page.failures == {}
    assert r.settle(r.receive(), RETRY, failure="the second time") == []
    assert page.failures == {0: "the second time"}
    r.settle_down()
    assert page.failures == {}
    assert r.counts() == NOTHING


def test_what_went_wrong_is_told_in_so_many_characters_or_refused() -> None:
    r = road(dead_letter_queue="dead")
    r.fill(1)
    (one,) = r.receive()
    columns = ([one.offset], [one.lease], [one.delivery_count])
    failure = "x" * FAILURE_CHARS_MAX
    refused = r.ask(commands.Settle("q", *columns, REJECT, failure=failure + "x"))
    assert isinstance(refused, Refused)
    assert refused.why is Why.BAD_COMMAND
    assert r.settle([one], REJECT, failure=failure) == []


def test_what_went_wrong_is_refused_where_no_journal_could_keep_it() -> None:
    r = road(dead_letter_queue="dead")
    r.fill(1)
    (one,) = r.receive()
    columns = ([one.offset], [one.lease], [one.delivery_count])
    refused = r.ask(commands.Settle("q", *columns, REJECT, failure="no file \ud800"))
    assert isinstance(refused, Refused)
    assert refused.why is Why.BAD_COMMAND
    assert r.settle([one], REJECT, failure="no file \U0001f4ec") == []
    r.check()


def test_what_dead_letters_that_have_nowhere_to_go_died_of_is_bounded() -> None:
    r = road(dead_letter_exchange="", dead_letter_routing_key="dead", dead_letter_strict=True)
    whole = FAILURES_PAGE_CHARS_MAX // (FAILURE_CHARS_MAX - 1)
    r.fill(whole + 2)
    for one in r.receive(count=whole + 2):
        failure = f"{one.offset:4}" * 1_023 + "end"
        assert r.settle([one], REJECT, failure=failure) == []
    r.settle_down()
    page = r.queue().page_of(0)
    assert page is not None
    assert page.dead.bit_count() == whole + 2
    assert page.failure_chars == FAILURES_PAGE_CHARS_MAX
    assert page.failure_of(whole).endswith(f"{whole:4}end"), "of the last one its end is left"
    assert page.failure_of(whole + 1) == ""
    r.check()
    r.restart(2)
    r.declare("dead")
    r.now += DEAD_WAIT_MS
    r.settle_down()
    told = [len(one.failure) for one in r.receive("dead", count=whole + 2)]
    assert told[:whole] == [FAILURE_CHARS_MAX - 1] * whole
    assert (0 < told[whole] < FAILURE_CHARS_MAX - 1, told[whole + 1]) == (True, 0)
    r.check()


def test_a_message_that_lapsed_can_still_be_acked_while_nobody_else_has_it() -> None:
    r = road(lease_ms=100)
    r.fill(1)
    messages = r.receive()
    r.wait(100)
    assert r.counts() == (1, 0, 0, 0)
    assert r.settle(messages, strict=True) == [(0, NO_LEASE)]
    assert r.settle(messages, RELEASE) == [(0, NO_LEASE)]
    assert r.settle(messages) == []
    assert r.counts() == NOTHING
    r.check()


def test_a_late_ack_does_nothing_to_a_message_that_another_has_leased() -> None:
    r = road(lease_ms=100)
    r.fill(1)
    messages = r.receive()
    r.wait(100)
    r.receive()
    assert r.settle(messages) == [(0, NO_LEASE)]
    r.wait(100)
    assert r.settle(messages) == [(0, NO_LEASE)]
    assert r.counts() == (1, 0, 0, 0)
    r.check()


def test_a_late_ack_does_nothing_to_a_message_that_another_leased_and_put_back() -> None:
    r = road(lease_ms=100)
    r.fill(2)
    old = r.receive()
    r.wait(100)
    between = r.receive()
    r.settle(between, RELEASE)
    assert r.settle(old) == [(0, NO_LEASE)]
    rows = r.cut()
    r.restart(2, rows, len(r.steps))
    assert r.settle(old) == [(0, NO_LEASE)]
    newest = r.receive()
    r.wait(100)
    assert r.settle(between) == [(0, NO_LEASE)]
    assert r.settle(newest) == []
    assert r.counts() == (1, 0, 0, 0)


def test_who_put_a_message_back_can_still_ack_it_while_nobody_else_has_leased_it() -> None:
    r = road(lease_ms=100)
    r.fill(2)
    messages = r.receive(count=2)
    r.extend(messages[:1], 200)
    r.settle(messages, RELEASE)
    assert r.settle(messages) == []
    assert r.counts() == NOTHING
    r.check()


def test_receipts_that_were_never_given_change_nothing() -> None:
    r = road()
    r.fill(2)
    (message,) = r.receive()
    bad = [
        (message.offset, message.lease + 1),
        (message.offset + 1, message.lease),
        (-1, message.lease),
        (message.offset, -1),
        (99, message.lease),
        (PAGE, message.lease),
        (message.offset, 1 << 62),
    ]
    offsets = [offset for offset, _ in bad]
    leases = [lease for _, lease in bad]
    for outcome in (ACK, RELEASE, RETRY, REJECT):
        reply = r.ask(commands.Settle("q", offsets, leases, [0] * len(bad), outcome))
        assert reply == Settled(tuple((at, NO_LEASE) for at in range(len(bad))))
    reply = r.ask(commands.Extend("q", offsets, leases, 5))
    assert reply == Settled(tuple((at, NO_LEASE) for at in range(len(bad))))
    assert r.counts() == (1, 0, 1, 0)


def test_lists_of_other_lengths_and_times_out_of_range_are_refused() -> None:
    r = road()
    r.fill(1)
    century = 4_000_000_000_000
    senseless: list[commands.Command] = [
        commands.Settle("q", [0], [1], []),
        commands.Settle("q", [0], [], [1]),
        commands.Settle("q", [0], [1], [1], RETRY, century),
        commands.Settle("q", [0], [1], [1], 9),
        commands.Extend("q", [0], [], 5),
        commands.Extend("q", [0], [1], -1),
        commands.Extend("q", [0], [1], century),
    ]
    for command in senseless:
        reply = r.ask(command)
        assert isinstance(reply, Refused)
        assert reply.why is Why.BAD_COMMAND
    for lost in (commands.Settle("none", [0], [1], [1]), commands.Extend("none", [0], [1], 5)):
        reply = r.ask(lost)
        assert isinstance(reply, Refused)
        assert reply.why is Why.NO_SUCH_QUEUE


def test_leases_of_two_pages_are_settled_together() -> None:
    r = road()
    r.fill(PAGE + 10)
    messages = r.receive(count=PAGE + 5)
    assert len({one.lease for one in messages}) == 2
    assert r.settle(messages[::2]) == []
    assert r.settle(messages[1::2], RELEASE) == []
    assert r.counts() == (PAGE + 10 - len(messages[::2]), 0, 0, 0)
    r.check()


def test_an_extended_lease_ends_later_and_keeps_its_receipt() -> None:
    r = road(lease_ms=100)
    r.fill(2)
    messages = r.receive(count=2)
    assert r.extend(messages, 500) == []
    r.wait(499)
    assert r.counts() == (0, 0, 2, 0)
    r.wait(1)
    assert r.counts() == (2, 0, 0, 0)
    r.check()


def test_a_part_of_a_lease_is_extended_under_its_old_receipts() -> None:
    r = road(lease_ms=100)
    r.fill(6)
    messages = r.receive(count=6)
    assert r.extend(messages[1:3], 500) == []
    assert r.extend(messages[1:2], 900) == []
    r.wait(100)
    assert r.counts() == (4, 0, 2, 0)
    r.check()
    assert r.settle(messages[2:3], RELEASE) == []
    assert r.settle(messages[1:2]) == []
    assert r.counts() == (5, 0, 0, 0)
    assert r.queue().moved == {}
    r.check()


def test_a_lease_extended_to_the_same_instant_twice_lapses_once() -> None:
    r = road()
    r.fill(3)
    messages = r.receive(count=3, lease_ms=100)
    r.extend(messages, 50)
    r.extend(messages, 100)
    r.extend(messages, 50)
    r.wait(50)
    assert r.counts() == (3, 0, 0, 0)
    r.check()


def test_settling_what_was_purged_ends_the_lease_and_gives_the_credit_back() -> None:
    r = road()
    for outcome in (ACK, RELEASE, RETRY, REJECT):
        r.ask(commands.Attach("q", outcome, 1))
        r.fill(1)
        messages = last_push(r)
        r.ask(commands.PurgeQueue("q"))
        assert r.extend(messages, 5) == [(0, NO_LEASE)]
        assert r.settle(messages, outcome) == []
        assert not r.queue().leases.segments
        r.fill(1)
        assert len(last_push(r)) == 1, "the consumer has its credit again"
        r.settle(last_push(r))
        r.ask(commands.Detach(outcome))
    r.check()


def test_receipts_of_a_part_that_was_extended_still_end_their_lease_after_a_purge() -> None:
    r = road()
    r.ask(commands.Attach("q", 1, 3))
    r.fill(3)
    messages = last_push(r)
    r.extend(messages[:2], 500)
    r.ask(commands.PurgeQueue("q"))
    assert r.settle(messages, RELEASE) == []
    assert not r.queue().leases.segments
    assert not r.queue().moved
    r.fill(3)
    assert len(last_push(r)) == 3
    r.check()


def last_push(r: Road) -> list[Delivery]:
    pushes = [reply.messages for _, reply in r.told if isinstance(reply, Received)]
    return list(pushes[-1])


def test_a_message_of_a_purged_queue_is_not_delivered_again_when_its_lease_lapses() -> None:
    r = road(lease_ms=100)
    r.fill(3)
    r.receive(count=3)
    r.ask(commands.PurgeQueue("q"))
    r.fill(2)
    r.wait(100)
    assert bodies_of(r.receive(count=9)) == [b"3", b"4"]
    r.check()


def test_a_lease_of_a_queue_deleted_since_does_nothing_to_the_one_that_has_its_name() -> None:
    r = road()
    r.fill(1)
    (old,) = r.receive()
    r.ask(commands.DeleteQueue("q"))
    r.declare()
    r.fill(1)
    (new,) = r.receive()
    assert new.offset == old.offset
    assert new.lease == old.lease
    receipt = ("q", [old.offset], [old.lease])
    for command in (
        commands.Settle(*receipt, [1], queue_id=old.queue),
        commands.Settle(*receipt, [1], RELEASE, queue_id=old.queue),
        commands.Extend(*receipt, 0, old.queue),
    ):
        refused = r.ask(command)
        assert isinstance(refused, Refused)
        assert refused.why is NO_LEASE
    assert r.counts() == (0, 0, 1, 0)
    assert r.ask(commands.Settle(*receipt, [1], queue_id=new.queue)) == Settled()
