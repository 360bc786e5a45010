"""Readers of a topic are killed while they read, and their broker under them; what they were given
is written to a file.

Every message is given to somebody, in the order of its partition: what comes again after a kill
begins where the group had committed, so none is passed over. What they publish with their commits
is published once.
"""

from collections import defaultdict
from pathlib import Path

from postroad import Broker
from tests.crash.chance import Chance, by_seed, count
from tests.crash.crew import Crew

PARTITIONS = 4
KILLS = count(3, 10)
AROUND = 300
MESSAGES = KILLS * AROUND

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


def publish(url: str, kill: int) -> None:
    """What is read around one kill."""
    with Broker.connect(url) as broker:
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
    # A kill costs the batches that ran, be they of one reader or of both.
    assert again <= (2 * KILLS + 1) * 2 * 20, "more than the batches that ran"


@by_seed
def test_killed_readers_and_a_killed_broker_pass_over_no_message(tmp_path: Path, seed: int) -> None:
    chance = Chance(seed, "readers")
    with Crew(tmp_path, chance) as crew:
        with Broker.connect(crew.url) as broker:
            broker.declare("copies")
            broker.topic("events").declare(PARTITIONS)
        crew.hire(PROGRAM, 2)
        for kill in range(KILLS):
            publish(crew.url, kill)
            chance.wait_past(lambda: read(crew.ran), read(crew.ran) + chance.randrange(AROUND))
            crew.strike()
        chance.wait_past(lambda: read(crew.ran), MESSAGES)
        crew.end()
        with Broker.connect(crew.url) as broker:
            parts = broker.topic("events").group("sums").parts
            assert sum(part.lag for part in parts) == 0
            copies = [one.body for one in broker.pop("copies", MESSAGES + 100)]
    check(crew.ran, copies)


def read(ran: Path) -> int:
    """How many different messages were given to a reader."""
    return len(set(lines(ran)))
