"""A checkout takes 2,800 ms when it waits for all it does; below 600 when it queues the rest."""

import asyncio
import tempfile
import time

from postroad import App

PAYMENT_MS = 500
# Of these steps the customer needs none to go on.
REST_MS = {
    "inventory": 200,
    "email": 800,
    "analytics": 300,
    "warehouse": 400,
    "recommendations": 600,
}


async def main(directory: str) -> None:
    """Check out, and work beside it."""
    app = App(directory)
    done: dict[str, int] = {}
    all_done = asyncio.Event()

    @app.worker("afterwards")
    async def step(order: int, name: str) -> None:
        done[name] = order
        if len(done) == len(REST_MS):
            all_done.set()

    await step.adelay_many([])  # the queue is there, as it is while a shop is open
    since_s = time.perf_counter()
    await step.adelay_many([(1001, name) for name in REST_MS])
    queued_ms = (time.perf_counter() - since_s) * 1_000

    print("waiting for everything:", PAYMENT_MS + sum(REST_MS.values()), "ms")
    print("paying and queueing, below 600 ms:", PAYMENT_MS + queued_ms < 600)

    workers = asyncio.create_task(app.serve())
    await all_done.wait()
    print("done later:", ", ".join(sorted(done)))
    workers.cancel()
    await asyncio.gather(workers, return_exceptions=True)
    await app.aclose()


with tempfile.TemporaryDirectory() as directory:
    asyncio.run(main(directory))
