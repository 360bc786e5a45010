"""Checkpoints, space and syncs: what goes on behind the acknowledgements."""

import errno
from typing import Any

import pytest

from postroad.core.load import canonical
from postroad.engine.jobs import Append, Compact, Feed, Place, Sync, Trim
from postroad.engine.jobs import Room as RoomJob
from postroad.engine.settings import SYNC_INTERVAL, EngineSettings
from postroad.errors import Incomplete
from postroad.limits import COMPACT_BLOCKS, PLACE_BLOCKS, PLACE_RETRY_MS, SPACE_LOOK_MS
from postroad.model import commands as asks
from postroad.model.ask import Ask
from postroad.model.replies import Peeked, Published, Refused, Why
from postroad.store.checkpoint import Cut, MemoryCheckpoints
from tests.unit.engine.rooms import Room

OFTEN = EngineSettings(records_between_checkpoints=1)


def ran(room: Room, kind: type) -> list[Any]:
    return [job for job in room.ran if isinstance(job, kind)]


def stuck(room: Room) -> bool:
    return room.engine.keeper.stuck


def failing(number: int) -> Any:
    def fail(*_: object) -> None:
        raise OSError(number, "not now")

    return fail


def test_a_checkpoint_cut_right_after_a_start_is_of_the_groups_there_are() -> None:
    room = Room()
    room.ask(asks.DeclareQueue("mail"))
    room.settings = OFTEN
    room.start()
    room.engine.keeper.close()
    room.rest()
    cut, _ = room.checkpoints.load()
    assert cut is not None
    assert cut.position == room.journal.bounds()[1]


def test_a_checkpoint_comes_when_it_is_due_however_often_the_process_dies_before() -> None:
    room = Room(EngineSettings(journal_bytes=40_000))
    room.ask(asks.DeclareQueue("mail"))
    for life in range(1, 10):
        room.ask(asks.Publish(("mail",), [bytes(1_900)]))
        assert room.checkpoints.load()[0] is None or life > 5
        room.start()
    cut, _ = room.checkpoints.load()
    assert cut is not None
    room.ask(asks.Publish(("mail",), [bytes(1_900)]))
    for _ in range(6):
        room.ask(asks.Publish(("mail",), [bytes(1_900)]))
        room.start()
    # The second one lets go of what the first one, before the kills, had left.
    assert room.journal.bounds()[0] >= cut.position


def test_publishes_wait_while_the_journal_is_near_its_bound_until_a_checkpoint_frees_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room()
    room.ask(asks.DeclareQueue("mail"))
    room.ask(asks.Publish(("mail",), [b"one"]))
    before = room.journal.bounds()[1]
    answers = len(room.said)
    trimmed = []

    def trim(position: int) -> None:
        assert len(room.said) == answers, "the second publish waits"
        trimmed.append(position)
        room.journal.near_bound = False

    monkeypatch.setattr(room.journal, "trim", trim)
    room.journal.near_bound = True
    room.engine.submit(Ask(room.caller, 99, asks.Publish(("mail",), [b"two"])))
    room.rest()
    assert isinstance(room.said[-1], Published)
    # All that was published before is placed, so nothing before the cut is needed.
    assert len(ran(room, Trim)) == 1
    assert trimmed[0] >= before


def test_a_journal_near_its_bound_makes_no_checkpoints_while_the_store_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room()
    room.ask(asks.DeclareQueue("mail"))
    room.ask(asks.Publish(("mail",), [b"one"]))
    monkeypatch.setattr(room.store, "put", failing(errno.ENOSPC))
    room.journal.near_bound = True
    room.rest()
    room.rest()
    assert stuck(room)
    assert len(ran(room, Trim)) <= 1
    refused = room.ask(asks.Publish(("mail",), [b"two"]))
    assert isinstance(refused, Refused)


def test_a_queue_deleted_in_a_checkpoint_that_failed_does_not_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room(OFTEN)
    room.ask(asks.DeclareQueue("mail"))
    assert any(key.startswith(b"q") for key, _ in room.checkpoints.load()[1])
    monkeypatch.setattr(room.checkpoints, "commit", failing(errno.EIO))
    room.ask(asks.DeleteQueue("mail"))
    monkeypatch.undo()
    room.rest(PLACE_RETRY_MS)
    assert not any(key.startswith(b"q") for key, _ in room.checkpoints.load()[1])


