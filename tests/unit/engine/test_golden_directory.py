"""A data directory of version 1, as it was left by a kill: today's code finds all that was in it.

Rewritten by `make golden`; the difference is the review, and a change needs a new version.
"""

import os
import shutil
from pathlib import Path

import pytest

from postroad.engine.blocking import BlockingDriver
from postroad.engine.settings import EngineSettings
from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.policy import QueueSettings

GOLDEN = Path(__file__).parents[2] / "golden" / "journal" / "v1" / "directory"
SMALL = EngineSettings(
    cache_bytes=8_192,
    segment_bytes=16_384,
    reserve_bytes=4_096,
    records_between_checkpoints=12,
)
START_MS = 1_700_000_000_000
KEPT = ("checkpoint.db", "checkpoint.db-wal", "store/*", "journal/0*.segment")


class StillClock:
    """A clock that a test moves."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def not_before(self, ms: int) -> None:
        self._now_ms = max(self._now_ms, ms)


def write(directory: Path) -> None:
    """Some of everything, in part only in the journal."""
    clock = StillClock(START_MS)
    driver = BlockingDriver(directory, SMALL, clock)
    driver.ask(asks.DeclareQueue("mail", QueueSettings(dead_letter_queue="dead")))
    driver.ask(asks.DeclareQueue("dead"))
    driver.ask(asks.DeclareQueue("copy"))
    for turn in range(10):
        bodies = [b"%d.%d " % (turn, at) * 60 for at in range(4)]
        driver.ask(asks.Publish(("mail", "copy"), bodies, [b"head"] * 4))
        driver.run_for(START_MS)
    driver.ask(asks.Publish(("mail",), [b"later"], None, [86_400_000]))
    received = driver.ask(asks.Receive("mail", 3, 60_000))
    assert isinstance(received, replies.Received)
    first, second, _ = received.messages
    driver.ask(asks.Settle("mail", [first.offset], [first.lease], [1]))
    driver.ask(asks.Settle("mail", [second.offset], [second.lease], [1], asks.REJECT))
    driver.run_for(START_MS)
    driver.ask(asks.Pop("copy", 2))
    # No close: what a kill leaves is what a start must read.
    for pattern in KEPT:
        for path in sorted(directory.glob(pattern)):
            target = GOLDEN / path.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    driver.close()


@pytest.mark.skipif("POSTROAD_WRITE_GOLDEN" not in os.environ, reason="only `make golden` writes")
def test_golden_directory_is_written(tmp_path: Path) -> None:
    shutil.rmtree(GOLDEN, ignore_errors=True)
    write(tmp_path)


def found(driver: BlockingDriver, queue: str) -> list[tuple[str, int, bytes]]:
    peeked = driver.ask(asks.Peek(queue, 0, 100))
    assert isinstance(peeked, replies.Peeked)
    return [
        (one.state, one.message.delivery_count, one.message.body[:5]) for one in peeked.messages
    ]


def test_a_directory_of_version_one_is_found_as_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(GOLDEN, data)
    driver = BlockingDriver(data, SMALL, StillClock(START_MS))
    try:
        assert driver.report.position > 1
        assert driver.report.records > 0
        mail = found(driver, "mail")
        assert mail[0] == ("leased", 1, b"0.2 0")
        assert len(mail) == 39
        assert mail[-1] == ("delayed", 0, b"later")
        assert found(driver, "dead") == [("ready", 0, b"0.1 0")]
        copy = found(driver, "copy")
        assert [one[2] for one in copy[:2]] == [b"0.2 0", b"0.3 0"]
        assert len(copy) == 38
        received = driver.ask(asks.Receive("mail", 1, 1_000))
        assert isinstance(received, replies.Received)
        assert received.messages[0].head == b"head"
    finally:
        driver.close()
