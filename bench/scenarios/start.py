"""How long a start takes after kill -9 with a million messages waiting.

The rule kept here: the process that filled the queue is killed while it still publishes, so the
start has a checkpoint, a tail of the journal and whatever the kill left.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.broker import QUEUE, declare, opened, scratch, send
from bench.figures import Figure
from postroad.model.commands import DescribeQueue
from postroad.model.replies import Described

WAITING = 1_000_000
RUNS = 3
BODIES = [b"x" * 100] * 1_000


def run(scale: float) -> list[Figure]:
    """Seconds from opening the directory to the first answer."""
    count = max(10_000, int(WAITING * scale))
    taken = []
    for _ in range(RUNS):
        with scratch() as path:
            sent = _killed(path, count)
            begin = time.perf_counter()
            with opened(path) as driver:
                reply = driver.ask(DescribeQueue(QUEUE))
                taken.append(time.perf_counter() - begin)
                assert isinstance(reply, Described), reply
                assert sent <= reply.ready <= sent + len(BODIES), (sent, reply.ready)
    name = f"start after kill -9 with {count:,} waiting"
    return [Figure(name, "s", taken, at_most=2, full=count == WAITING)]


def _killed(path: Path, count: int) -> int:
    """Fill in another process, kill it on its way; how many it was told are durable."""
    command = [sys.executable, "-m", "bench.scenarios.start", str(path)]
    sent = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sent = int(line)
            if sent >= count:
                process.send_signal(signal.SIGKILL)
                break
        rest = process.stdout.read().split("\n")
    whole = [int(line) for line in rest[:-1]]
    return max([sent, *whole])


def _fill(path: Path) -> None:
    with opened(path) as driver:
        declare(driver)
        sent = 0
        while True:
            send(driver, BODIES)
            sent += len(BODIES)
            print(sent, flush=True)


if __name__ == "__main__":
    _fill(Path(sys.argv[1]))