def test_a_failed_checkpoint_is_tried_again_though_nothing_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room(OFTEN)
    monkeypatch.setattr(room.checkpoints, "commit", failing(errno.EIO))
    room.ask(asks.DeclareQueue("mail"))
    monkeypatch.undo()
    assert room.engine.next_wake() == room.now_ms + PLACE_RETRY_MS
    room.rest(PLACE_RETRY_MS)
    assert ran(room, Trim)
    assert room.engine.next_wake() == 0


def test_a_checkpoint_without_room_gets_the_journals_reserve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room(OFTEN)
    released = []
    monkeypatch.setattr(room.journal, "release_reserve", lambda: released.append(1))
    monkeypatch.setattr(room.checkpoints, "feed", failing(errno.ENOSPC))
    room.ask(asks.DeclareQueue("mail"))
    assert released == [1]
    assert room.engine.fault is None


def test_rows_that_failed_leave_no_checkpoint_begun_whatever_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkpoints = MemoryCheckpoints()

    def fail(*_: object) -> None:
        raise ValueError("not a disk's error")

    monkeypatch.setattr(checkpoints, "feed", fail)
    with pytest.raises(ValueError, match="disk"):
        Feed(checkpoints, {}, True, None).run()
    monkeypatch.undo()
    checkpoints.begin()


def test_a_journal_short_of_space_is_looked_at_now_and_then_until_it_has_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room()
    room.ask(asks.DeclareQueue("mail"))
    looked = []

    def look() -> None:
        looked.append(room.now_ms)
        room.journal.short_of_space = len(looked) < 3

    monkeypatch.setattr(room.journal, "refresh_space", look)
    room.journal.short_of_space = True
    refused = room.ask(asks.Publish(("mail",), [b"one"]))
    assert isinstance(refused, Refused)
    assert refused.why is Why.NO_SPACE
    for _ in range(2):
        due = room.engine.next_wake()
        assert room.now_ms < due <= room.now_ms + SPACE_LOOK_MS
        room.rest(due - room.now_ms)
    assert looked == [1_000, 1_000 + SPACE_LOOK_MS, 1_000 + 2 * SPACE_LOOK_MS]
    assert len(ran(room, RoomJob)) == 3
    assert isinstance(room.ask(asks.Publish(("mail",), [b"one"])), Published)


def test_with_a_weaker_setting_what_was_appended_is_synced_when_nobody_appends() -> None:
    room = Room(EngineSettings(sync=SYNC_INTERVAL, sync_interval_ms=50))
    room.ask(asks.DeclareQueue("mail"))
    assert not ran(room, Sync)
    assert room.engine.next_wake() == room.now_ms + 50
    room.rest(50)
    assert len(ran(room, Sync)) == 1
    assert room.engine.next_wake() == 0


def test_a_full_store_is_tried_again_and_let_be_when_nothing_is_left_to_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room(EngineSettings(cache_bytes=4_096))
    room.ask(asks.DeclareQueue("mail"))
    monkeypatch.setattr(room.store, "put", failing(errno.ENOSPC))
    room.ask(asks.Publish(("mail",), [bytes(3_000)]))
    assert stuck(room)
    room.ask(asks.PurgeQueue("mail"))
    assert room.engine.next_wake() > room.now_ms
    room.rest(PLACE_RETRY_MS)
    assert not stuck(room)
    assert room.engine.next_wake() == 0


def saved(cut: Cut) -> MemoryCheckpoints:
    checkpoints = MemoryCheckpoints()
    checkpoints.save(cut, {})
    return checkpoints


def test_a_journal_that_begins_later_without_a_checkpoint_is_not_started() -> None:
    room = Room()
    room.ask(asks.DeclareQueue("mail"))
    room.journal.trim(2)
    with pytest.raises(Incomplete, match="the journal begins at group 2, and there is no"):
        room.start()


def test_a_journal_trimmed_past_the_checkpoints_floor_is_not_started() -> None:
    room = Room()
    room.ask(asks.DeclareQueue("mail"))
    room.journal.trim(3)
    room.checkpoints = saved(Cut(3, 1, 1, 1_000, 2))
    with pytest.raises(Incomplete, match="needs group 2, the journal begins at 3"):
        room.start()


def test_a_checkpoint_newer_than_the_journal_is_not_started() -> None:
    room = Room()
    room.ask(asks.DeclareQueue("mail"))
    room.checkpoints = saved(Cut(9, 1, 7, 1_000, 9))
    with pytest.raises(Incomplete, match="is of group 8, the journal ends at 2"):
        room.start()


