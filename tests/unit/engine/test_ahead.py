"""Blocks are read back before they are asked for, where that helps and nobody is in the way."""

from typing import Any

import pytest

from postroad.engine.jobs import Delete, Job, Load, LoadAhead
from postroad.engine.settings import EngineSettings
from postroad.limits import AHEAD_PATIENCE, AHEAD_SHARE, LEASE_WAIT_MS
from postroad.model import commands as asks
from postroad.model.ask import Ask, Caller
from tests.unit.engine.rooms import Room

KIB = 1024
MANY = 120
"""Messages in the store; each has a block of its own, since it is as large as one."""


class Hold(Room):
    """A room where what is read ahead can be held up, or fail."""

    def __init__(self, cache_bytes: int = 8 * KIB * KIB) -> None:
        self.holds = False
        self.fails = False
        self.held: list[Job] = []
        super().__init__(EngineSettings(cache_bytes=cache_bytes))

    def _run(self, job: Job) -> None:
        if not isinstance(job, LoadAhead) or not (self.holds or self.fails):
            super()._run(job)
        elif self.fails:
            self.ran.append(job)
            self.engine.finished(job, OSError("not now"))
        else:
            self.held.append(job)

    def let_go(self) -> None:
        """What was held up is done now."""
        self.holds = False
        held, self.held = self.held, []
        for job in held:
            super()._run(job)
        self.rest()

    def fill(self, *names: str, count: int = MANY) -> None:
        """Messages enough that none is left in memory but the last."""
        for name in names:
            self.ask(asks.DeclareQueue(name))
        for at in range(count):
            for name in names:
                self.ask(asks.Publish((name,), [body(at)]))
        self.settings = EngineSettings(cache_bytes=self.settings.cache_bytes)
        self.engine.keeper.close()
        self.rest()
        self.start()
        self.ran.clear()

    def take(self, name: str, count: int = 1, acked: bool = True) -> list[int]:
        """Receive, and ack unless told not to; the numbers of what came."""
        found = self.ask(asks.Receive(name, count)).messages
        if acked:
            offsets = [one.offset for one in found]
            leases = [one.lease for one in found]
            self.ask(asks.Settle(name, offsets, leases, [one.delivery_count for one in found]))
        for one in found:
            assert one.body == body(int(one.body[:4]))
        return [int(one.body[:4]) for one in found]

    def loads(self, kind: type = Load) -> list[Any]:
        return [job for job in self.ran if type(job) is kind]


def body(number: int) -> bytes:
    return b"%4d" % number + bytes(128 * KIB)


def ask_of(room: Room, command: Any, caller: Caller | None = None) -> Ask:
    return Ask(caller or room.caller, room.asked, command)


def bodies_of(reply: Any) -> list[bytes]:
    return [one.body for one in reply.messages]


def read_ahead(room: Room) -> int:
    return room.engine.loads.ahead.blocks


def used(room: Room) -> int:
    return room.engine.cache.ahead_used


def test_a_queue_that_is_consumed_in_order_waits_for_the_store_only_at_first() -> None:
    room = Hold()
    room.fill("mail")
    assert [number for _ in range(MANY) for number in room.take("mail")] == list(range(MANY))
    assert len(room.loads()) == 1
    assert read_ahead(room) == used(room) == MANY - 1
    assert 8 < len(room.loads(LoadAhead)) < MANY // 2
    cache = room.engine.cache
    assert (cache.ahead, cache.ahead_bytes, cache.read_bytes, cache.pins) == ({}, 0, 0, {})


def test_a_queue_is_read_ahead_from_where_it_is_read() -> None:
    room = Hold()
    room.fill("mail")
    room.take("mail", 5)
    room.start()
    room.ran.clear()
    assert [number for _ in range(20) for number in room.take("mail")] == list(range(5, 25))
    assert len(room.loads()) <= 2


def test_what_is_read_ahead_takes_its_share_of_the_cache_and_no_more() -> None:
    room = Hold(cache_bytes=4 * KIB * KIB)
    room.fill("mail", "post")
    cache = room.engine.cache
    most = cache.read_bytes_max // AHEAD_SHARE
    ahead = []
    for _ in range(MANY):
        room.take("mail")
        room.take("post")
        ahead.append(cache.ahead_bytes)
        assert cache.read_bytes <= cache.read_bytes_max
    assert 2 * 128 * KIB < max(ahead) <= most


def test_a_cache_too_small_for_it_reads_nothing_ahead() -> None:
    room = Hold(cache_bytes=KIB * KIB - 4 * KIB)
    room.fill("mail", count=20)
    assert [number for _ in range(20) for number in room.take("mail")] == list(range(20))
    assert read_ahead(room) == 0


def test_messages_that_are_read_here_and_there_are_not_read_ahead() -> None:
    room = Hold()
    room.fill("mail")
    for offset in (90, 30, 70, 10, 50, 110, 20, 100, 60, 80, 40):
        room.ask(asks.Peek("mail", offset, 1))
    assert len(room.loads()) == 11
    assert read_ahead(room) == 0


