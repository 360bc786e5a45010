"""An hour in the life of ten queues: 1,000 in and 800 out each second, some keeping up and some so
slow that what they leave expires after 20 minutes, kill -9 every five.

The rule kept here: the process that is killed tells of each call before it makes it and after it
was answered; so after each kill only that one call may or may not have happened, and every count
must be exact.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from bench.broker import ack, declare, opened, send, take
from bench.figures import Figure
from bench.scenarios.memory import resident_mb
from postroad.engine.blocking import BlockingDriver
from postroad.limits import JOURNAL_BYTES
from postroad.model.commands import DescribeQueue
from postroad.model.replies import Described

MINUTE_S = 60.0
LENGTH_S = 60 * MINUTE_S
RETENTION_S = 20 * MINUTE_S
KILL_S = 5 * MINUTE_S
QUEUES = 10
IN = 10
OUT = (10, 10, 10, 10, 10, 10, 8, 8, 2, 2)
"""Taken from each queue a tick: from the last two so little that the oldest expire on the way."""
TICK_S = 0.1
BODY_BYTES = 1_000
SLACK_MS = 3_000
"""Expiry is done in slices and clocks are read apart: this near the edge either is right."""


class Ledger:
    """What one queue must hold: (publish time in ms, messages left) in order of publishing."""

    def __init__(self, out: int) -> None:
        self.out = out
        self.runs: deque[list[int]] = deque()
        self.pending: tuple[str, int] = ("", 0)
        self.begun_ms = int(time.time() * 1_000)  # noqa: TID251

    def sent(self, at_ms: int) -> None:
        """IN messages are durable."""
        self.runs.append([at_ms, IN])

    def acked(self, at_ms: int, retention_ms: int) -> None:
        """The oldest are gone: the oldest of those that were not too old by then."""
        while self.runs and self.runs[0][0] < at_ms - retention_ms:
            self.runs.popleft()
        left = self.out
        while left and self.runs:
            part = min(left, self.runs[0][1])
            self.runs[0][1] -= part
            left -= part
            if not self.runs[0][1]:
                self.runs.popleft()

    def expected(self, now_ms: int, retention_ms: int) -> tuple[int, int]:
        """Least and most messages it may hold now."""
        edge = now_ms - retention_ms
        while self.runs and self.runs[0][0] < edge - SLACK_MS:
            self.runs.popleft()
        # An ack near the edge may have taken from a run that the broker cut off a moment later.
        cuts = self.out < IN and now_ms - self.begun_ms > retention_ms
        unsure = self.out * int(SLACK_MS / 1_000 / TICK_S) if cuts else 0
        most = sum(count for _, count in self.runs)
        least = sum(count for at, count in self.runs if at > edge + SLACK_MS)
        return least - unsure, most + unsure


class Soak:
    """The run: its worker, its ledgers, and what was seen."""

    def __init__(self, path: Path, scale: float) -> None:
        self.path = path
        self.scale = scale
        self.retention_ms = int(RETENTION_S * scale * 1_000)
        self.ledgers = [Ledger(out) for out in OUT]
        self.wrong = 0
        self.checks = 0
        self.kills = 0
        self.calls = 0
        self.disk: list[float] = []
        self.memory_mb: list[float] = []
        self.journal_mb: list[float] = []

    def run(self) -> None:
        """Work, kill, start again, until the time is over."""
        begin = time.monotonic()
        while time.monotonic() - begin < LENGTH_S * self.scale:
            self._life(KILL_S * self.scale)
            self.kills += 1
            print(
                f"{(time.monotonic() - begin) / MINUTE_S:.0f} min: {self.kills} kills,"
                f" {self.calls:,} calls, {self.checks:,} counts, {self.wrong} wrong;"
                f" disk {self.disk[-1]:.2f}, most {max(self.disk):.2f};"
                f" journal {self.journal_mb[-1]:,.0f} MB, most {max(self.journal_mb):,.0f};"
                f" memory {self.memory_mb[-1]:.0f} MB, most {max(self.memory_mb):.0f}",
                file=sys.stderr,
                flush=True,
            )

    def _life(self, seconds: float) -> None:
        command = [sys.executable, "-m", "bench.scenarios.soak", str(self.path)]
        command.append(str(self.retention_ms))
        end = time.monotonic() + seconds
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            killed = False
            for line in process.stdout:
                self._told(json.loads(line))
                if not killed and time.monotonic() > end:
                    process.send_signal(signal.SIGKILL)
                    killed = True
        assert killed, "the worker ended by itself"

    def _told(self, line: list[int | str | float]) -> None:
        what, number, more = str(line[0]), int(line[1]), float(line[2])
        if what == "memory":
            self.memory_mb.append(more)
            self.disk.append(_disk_bytes(self.path) / self._allowed())
            self.journal_mb.append(_disk_bytes(self.path / "journal") / 1e6)
            return
        ledger = self.ledgers[number]
        if what in ("sending", "acking"):
            ledger.pending = (what, int(more))
        elif what == "done":
            self._apply(ledger)
            self.calls += 1
        else:
            self._check(ledger, int(more))

    def _apply(self, ledger: Ledger) -> None:
        what, at_ms = ledger.pending
        ledger.pending = ("", 0)
        if what == "sending":
            ledger.sent(at_ms)
        elif what == "acking":
            ledger.acked(at_ms, self.retention_ms)

    def _check(self, ledger: Ledger, held: int) -> None:
        """A count at a start or between calls; the one call under way at a kill is settled here."""
        now_ms = int(time.time() * 1_000)  # noqa: TID251
        least, most = ledger.expected(now_ms, self.retention_ms)
        if ledger.pending[0]:
            change = IN if ledger.pending[0] == "sending" else -ledger.out
            if abs(held - most - change) < abs(held - most):
                self._apply(ledger)
                least, most = ledger.expected(now_ms, self.retention_ms)
            ledger.pending = ("", 0)
        self.checks += 1
        if not least <= held <= most:
            self.wrong += 1
            print(f"wrong count: {held}, not {least} to {most}", file=sys.stderr)

    def _allowed(self) -> float:
        live = sum(count for ledger in self.ledgers for _, count in ledger.runs) * BODY_BYTES
        return 2 * live + JOURNAL_BYTES


def run(scale: float) -> list[Figure]:
    """Disk against its bound, memory early and late, counts that were wrong."""
    with tempfile.TemporaryDirectory(prefix="postroad-bench-") as path:
        soak = Soak(Path(path), scale)
        soak.run()
    full = scale >= 1
    half = soak.memory_mb[len(soak.memory_mb) // 2 :]
    early, late = half[: len(half) // 2], half[len(half) // 2 :]
    growth = (sum(late) / len(late)) / (sum(early) / len(early))
    name = f"soak, {LENGTH_S * scale / MINUTE_S:.0f} min"
    note = f"{soak.calls:,} calls, {soak.kills} kills, {soak.checks:,} counts compared"
    return [
        Figure(f"{name}: disk / (2 x live bytes + the journal's bound), most", "times",
               [max(soak.disk)], at_most=1, full=full),
        Figure(f"{name}: journal on disk, most", "MB", [max(soak.journal_mb)],
               at_most=JOURNAL_BYTES / 1e6, full=full),
        Figure(f"{name}: memory, last quarter / third quarter", "times", [growth], at_most=1.1,
               full=full),
        Figure(f"{name}: memory, most", "MB", [max(soak.memory_mb)]),
        Figure(f"{name}: wrong counts", "", [soak.wrong], at_most=0, full=full, note=note),
    ]  # fmt: skip


def _disk_bytes(path: Path) -> int:
    total = 0
    for one in path.rglob("*"):
        try:
            total += one.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def _tell(what: str, number: int, more: float) -> None:
    sys.stdout.write(json.dumps([what, number, more]) + "\n")
    sys.stdout.flush()


def _work(path: Path, retention_ms: int) -> None:
    """A life: counts first, then calls on each queue ten times a second until killed."""
    with opened(path) as driver:
        for number in range(QUEUES):
            declare(driver, f"bench{number}", lease_ms=1, retention_ms=retention_ms)
            _count(driver, number)
        due = time.monotonic()
        tick = 0
        while True:
            for number in range(QUEUES):
                _tick(driver, number)
            tick += 1
            if tick % 10 == 0:
                _tell("memory", 0, resident_mb())
            if tick % 20 == 0:
                _count(driver, tick // 20 % QUEUES)
            due += TICK_S
            time.sleep(max(0.0, due - time.monotonic()))


def _count(driver: BlockingDriver, number: int) -> None:
    reply = driver.ask(DescribeQueue(f"bench{number}"))
    assert isinstance(reply, Described), reply
    _tell("held", number, reply.ready + reply.delayed + reply.leased + reply.dead)


def _tick(driver: BlockingDriver, number: int) -> None:
    name = f"bench{number}"
    bodies = [b"x" * BODY_BYTES] * IN
    _tell("sending", number, int(time.time() * 1_000))  # noqa: TID251
    send(driver, bodies, name)
    _tell("done", number, 0)
    messages = take(driver, OUT[number], name)
    _tell("acking", number, int(time.time() * 1_000))  # noqa: TID251
    ack(driver, messages, name)
    _tell("done", number, 0)


if __name__ == "__main__":
    _work(Path(sys.argv[1]), int(sys.argv[2]))
