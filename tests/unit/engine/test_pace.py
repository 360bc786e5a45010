"""An event loop writes itself while the disk is quicker than a thread, and no longer."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

import postroad
from postroad.engine.aio import AsyncDriver
from postroad.engine.jobs import Append, Sync
from postroad.engine.pace import SMOOTH, Pace
from postroad.engine.settings import EngineSettings
from postroad.engine.stopwatch import Stopwatch
from postroad.errors import JournalFailed
from postroad.journal.memory import MemoryJournal
from postroad.limits import LOOP_WRITE_AFTER, LOOP_WRITE_BYTES, LOOP_WRITE_LONG_US
from postroad.model.commands import DeclareQueue, Publish
from postroad.model.policy import QueueSettings

QUICK_S = 0.000_1
SLOW_S = 0.001
SMALL = Append(MemoryJournal(), [b"group"])


def took(pace: Pace, seconds: float, count: int = 1) -> Pace:
    for _ in range(count):
        pace.took(seconds)
    return pace


def left_to_a_thread(pace: Pace) -> int:
    """How many appends a thread does before the loop does one."""
    count = 0
    while not pace.takes(SMALL):
        count += 1
        assert count < 10_000, "the loop tries again some time"
    return count


def test_the_loop_writes_as_long_as_the_disk_is_quick() -> None:
    pace = Pace(500)
    for _ in range(1_000):
        assert pace.takes(SMALL)
        pace.took(QUICK_S)
    assert pace.on_loop == 1_000


def test_a_disk_that_is_slow_is_tried_once_in_a_good_many_appends() -> None:
    pace = took(Pace(500), SLOW_S)
    assert left_to_a_thread(pace) == LOOP_WRITE_AFTER
    assert left_to_a_thread(took(pace, SLOW_S)) == LOOP_WRITE_AFTER
    assert left_to_a_thread(took(pace, QUICK_S)) == 0


def test_a_disk_that_gets_slow_is_left_to_a_thread_after_some_appends() -> None:
    pace = took(Pace(500), QUICK_S, 100)
    slow = 0
    while pace.takes(SMALL):
        pace.took(SLOW_S)
        slow += 1
    assert 1 < slow <= SMOOTH
    assert left_to_a_thread(took(Pace(1_100), SLOW_S, 100)) == 0


def test_one_long_append_leaves_the_next_ones_to_a_thread() -> None:
    pace = took(Pace(500), QUICK_S, 200)
    pace.took(LOOP_WRITE_LONG_US / 1e6 + QUICK_S)
    assert left_to_a_thread(pace) == LOOP_WRITE_AFTER


def test_what_is_large_or_no_append_is_left_to_a_thread() -> None:
    pace = Pace(500)
    journal = MemoryJournal()
    assert pace.takes(Append(journal, [bytes(LOOP_WRITE_BYTES)]))
    assert not pace.takes(Append(journal, [bytes(LOOP_WRITE_BYTES), b"and more"]))
    assert not pace.takes(Sync(journal))


def test_the_loop_never_writes_where_that_is_switched_off() -> None:
    assert not took(Pace(0), 0.0).takes(SMALL)


class Still:
    """A stopwatch of a disk that takes no time."""

    def seconds(self) -> float:
        return 0.0

    def close(self) -> None:
        pass


def publish_many(count: int, **settings: Any) -> tuple[float, float]:
    """Appends the loop did, and all."""

    async def body() -> tuple[float, float]:
        driver = await AsyncDriver.open(None, EngineSettings(**settings))
        driver._watch = Still()
        try:
            await driver.ask(DeclareQueue("q", QueueSettings()))
            for number in range(count):
                await driver.ask(Publish(("q",), (b"%d" % number,)))
            figures = driver.figures()
        finally:
            await driver.close()
        return figures["journal_appends_on_loop_total"], figures["journal_groups_total"]

    return asyncio.run(body())


def test_the_driver_writes_on_the_loop_while_the_disk_is_quick() -> None:
    on_loop, groups = publish_many(100)
    assert on_loop == groups
    assert groups > 100


def test_the_driver_leaves_every_append_to_a_thread_where_that_is_wanted_or_syncs_pile_up() -> None:
    assert publish_many(100, loop_write_us=0)[0] == 0
    assert publish_many(100, sync="interval")[0] == 0


@pytest.mark.skipif(
    postroad.COMPILED, reason="what is compiled has no methods to replace; the plain run shows it"
)
def test_an_interrupt_while_the_loop_writes_ends_the_broker_and_hangs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(driver: AsyncDriver) -> None:
        with pytest.raises(JournalFailed):
            await driver.ask(Publish(("q",), (b"late",)))
        await driver.close()

    def interrupt(_group: bytes, _done: object) -> None:
        raise KeyboardInterrupt

    async def opened() -> AsyncDriver:
        driver = await AsyncDriver.open(tmp_path)
        # On a slow disk a thread would write, which no interrupt comes to.
        driver._watch = Still()
        return driver

    loop = asyncio.new_event_loop()
    driver = loop.run_until_complete(opened())
    loop.run_until_complete(driver.ask(DeclareQueue("q", QueueSettings())))
    with monkeypatch.context() as patch:
        patch.setattr(driver.engine.journal, "append", interrupt)
        cut_off = loop.create_task(driver.ask(Publish(("q",), (b"lost",))))
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(cut_off)
    with pytest.raises(JournalFailed):
        loop.run_until_complete(cut_off)
    loop.run_until_complete(body(driver))
    loop.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_whatever_a_job_of_a_thread_ends_with_fails_the_calls_that_wait_and_hangs_nobody(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        driver = await AsyncDriver.open(None, EngineSettings(loop_write_us=0))
        await driver.ask(DeclareQueue("q", QueueSettings()))

        def broken(_group: bytes, _done: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(driver.engine.journal, "append", broken)
            with pytest.raises(JournalFailed):
                await driver.ask(Publish(("q",), (b"lost",)))
        await driver.close()

    asyncio.run(body())


def test_a_stopwatch_can_be_let_go_and_then_counts_all_time() -> None:
    watch = Stopwatch()
    assert watch.seconds() <= time.perf_counter(), "what other processes took is not counted"
    watch.close()
    watch.close()
    before = time.perf_counter()
    assert before <= watch.seconds() <= time.perf_counter()


def test_a_stopwatch_that_can_no_longer_be_read_counts_all_time(tmp_path: Path) -> None:
    (tmp_path / "nothing").touch()
    watch = Stopwatch()
    watch.close()
    watch._file = os.open(tmp_path / "nothing", os.O_RDONLY)
    before = time.perf_counter()
    assert before <= watch.seconds() <= time.perf_counter()
    assert watch._file < 0, "it is not tried again"
