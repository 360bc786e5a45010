"""What is over leaves nothing behind, however long a queue, a session or a lease lives."""

import pytest

from postroad.core import extents
from postroad.core.bits import PAGE
from postroad.core.leases import HOLDER_THIN_AT
from postroad.core.times import SAMPLES_MAX, UNLIMITED_GRAIN_MS, Times
from postroad.limits import EXTENTS_MIN, HELD_GONE_MAX, STALE_MAX
from postroad.model.commands import (
    ACK,
    RETRY,
    SESSION_LEASE,
    Attach,
    DeleteQueue,
    Detach,
    Publish,
    Receive,
    Settle,
)
from postroad.model.lists import LEFT
from postroad.model.replies import Received
from tests.unit.core.list_road import Lists
from tests.unit.core.road import Road, bodies_of

FAR_MS = 10 * 86_400_000
TIMES = 3 * STALE_MAX


def road(**settings: object) -> Road:
    r = Road()
    r.declare("q", **settings)
    return r


def test_a_far_due_is_entered_once_though_nearer_ones_come_and_go() -> None:
    r = road()
    r.ask(Publish(("q",), [b"far"], None, [FAR_MS]))
    r.fill(1)
    for _ in range(TIMES):
        r.settle(r.receive(), RETRY, after_ms=50)
        r.wait(100)
    assert len(r.queue().pages.due_list) <= 2 + STALE_MAX
    assert len(r.core.schedule.dues) <= 2 + STALE_MAX
    r.wait(FAR_MS)
    assert r.counts() == (2, 0, 0, 0)
    r.check()


def test_a_far_end_of_life_is_entered_once_though_leases_come_and_go() -> None:
    r = road(lease_ms=1_000)
    r.ask(Publish(("q",), [b"far"], None, [FAR_MS], [FAR_MS]))
    for _ in range(TIMES):
        r.ask(Publish(("q",), [b"near"], None, None, [10]))
        r.wait(1_500)
    assert len(r.queue().pages.expiry_list) <= 2 + STALE_MAX
    assert len(r.core.schedule.dues) <= 2 + STALE_MAX
    r.check()


def test_a_far_deadline_is_entered_once_though_nearer_ones_come_and_go() -> None:
    r = road()
    r.fill(2)
    r.receive(lease_ms=FAR_MS)
    for _ in range(TIMES):
        r.receive(lease_ms=10)
        r.wait(20)
    assert len(r.queue().leases.deadlines) <= 2 + STALE_MAX
    r.check()


def test_a_lease_that_is_extended_for_ever_takes_no_more_than_others() -> None:
    r = road()
    r.fill(2)
    r.receive(lease_ms=FAR_MS)
    held = r.receive(lease_ms=FAR_MS)
    for _ in range(3 * PAGE):
        r.now += 1
        assert r.extend(held, FAR_MS) == []
    (segment,) = r.queue().leases.segments.values()
    assert len(segment.ends.entries) <= 2 * PAGE + 1
    r.wait(FAR_MS)
    assert r.counts() == (2, 0, 0, 0)


def test_a_queue_that_is_never_empty_keeps_few_samples_of_when_messages_came() -> None:
    times = Times()
    count = 10 * SAMPLES_MAX
    for one in range(count):
        times.add(one * 2 * UNLIMITED_GRAIN_MS, one, None)
    assert len(times.offset) <= SAMPLES_MAX
    assert times.too_old(count * 2 * UNLIMITED_GRAIN_MS, count) == count
    for ms in range(0, count * 2 * UNLIMITED_GRAIN_MS, 999_999):
        assert times.too_old(ms, count) <= ms // (2 * UNLIMITED_GRAIN_MS) + 1


def test_a_receive_that_gave_up_is_gone_from_the_line_behind_one_that_waits_long() -> None:
    r = road()
    r.ask(Receive("q", wait_ms=FAR_MS))
    for _ in range(20):
        r.ask(Receive("q", wait_ms=10))
        r.wait(20)
    assert [len(line) for line in r.core.demand.waiters.values()] == [1]


def test_consumers_that_were_detached_are_forgotten_once_their_leases_are_over() -> None:
    r = road()
    r.fill(1)
    for consumer in range(1, 20):
        r.ask(Attach("q", consumer, 1))
        r.ask(Detach(consumer))
    demand = r.core.demand
    assert r.counts() == (0, 0, 1, 0)
    assert list(demand.by_holder) == [demand.sessions[1].holders[0][1]]
    assert r.core.state.by_name["q"].leases.by_holder.keys() == demand.by_holder.keys()
    (pushed,) = [one.messages for _, one in r.told if isinstance(one, Received)]
    r.settle(pushed)
    assert not demand.by_holder
    assert not demand.sessions
    assert not r.queue().leases.by_holder
    r.ask(Attach("q", 1, 1))
    r.fill(1)
    assert r.counts() == (0, 0, 1, 0)


