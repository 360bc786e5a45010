"""A data pipeline: dashboard and data lake read the same events side by side; one replays them."""

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from postroad import App, TopicMessage


@dataclass
class Event:
    """What a page told."""

    page: str


async def main(directory: str) -> None:
    """Publish events, read them by two groups, mend a bug, and replay."""
    app, done = App(directory), asyncio.Event()
    seen, lake, bugs = Counter[str](), list[bytes](), ["all pages are home"]

    @app.reader("events", group="dashboard", batch=100, partitions=4, members=2)
    async def count(events: list[Event]) -> None:
        seen.update("home" if bugs else event.page for event in events)
        if seen.total() == len(lake) == 3_000:
            done.set()

    @app.reader("events", group="data-lake", batch=1_000, wait_s=0.1)
    async def store(messages: list[TopicMessage]) -> None:
        lake.extend(message.body for message in messages)
        if seen.total() == len(lake) == 3_000:
            done.set()

    async def work(*groups: str) -> None:
        running = app.running(queues=groups)
        run = asyncio.create_task(running.run())
        await done.wait()
        running.stop()
        await run
        print("dashboard:", dict(sorted(seen.items())), "- data lake:", len(lake))

    events = (await app.link.serve()).topic("events")
    await events.declare(4, retention_ms=7 * 86_400_000)
    bodies = [f'{{"page":"{page}"}}' for page in ("home", "cart", "pay") * 1_000]
    await events.publish_many(bodies, keys=[f"user {at % 50}" for at in range(3_000)])
    await work("dashboard", "data-lake")
    seen.clear()
    bugs.clear()
    done.clear()
    (first,) = await events.read(0, 1)
    await count.areplay(to=datetime.fromtimestamp(first.published_ms / 1_000, UTC))
    await work("dashboard")
    await app.aclose()


with tempfile.TemporaryDirectory() as directory:
    asyncio.run(main(directory))
