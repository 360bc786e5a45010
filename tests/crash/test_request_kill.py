"""Workers and the broker are killed while requests are under way.

Each request ends within its time, with its own reply, once, or with an error that says what is not
known.
"""

import asyncio
import itertools
import time
from collections import Counter
from pathlib import Path
from typing import Any

from postroad import App
from postroad.errors import ConnectionLost, NotConnected, RequestTimeout, TimedOut
from tests.crash.chance import Chance, by_seed, count
from tests.crash.crew import Crew

REPLIES = count(300, 3_000)
AT_ONCE = 20
KILLS = count(3, 12)
TIMEOUT_S = 2.0
SLACK_S = 3.0
HONEST = (RequestTimeout, ConnectionLost, NotConnected, TimedOut)

PROGRAM = """
import asyncio, sys
from postroad import App
from postroad.app.process import work_here

app = App(sys.argv[1])

@app.worker("squares", concurrency=20, lease_s=0.5)
async def square(number: int) -> int:
    await asyncio.sleep(0.005)
    return number * number

work_here(app, None, 5, lambda line: print(line, flush=True))
"""


class Asking:
    """Those who ask, one request after another, and what came of it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._numbers = itertools.count()
        self.over = False
        self.ends: Counter[str] = Counter()

    async def ask_on(self) -> None:
        while not self.over:
            await self._ask(next(self._numbers))

    async def _ask(self, number: int) -> None:
        began_s = time.monotonic()
        try:
            answer: Any = await self._app.request("squares", number, timeout_s=TIMEOUT_S)
        except HONEST as error:
            self.ends[type(error).__name__] += 1
            await asyncio.to_thread(time.sleep, 0.1)
        else:
            assert answer == number * number, "another's reply"
            self.ends["replied"] += 1
        assert time.monotonic() - began_s < TIMEOUT_S + SLACK_S, "it hung"

    def replies(self) -> int:
        """How many came."""
        return self.ends["replied"]


def kill_on(crew: Crew, asking: Asking, chance: Chance) -> None:
    """Kill somewhere among the replies, and wait for the last of them."""
    try:
        for point in chance.points(KILLS, REPLIES):
            chance.wait_past(asking.replies, point)
            crew.strike()
        chance.wait_past(asking.replies, max(REPLIES, asking.replies() + 50))
    finally:
        asking.over = True


async def story(crew: Crew, chance: Chance) -> Counter[str]:
    app = App(crew.url)
    broker = await app.link.serve()
    await broker.declare("squares.dead")
    worker: Any = App().worker("squares", lease_s=0.5)(print)
    await broker.declare("squares", **worker.queue_options())
    crew.hire(PROGRAM, 1)
    asking = Asking(app)
    killing = asyncio.to_thread(kill_on, crew, asking, chance)
    await asyncio.gather(killing, *(asking.ask_on() for _ in range(AT_ONCE)))
    assert not app.waits._replies
    assert not app.waits._sleepers
    await app.aclose()
    return asking.ends


@by_seed
def test_each_request_ends_in_time_with_its_reply_or_an_honest_error(
    tmp_path: Path, seed: int
) -> None:
    chance = Chance(seed, "requests")
    with Crew(tmp_path, chance) as crew:
        ends = asyncio.run(story(crew, chance))
        crew.end()
    assert ends["replied"] >= REPLIES
    assert sum(ends.values()) - ends["replied"] <= KILLS * AT_ONCE * 20, "few of them were in vain"
