"""The broker and the workers that are connected to it are killed; what their tasks did is counted.

None of the jobs may be lost, and workers go on by themselves when the broker is there again.
"""

from collections import Counter
from pathlib import Path

from postroad import Broker
from postroad.app.app import App
from tests.crash.chance import Chance, by_seed, count
from tests.crash.crew import Crew
from tests.crash.test_worker_kill import PROGRAM, lines

JOBS = count(500, 4_000)
KILLS = count(3, 12)


def is_empty(broker: Broker) -> bool:
    found = broker.describe("jobs")
    return (found.ready, found.leased, found.delayed) == (0, 0, 0)


@by_seed
def test_workers_outlive_their_broker_and_no_job_is_lost(tmp_path: Path, seed: int) -> None:
    chance = Chance(seed, "workers and broker")
    program = PROGRAM.replace("KIND", "async def")
    program = program.replace("SLOW", "await __import__('asyncio').sleep(0.002)")
    with Crew(tmp_path, chance) as crew:
        with Broker.connect(crew.url) as broker:
            broker.declare("jobs.dead")
            broker.declare("jobs", **App().worker("jobs", lease_s=0.4)(print).queue_options())
            broker.publish_many("jobs", [str(number).encode() for number in range(JOBS)])
        crew.hire(program, 2)
        for point in chance.points(KILLS, JOBS):
            chance.wait_past(lambda: len(lines(crew.ran)), point)
            crew.strike()
        chance.wait_past(lambda: len(set(lines(crew.ran))), JOBS)
        with Broker.connect(crew.url) as broker:
            # What the last kill left unacked is run once more, when its lease is over.
            chance.wait_past(lambda: is_empty(broker), True)
        crew.end()
        with Broker.connect(crew.url) as broker:
            found = broker.describe("jobs")
            assert (found.ready, found.leased, found.delayed) == (0, 0, 0)
            assert broker.describe("jobs.dead").ready == 0
    again = [number for number, times in Counter(lines(crew.ran)).items() if times > 1]
    # Twice only what was in hand at a kill.
    assert len(again) <= KILLS * 300, "more than they had in hand, and did in one sync"
