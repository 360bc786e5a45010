"""A program that embeds the engine is killed under load; what it was told is held against it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from postroad.engine.blocking import BlockingDriver
from postroad.engine.settings import EngineSettings
from postroad.model import commands as asks
from postroad.model import replies

SETTINGS = EngineSettings(
    cache_bytes=262_144,
    journal_bytes=524_288,
    segment_bytes=131_072,
    reserve_bytes=65_536,
    records_between_checkpoints=400,
)

CHILD = """
import sys, threading
from pathlib import Path
from postroad.engine.blocking import BlockingDriver
from postroad.engine.settings import EngineSettings
from postroad.model import commands as asks

directory, life = Path(sys.argv[1]), sys.argv[2]
driver = BlockingDriver(directory, EngineSettings(
    cache_bytes=262_144, journal_bytes=524_288, segment_bytes=131_072, reserve_bytes=65_536,
    records_between_checkpoints=400))
driver.ask(asks.DeclareQueue("mail"))
lock = threading.Lock()

def say(*words):
    with lock:
        print(*words, flush=True)

def publish(who):
    for turn in range(1_000_000):
        names = [f"{life}-{who}-{turn}-{at}" for at in range(turn % 5 + 1)]
        say("ask", *names)
        bodies = [name.encode() + b"|" + b"x" * (turn % 7 * 300) for name in names]
        driver.ask(asks.Publish(("mail",), bodies))
        say("there", *names)

def consume():
    while True:
        got = driver.ask(asks.Receive("mail", 20, 60_000, 1_000)).messages
        names = [one.body.partition(b"|")[0].decode() for one in got]
        say("settling", *names)
        driver.ask(asks.Settle("mail", [one.offset for one in got], [one.lease for one in got],
            [one.delivery_count for one in got]))
        say("gone", *names)

for work, given in ((publish, ("a",)), (publish, ("b",)), (publish, ("c",)), (consume, ())):
    threading.Thread(target=work, args=given, daemon=True).start()
threading.Event().wait()
"""


class Told:
    """What the program said of each message, over all its lives."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.there: set[str] = set()
        self.settling: set[str] = set()
        self.gone: set[str] = set()

    def hear(self, line: str) -> None:
        kind, *names = line.split()
        heard = {"ask": self.asked, "there": self.there}
        heard.get(kind, self.gone if kind == "gone" else self.settling).update(names)


def live_until_killed(directory: Path, life: int, lines: int, told: Told) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(directory), str(life)],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        for _ in range(lines):
            told.hear(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        # What it still wrote was said before it died; the last line may be cut.
        for line in child.stdout:
            if line.endswith("\n"):
                told.hear(line)


def messages_in(directory: Path) -> list[str]:
    driver = BlockingDriver(directory, SETTINGS)
    try:
        names: list[str] = []
        at = 0
        while True:
            peeked = driver.ask(asks.Peek("mail", at, 1_000))
            assert isinstance(peeked, replies.Peeked)
            if not peeked.messages:
                return names
            names += [one.message.body.partition(b"|")[0].decode() for one in peeked.messages]
            at = peeked.next_offset
    finally:
        driver.close()


@pytest.mark.parametrize("lives", [(700, 40, 1_500)])
def test_a_killed_program_finds_what_it_was_told_and_nothing_it_was_rid_of(
    tmp_path: Path, lives: tuple[int, ...]
) -> None:
    told = Told()
    for life, lines in enumerate(lives, 1):
        live_until_killed(tmp_path, life, lines, told)
        found = messages_in(tmp_path)
        assert len(set(found)) == len(found)
        assert not told.there - told.settling - set(found), "confirmed and lost"
        assert not told.gone & set(found), "acked and back"
        assert set(found) <= told.asked, "never published"
    assert len(told.gone) > 100