def test_who_reads_elsewhere_too_is_read_ahead_less() -> None:
    room = Hold()
    room.fill("mail")
    for at in range(12):
        room.take("mail")
        room.ask(asks.Peek("mail", 119 - 5 * at, 1))
    assert [number for _ in range(12, MANY) for number in room.take("mail")] == [*range(12, MANY)]


def test_a_block_on_its_way_is_waited_for_and_not_read_again() -> None:
    room = Hold()
    room.fill("mail")
    room.holds = True
    assert room.take("mail") == [0]
    said = len(room.said)
    room.asked += 1
    room.engine.submit(ask_of(room, asks.Receive("mail", 1)))
    room.rest()
    assert len(room.said) == said
    assert not room.engine.idle()
    room.let_go()
    assert bodies_of(room.said[-1]) == [body(1)]
    assert len(room.loads()) == 1
    room.rest(LEASE_WAIT_MS)
    assert room.engine.idle()


def test_what_could_not_be_read_ahead_is_read_when_it_is_asked_for() -> None:
    room = Hold()
    room.fill("mail")
    room.fails = True
    assert [number for _ in range(MANY) for number in room.take("mail")] == list(range(MANY))
    assert room.engine.fault is None
    assert len(room.loads()) == MANY
    assert room.loads(LoadAhead)
    assert room.engine.cache.pins == {}
    assert not room.engine.cache.coming


def test_who_waits_for_a_block_that_cannot_be_read_ahead_gets_it_all_the_same() -> None:
    room = Hold()
    room.fill("mail")
    room.holds = True
    room.take("mail")
    room.asked += 1
    room.engine.submit(ask_of(room, asks.Receive("mail", 1)))
    room.rest()
    for job in room.held:
        room.engine.finished(job, OSError("not now"))
    room.holds = False
    room.rest()
    assert bodies_of(room.said[-1]) == [body(1)]


@pytest.mark.parametrize("command", [asks.PurgeQueue("mail"), asks.DeleteQueue("mail")])
def test_blocks_on_their_way_are_deleted_once_they_came_and_are_not_kept(command: Any) -> None:
    room = Hold()
    room.fill("mail")
    room.holds = True
    room.take("mail")
    assert room.held
    room.ask(command)
    coming = {one[2] for job in room.held if isinstance(job, LoadAhead) for one in job.wanted}
    assert coming
    deleted = {id for job in room.loads(Delete) for id in job.ids}
    assert len(deleted) == MANY - len(coming)
    room.let_go()
    deleted = {id for job in room.loads(Delete) for id in job.ids}
    assert coming < deleted
    assert room.engine.fault is None
    cache = room.engine.cache
    assert (cache.read, cache.read_bytes, cache.ahead, cache.pins) == ({}, 0, {}, {})


def test_what_was_read_ahead_goes_with_its_queue() -> None:
    room = Hold()
    room.fill("mail")
    room.take("mail")
    room.take("mail")
    assert room.engine.cache.ahead
    room.ask(asks.DeleteQueue("mail"))
    cache = room.engine.cache
    assert (cache.read, cache.read_bytes, cache.ahead, cache.ahead_bytes) == ({}, 0, {}, 0)


def test_a_caller_that_is_gone_leaves_the_block_it_waited_for_to_the_next() -> None:
    room = Hold()
    room.fill("mail")
    room.holds = True
    room.take("mail")
    other = Caller(77, lambda _number, _reply: None)
    room.engine.submit(ask_of(room, asks.Receive("mail", 1), other))
    room.rest()
    room.engine.forget(other)
    room.let_go()
    assert room.take("mail") == [1]
    assert len(room.loads()) == 1


def test_nothing_is_read_ahead_while_the_process_stops() -> None:
    room = Hold()
    room.fill("mail")
    room.engine.keeper.close()
    for _ in range(3):
        room.take("mail")
    assert not room.loads(LoadAhead)
    assert room.engine.keeper.saved()


def shelves_ahead(room: Room) -> set[int]:
    return {shelf for shelf, _ in room.engine.cache.ahead}


def test_what_nobody_comes_for_makes_room_once_others_have_read_for_long() -> None:
    room = Hold(cache_bytes=4 * KIB * KIB)
    room.fill("mail", "post")
    for _ in range(4):
        room.take("mail")
    mail = shelves_ahead(room)
    room.take("post")
    assert mail <= shelves_ahead(room)
    post = room.engine.core.state.by_name["post"].id
    for at in range(AHEAD_PATIENCE):
        room.engine.loads.ahead.missed([(post, 50 + 9 * (at % 5), 0, 0)])
    room.take("post")
    room.take("post")
    assert shelves_ahead(room).isdisjoint(mail)
    assert shelves_ahead(room)
