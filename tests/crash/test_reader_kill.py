"""Readers of a topic are killed while they read, and their broker under them; what they were given
is written to a file.

Every message is given to somebody, in the order of its partition: what comes again after a kill
begins where the group had committed, so none is passed over. What they publish with their commits
is published once.
"""

import random
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from postroad import Broker
from tests.compat.processes import start, until

PARTITIONS = 4
KILLS = 3
AROUND = 600
MESSAGES = KILLS * AROUND
WITHIN_MS = 60_000

PROGRAM = """
import os, sys
from postroad import App, BatchContext, TopicMessage
from postroad.app.process import work_here

address, ran = sys.argv[1:3]
app = App(address)
out = os.open(ran, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@app.reader("events", group="sums", batch=20, session_s=0.6)
async def note(context: BatchContext, batch: list[TopicMessage]) -> None:
    places = [b"%d:%d\\n" % (one.partition, one.offset) for one in batch]
    context.also(context.later.publish_many("copies", places))
    os.write(out, b"".join(places))
    await __import__("asyncio").sleep(0.004)

work_here(app, None, 5, lambda line: print(line, flush=True))
"""


def lines(ran: Path) -> list[tuple[int, int]]:
    found = [line.split(":") for line in ran.read_text().split()] if ran.exists() else []
    return [(int(partition), int(offset)) for partition, offset in found]


def reader(at: str, ran: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PROGRAM, f"postroad://{at}", str(ran)]
    with ran.with_suffix(".err").open("ab") as err:
        made = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err)
    assert made.stdout is not None
    assert made.stdout.readline() == b"working on sums\n"
    return made


def publish(at: str, kill: int) -> None:
    """What is read around one kill."""
    with Broker.connect(f"postroad://{at}") as broker:
        bodies = [f"{kill} {number}" for number in range(AROUND // PARTITIONS)]
        for partition in range(PARTITIONS):
            broker.topic("events").publish_many(bodies, partition=partition)


def check(ran: Path, copies: list[bytes]) -> None:
    assert len(copies) == len(set(copies)) == MESSAGES, "each is published once"
    next_of: dict[int, int] = defaultdict(int)
    for partition, offset in lines(ran):
        assert offset <= next_of[partition], "one was passed over"
        next_of[partition] = max(next_of[partition], offset + 1)
    again = len(lines(ran)) - MESSAGES
    # A kill of one reader costs the batch it had, one of the broker those of all.
    assert again <= (KILLS + 1) * 2 * 20, "more than the batches that ran"


def test_killed_readers_and_a_killed_broker_pass_over_no_message(tmp_path: Path) -> None:
    data, ran = tmp_path / "data", tmp_path / "ran"
    dice = random.Random(17)
    served = start(tmp_path / "life", data=data)
    at = served.endpoints["native"]
    with Broker.connect(f"postroad://{at}") as broker:
        broker.declare("copies")
        broker.topic("events").declare(PARTITIONS)
    readers = [reader(at, ran) for _ in range(2)]
    try:
        for kill in range(KILLS):
            publish(at, kill)
            goal = len(set(lines(ran))) + dice.randint(1, AROUND // 2)
            assert until(lambda goal=goal: len(set(lines(ran))) >= goal, WITHIN_MS)  # type: ignore[misc]
            if kill == 1:
                served.stop(signal.SIGKILL)
                served = start(tmp_path / f"life-{kill}", "--native", at, data=data)
            else:
                readers[kill // 2].kill()
                readers[kill // 2].communicate(timeout=20)
                readers[kill // 2] = reader(at, ran)
        assert until(lambda: len(set(lines(ran))) == MESSAGES, WITHIN_MS)
        for one in readers:
            one.terminate()
            assert one.wait(30) == 0, ran.with_suffix(".err").read_text()
        with Broker.connect(f"postroad://{at}") as broker:
            parts = broker.topic("events").group("sums").parts
            assert sum(part.lag for part in parts) == 0
            copies = [one.body for one in broker.pop("copies", MESSAGES + 100)]
    finally:
        for one in readers:
            one.kill()
            one.communicate(timeout=20)
        served.stop()
    check(ran, copies)