def test_leases_of_a_session_are_counted_out_in_time_that_grows_with_their_number() -> None:
    r = road()
    r.fill(3 * HOLDER_THIN_AT)
    for _ in range(3 * HOLDER_THIN_AT):
        held = r.receive(lease_ms=SESSION_LEASE)
        if held[0].offset % 2:
            r.settle(held)
    leases = r.queue().leases
    ((holder, numbers),) = leases.by_holder.items()
    assert len(numbers) <= leases.thin_at[holder] <= 4 * HOLDER_THIN_AT
    r.core.forget(r.caller)
    r.settle_down()
    assert r.counts() == (3 * HOLDER_THIN_AT // 2, 0, 0, 0)
    assert not leases.by_holder
    r.check()


def test_a_stuck_message_does_not_keep_the_places_of_all_who_came_after_it() -> None:
    r = Road()
    r.declare()
    r.declare("other")
    r.fill(1)
    (stuck,) = r.receive(lease_ms=3_600_000)
    for _ in range(EXTENTS_MIN):
        r.publish(b"both", to=("q", "other"))
        r.fill(1)
        r.settle(r.receive(count=2))
    assert len(r.queue().extents.first) <= EXTENTS_MIN + 4
    r.publish(b"last", to=("q", "other"))
    r.fill(2)
    assert bodies_of(r.receive(count=9)) == [b"last", b"130", b"131"]
    assert r.peek(count=1)[0].message.body == b"0"
    r.settle([stuck])
    r.check()


def test_places_are_looked_at_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extents, "EXTENTS_LOOK", 3)
    monkeypatch.setattr(extents, "EXTENTS_MIN", 0)
    r = Road()
    r.declare()
    r.declare("other")
    messages = []
    for turn in range(40):
        r.publish(b"%d" % turn, to=("q", "other") if turn % 2 else ("q",))
        messages += r.receive(lease_ms=3_600_000)
    r.settle(messages[:7] + messages[8:25] + messages[26:])
    for turn in range(60):
        r.publish(b"%d" % turn, to=("q", "other") if turn % 2 else ("q",))
        r.settle(r.receive())
    assert len(r.queue().extents.first) < 10
    assert [one.message.body for one in r.peek()] == [b"7", b"25"]
    r.settle([messages[7], messages[25]])
    r.check()


def test_a_session_forgets_what_it_received_from_queues_that_are_gone() -> None:
    r = Lists()
    caller = r.connect(2)
    r.push(LEFT, b"kept", to="first")
    r.ask(Receive("first", 1, SESSION_LEASE), caller)
    r.push(LEFT, b"kept", to="pushed")
    r.ask(Attach("pushed", 7, 1, SESSION_LEASE), caller)
    for number in range(3 * HELD_GONE_MAX):
        name = f"list {number}"
        r.push(LEFT, b"a", to=name)
        r.ask(Receive(name, 1, SESSION_LEASE), caller)
        received = r.told[-1][1]
        assert isinstance(received, Received)
        (leased,) = received.messages
        r.ask(Settle(name, [leased.offset], [leased.lease], [1], ACK))
        assert name not in r.state.by_name
    session = r.core.demand.sessions[2]
    assert len(session.own) <= HELD_GONE_MAX + 4
    assert len(session.holders) <= HELD_GONE_MAX + 5
    r.check()
    r.core.forget(caller)
    r.settle_down()
    assert r.all("first") == r.all("pushed") == [b"kept"], "what it holds comes back"
    assert 2 not in r.core.demand.sessions


def test_a_session_remembers_every_queue_that_is_there() -> None:
    r = Lists()
    caller = r.connect(2)
    names = [f"queue {number}" for number in range(3 * HELD_GONE_MAX)]
    for name in names:
        r.declare(name)
        r.publish(b"a", b"b", to=(name,))
        r.ask(Receive(name, 1, SESSION_LEASE), caller)
    session = r.core.demand.sessions[2]
    assert len(session.own) == len(session.holders) == len(names)
    for name in names[::2]:
        holder = session.own[r.queue(name).id]
        r.ask(Receive(name, 1, SESSION_LEASE), caller)
        assert session.own[r.queue(name).id] == holder
    r.core.forget(caller)
    r.settle_down()
    assert {r.counts(name) for name in names} == {(2, 0, 0, 0)}


def test_a_session_forgets_detached_consumers_whose_queues_are_gone() -> None:
    r = Lists()
    caller = r.connect(2)
    r.declare("kept")
    r.publish(b"a", to=("kept",))
    r.ask(Attach("kept", 1, 1, SESSION_LEASE), caller)
    r.pump()
    r.ask(Detach(1), caller)
    for number in range(20):
        r.declare("passing")
        r.publish(b"a", b"b", to=("passing",))
        r.ask(Attach("passing", 1, 1), caller)
        r.ask(Attach("passing", 2, 1), caller)
        r.pump()
        r.ask(Detach(1), caller)
        assert r.counts("passing")[2] == 2, "its leases outlive a consumer"
        if number % 2:
            r.ask(Detach(2), caller)
        r.ask(DeleteQueue("passing"))
        r.settle_down()
    demand = r.core.demand
    assert len(demand.by_holder) == len(demand.sessions[2].holders) == 1
    assert r.counts("kept") == (0, 0, 1, 0)
    r.core.forget(caller)
    r.settle_down()
    assert r.counts("kept") == (1, 0, 0, 0), "what it holds comes back"
    assert not demand.by_holder
    assert not demand.loose
    assert 2 not in demand.sessions
    r.check()
