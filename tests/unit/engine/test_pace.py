"""An event loop writes itself while the disk is quicker than a thread, and no longer."""

import asyncio
import time

from postroad.engine.aio import AsyncDriver
from postroad.engine.jobs import Append, Sync
from postroad.engine.pace import Pace
from postroad.engine.settings import EngineSettings
from postroad.engine.stopwatch import Stopwatch
from postroad.journal.memory import MemoryJournal
from postroad.limits import (
    LOOP_WRITE_AFTER,
    LOOP_WRITE_BYTES,
    LOOP_WRITE_FIRST,
    LOOP_WRITE_LONG_US,
)
from postroad.model.commands import DeclareQueue, Publish
from postroad.model.policy import QueueSettings

QUICK_S = 0.000_1
SLOW_S = 0.001
SMALL = Append(MemoryJournal(), [b"group"])


def warm(pace: Pace, seconds: float = QUICK_S, count: int = LOOP_WRITE_FIRST) -> Pace:
    for _ in range(count):
        pace.took(seconds)
    return pace


def test_a_thread_writes_first_until_it_is_known_how_quick_the_disk_is() -> None:
    pace = warm(Pace(500), count=LOOP_WRITE_FIRST - 1)
    assert not pace.suits_loop(SMALL)
    pace.took(QUICK_S)
    assert pace.suits_loop(SMALL)


def test_a_disk_that_is_slow_in_the_mean_is_left_to_a_thread() -> None:
    assert not warm(Pace(500), SLOW_S, 100).suits_loop(SMALL)
    assert warm(Pace(1_100), SLOW_S, 100).suits_loop(SMALL)


def test_one_long_append_leaves_the_next_ones_to_a_thread() -> None:
    pace = warm(Pace(500), count=200)
    pace.took(LOOP_WRITE_LONG_US / 1e6 + QUICK_S)
    warm(pace, count=LOOP_WRITE_AFTER - 1)
    assert not pace.suits_loop(SMALL)
    pace.took(QUICK_S)
    assert pace.suits_loop(SMALL)


def test_what_is_large_or_no_append_is_left_to_a_thread() -> None:
    pace = warm(Pace(500))
    journal = MemoryJournal()
    assert pace.suits_loop(Append(journal, [bytes(LOOP_WRITE_BYTES)]))
    assert not pace.suits_loop(Append(journal, [bytes(LOOP_WRITE_BYTES), b"and more"]))
    assert not pace.suits_loop(Sync(journal))


def test_the_loop_never_writes_where_that_is_switched_off() -> None:
    assert not warm(Pace(0), 0.0).suits_loop(SMALL)


class Still:
    """A stopwatch of a disk that takes no time."""

    def seconds(self) -> float:
        return 0.0

    def close(self) -> None:
        pass


def publish_many(loop_write_us: int, count: int) -> tuple[float, float]:
    """Appends the loop did, and all."""

    async def body() -> tuple[float, float]:
        driver = await AsyncDriver.open(None, EngineSettings(loop_write_us=loop_write_us))
        driver._watch = Still()  # type: ignore[assignment]
        try:
            await driver.ask(DeclareQueue("q", QueueSettings()))
            for number in range(count):
                await driver.ask(Publish(("q",), (b"%d" % number,)))
            figures = driver.figures()
        finally:
            await driver.close()
        return figures["journal_appends_on_loop_total"], figures["journal_groups_total"]

    return asyncio.run(body())


def test_the_driver_writes_on_the_loop_once_the_disk_has_shown_to_be_quick() -> None:
    assert publish_many(500, 100)[0] >= 100 - LOOP_WRITE_FIRST
    assert publish_many(500, 100)[1] >= 101


def test_the_driver_leaves_every_append_to_a_thread_where_it_is_told_to() -> None:
    assert publish_many(0, 100)[0] == 0


def test_a_stopwatch_can_be_let_go_and_then_counts_all_time() -> None:
    watch = Stopwatch()
    assert watch.seconds() <= time.perf_counter(), "what other processes took is not counted"
    watch.close()
    watch.close()
    before = time.perf_counter()
    assert before <= watch.seconds() <= time.perf_counter()