def test_a_start_from_checkpoint_and_journal_finds_what_was_there() -> None:
    room = Room(EngineSettings(records_between_checkpoints=5))
    room.ask(asks.DeclareQueue("mail"))
    for turn in range(20):
        room.ask(asks.Publish(("mail",), [b"%d" % turn, b"more"]))
        received = room.ask(asks.Receive("mail", 1, 60_000, 0))
        offset, lease = received.messages[0].offset, received.messages[0].lease
        room.ask(asks.Settle("mail", [offset], [lease], [1]))
    before = canonical(room.engine.core.state)
    room.start()
    assert room.report.position > 1
    assert canonical(room.engine.core.state) == before


def test_a_move_larger_than_the_read_cache_loads_all_it_needs_and_happens() -> None:
    room = Room(EngineSettings(cache_bytes=8_192))
    for name in ("mail", "later"):
        room.ask(asks.DeclareQueue(name))
    for turn in range(12):
        room.ask(asks.Publish(("mail",), [b"%d " % turn * 1_000]))
    room.ask(asks.Move("mail", "later", 12))
    peeked = room.ask(asks.Peek("later", 0, 20))
    assert isinstance(peeked, Peeked)
    assert [one.message.body[:2].strip() for one in peeked.messages] == [
        b"%d" % turn for turn in range(12)
    ]


def test_nothing_is_appended_while_a_late_sync_runs() -> None:
    room = Room(EngineSettings(sync=SYNC_INTERVAL))
    room.ask(asks.DeclareQueue("mail"))
    engine = room.engine
    (sync,) = engine.turn(room.now_ms + 1_000)
    assert isinstance(sync, Sync)
    engine.submit(Ask(room.caller, 0, asks.Publish(("mail",), [b"hello"])))
    assert engine.turn(room.now_ms + 1_001) == []
    assert not engine.idle()
    sync.run()
    engine.finished(sync, None)
    (append,) = engine.turn(room.now_ms + 1_001)
    assert isinstance(append, Append)


def test_where_queues_are_many_their_small_blocks_are_placed_some_at_a_time() -> None:
    room = Room()
    count = 2 * PLACE_BLOCKS + 10
    for number in range(count):
        room.ask(asks.DeclareQueue(f"{number}"))
        room.ask(asks.Publish((f"{number}",), [b"hello"]))
    room.engine.keeper.close()
    room.rest()
    placed = [len(job.blocks) for job in ran(room, Place)]
    assert placed == [PLACE_BLOCKS, PLACE_BLOCKS, 10]
    assert room.engine.keeper.saved()


def test_of_a_block_that_is_mostly_gone_only_what_is_wanted_is_placed() -> None:
    room = Room()
    room.ask(asks.DeclareQueue("mail"))
    room.ask(asks.Publish(("mail",), [b"%d" % number * 100 for number in range(10)]))
    room.ask(asks.Pop("mail", 7))
    room.engine.keeper.close()
    room.rest()
    (job,) = ran(room, Place)
    assert [block.fetch(7, 1).bodies for block in job.blocks] == [[b"7" * 100]]
    assert room.store.bytes_used() < 5 * 100
    room.start()
    left = room.ask(asks.Receive("mail", 10, 60_000, 0)).messages
    assert [one.body for one in left] == [b"7" * 100, b"8" * 100, b"9" * 100]


def test_all_sparse_blocks_are_rewritten_a_few_in_a_job() -> None:
    room = Room()
    count = 3 * COMPACT_BLOCKS
    for number in range(count):
        room.ask(asks.DeclareQueue(f"{number}"))
        room.ask(asks.Publish((f"{number}",), [b"x" * 1_000] * 10))
    keeper = room.engine.keeper
    keeper.close()
    room.rest()
    keeper.closing = False
    for number in range(count):
        room.ask(asks.Pop(f"{number}", 9))
    keeper.placer.look_for_sparse = True
    room.rest(1_000)
    sizes = [len(job.wanted) for job in ran(room, Compact)]
    assert max(sizes) == COMPACT_BLOCKS
    assert sum(sizes) == count
    for number in range(count):
        assert len(room.ask(asks.Receive(f"{number}", 10, 60_000, 0)).messages) == 1


def test_where_the_disk_is_full_publishes_are_refused_not_held_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room(EngineSettings(cache_bytes=8_192))
    room.ask(asks.DeclareQueue("mail"))
    monkeypatch.setattr(room.store, "put", failing(errno.ENOSPC))
    room.ask(asks.Publish(("mail",), [b"x" * 1_000] * 20))
    assert room.engine.keeper.holds_back()
    assert stuck(room)
    heard = len(room.said)
    refused = room.ask(asks.Publish(("mail",), [b"x"]))
    assert len(room.said) == heard + 1
    assert isinstance(refused, Refused)
    assert refused.why is Why.NO_SPACE
