"""Workers and their broker are killed while jobs with idempotency keys come two and three times.

None of the keys may be lost, each is done exactly once, and beyond that only a run may have begun
that was under way at a kill.
"""

from collections import Counter
from pathlib import Path

from postroad import Broker
from postroad.app.app import App
from tests.compat.processes import until
from tests.crash.chance import WITHIN_MS, Chance, by_seed, count
from tests.crash.crew import Crew

KEYS = count(400, 3_000)
KILLS = count(3, 12)
# What two workers have under way at a time: places, and what was not yet acked on a slow disk.
OPEN_MAX = 500

PROGRAM = """
import asyncio, os, sys
from postroad import Context
from postroad.app.app import App
from postroad.app.process import work_here

url, ran = sys.argv[1:3]
app = App(url)
out = os.open(ran, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@app.worker("jobs", concurrency=8, prefetch=20, lease_s=1.5, idempotency_key="number")
async def note(context: Context, number: int) -> None:
    os.write(out, b"%d\\n" % number)
    await asyncio.sleep(0.02)
    context.also(context.later.publish("done", str(number)))

work_here(app, None, 5, lambda line: print(line, flush=True))
"""


def lines(ran: Path) -> list[int]:
    return [int(line) for line in ran.read_text().split()] if ran.exists() else []


def bodies(broker: Broker, queue: str) -> list[int]:
    found: list[int] = []
    while messages := broker.pop(queue, 1_000, wait_ms=0):
        found.extend(int(one.body) for one in messages)
    return found


@by_seed
def test_each_key_is_done_once_though_workers_and_broker_are_killed(
    tmp_path: Path, seed: int
) -> None:
    chance = Chance(seed, "idempotency")
    jobs = [key for key in range(KEYS) for _ in range(chance.choice((2, 3)))]
    chance.shuffle(jobs)
    with Crew(tmp_path, chance) as crew:
        with Broker.connect(crew.url) as broker:
            for queue in ("done", "jobs.dead"):
                broker.declare(queue)
            broker.declare("jobs", **App().worker("jobs", lease_s=1.5)(print).queue_options())
            broker.publish_many("jobs", [str(number).encode() for number in jobs])
        crew.hire(PROGRAM, 2)
        for point in chance.points(KILLS, KEYS):
            chance.wait_past(lambda: len(lines(crew.ran)), point)
            crew.strike()
        with Broker.connect(crew.url) as broker:
            assert until(lambda: is_over(broker), WITHIN_MS), broker.describe("jobs")
            crew.end()
            assert bodies(broker, "jobs.dead") == []
            done = bodies(broker, "done")
    assert sorted(done) == list(range(KEYS)), "each key is done exactly once"
    begun = Counter(lines(crew.ran))
    assert set(begun) == set(range(KEYS))
    again = [key for key, times in begun.items() if times > 1]
    assert len(again) <= KILLS * OPEN_MAX // 2
    assert max(begun.values()) <= 1 + 2 * KILLS


def is_over(broker: Broker) -> bool:
    found = broker.describe("jobs")
    return (found.ready, found.leased, found.delayed) == (0, 0, 0)
