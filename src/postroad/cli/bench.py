"""`postroad bench`: what this machine's disk and processor make of a few plain loads.

It stands over a data directory made for it and removed after. The rule kept here: every figure
is of messages that were durable when they were counted.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from postroad.cli.options import JsonOption
from postroad.cli.output import print_json, print_table
from postroad.model.commands import DeclareQueue, Publish, Receive, Settle
from postroad.model.replies import Published, Received, Settled
from postroad.server.build import new_event_loop, open_engine
from postroad.server.config import load
from postroad.server.driver import Driver

QUEUE = "bench"
PUBLISHERS = 100


def bench(
    seconds: Annotated[
        float, typer.Option(min=0.1, max=60, metavar="SECONDS", help="How long each load runs.")
    ] = 2.0,
    body_bytes: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="BYTES", help="Size of a body.")
    ] = 100,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            metavar="DIR",
            help="The disk to try: a directory in which a temporary one is made.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure this machine: messages per second, each durable before it counts."""
    body = b"x" * body_bytes
    loads: dict[str, Callable[[Driver, float], Awaitable[int]]] = {
        "one at a time: send, receive, ack": lambda d, end: _in_turn(d, [body], end),
        "100 per call: send, receive, ack": lambda d, end: _in_turn(d, [body] * 100, end),
        "1,000 per call: send, receive, ack": lambda d, end: _in_turn(d, [body] * 1_000, end),
        f"{PUBLISHERS} publishers, one each: send": lambda d, end: _at_once(d, body, end),
    }
    found = {}
    with tempfile.TemporaryDirectory(prefix="postroad-bench-", dir=directory) as data:
        settings = load({"data": data}, {})
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            driver = runner.run(open_engine(settings))
            try:
                for name, load_it in loads.items():
                    found[name] = runner.run(_rate(driver, load_it, seconds))
            finally:
                runner.run(driver.close())
    if as_json:
        print_json(found)
    else:
        print_table(("load", "messages/s"), found.items())


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench)


async def _rate(
    driver: Driver, load_it: Callable[[Driver, float], Awaitable[int]], seconds: float
) -> int:
    await driver.ask(DeclareQueue(QUEUE))
    begin = time.perf_counter()
    count = await load_it(driver, begin + seconds)
    return round(count / (time.perf_counter() - begin))


async def _in_turn(driver: Driver, bodies: list[bytes], end: float) -> int:
    count = 0
    while time.perf_counter() < end:
        published = await driver.ask(Publish((QUEUE,), bodies))
        assert isinstance(published, Published), published
        received = await driver.ask(Receive(QUEUE, len(bodies)))
        assert isinstance(received, Received), received
        messages = received.messages
        assert len(messages) == len(bodies)
        settled = await driver.ask(
            Settle(
                QUEUE,
                [one.offset for one in messages],
                [one.lease for one in messages],
                [one.delivery_count for one in messages],
            )
        )
        assert isinstance(settled, Settled), settled
        count += len(messages)
    return count


async def _at_once(driver: Driver, body: bytes, end: float) -> int:
    async def publisher() -> int:
        count = 0
        while time.perf_counter() < end:
            published = await driver.ask(Publish((QUEUE,), [body]))
            assert isinstance(published, Published), published
            count += 1
        return count

    return sum(await asyncio.gather(*(publisher() for _ in range(PUBLISHERS))))
