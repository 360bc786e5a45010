"""The task under Postroad, connected to a server or on a data directory of its own.

`python -m bench.apps.postroad_app`: a worker. With a number: a program that opens the directory,
works, and enqueues so many jobs itself.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress

from bench.apps.mark import FOLDER, MARK_BYTES, MARKS, URL, mark
from postroad import App

CALLERS = 100
BODY = "x" * 100

app = App(URL or FOLDER / "data")


@app.worker("noop", concurrency=100)
async def noop(body: str) -> None:
    """The work."""
    mark(body)


send = noop.delay
send_many = noop.delay_many
asend = noop.adelay


async def startup() -> None:
    """Nothing to do: the first call connects."""


async def shutdown() -> None:
    """Close what the first call opened."""
    await app.aclose()


async def embedded(count: int, bulk: bool) -> None:
    """Enqueue and work in one process; says when it began, as JSON."""
    workers = asyncio.create_task(app.serve())
    await asend(BODY)
    begin = time.monotonic()
    if bulk:
        await noop.adelay_many([BODY] * count)
    else:
        await asyncio.gather(*(caller(count // CALLERS) for _ in range(CALLERS)))
    while MARKS.stat().st_size // MARK_BYTES <= count:  # noqa: ASYNC110  (it counts in a file)
        await asyncio.sleep(0.005)  # noqa: TID251
    workers.cancel()
    with suppress(asyncio.CancelledError):
        await workers
    await app.aclose()
    print(json.dumps({"begin": begin}))


async def caller(count: int) -> None:
    """One of many that enqueue one after another."""
    for _ in range(count):
        await asend(BODY)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(embedded(int(sys.argv[1]), bulk=sys.argv[2:] == ["bulk"]))
    else:
        asyncio.run(app.serve())
