"""The few calls every scenario makes, on an embedded broker.

The rule kept here: an answer that is not the one expected ends the scenario.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from postroad.engine.aio import AsyncDriver
from postroad.engine.blocking import BlockingDriver
from postroad.model.commands import Command, DeclareQueue, Publish, Receive, Settle
from postroad.model.message import Delivery
from postroad.model.policy import QueueSettings
from postroad.model.replies import Declared, Published, Received, Settled

QUEUE = "bench"
LONG_MS = 3_600_000


@contextmanager
def scratch() -> Iterator[Path]:
    """A data directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="postroad-bench-") as made:
        yield Path(made)


@contextmanager
def opened(path: Path) -> Iterator[BlockingDriver]:
    """An embedded broker on a directory, closed afterwards."""
    driver = BlockingDriver(path)
    try:
        yield driver
    finally:
        driver.close()


def declare(
    driver: BlockingDriver,
    name: str = QUEUE,
    lease_ms: int = LONG_MS,
    retention_ms: int | None = None,
) -> None:
    """Make a queue whose leases outlast any scenario, unless said otherwise."""
    settings = QueueSettings(lease_ms=lease_ms, retention_ms=retention_ms)
    reply = driver.ask(DeclareQueue(name, settings))
    assert isinstance(reply, Declared), reply


def send(driver: BlockingDriver, bodies: Sequence[bytes], name: str = QUEUE) -> None:
    """Publish in one call; durable when this returns."""
    reply = driver.ask(Publish((name,), bodies))
    assert isinstance(reply, Published), reply


def take(driver: BlockingDriver, count: int, name: str = QUEUE) -> list[Delivery]:
    """Receive exactly `count`."""
    reply = driver.ask(Receive(name, count))
    assert isinstance(reply, Received), reply
    assert len(reply.messages) == count, (len(reply.messages), count)
    return reply.messages


def ack(driver: BlockingDriver, messages: Sequence[Delivery], name: str = QUEUE) -> None:
    """Settle; durable when this returns."""
    reply = driver.ask(settle(messages, name))
    assert isinstance(reply, Settled), reply
    assert not reply.failed, reply


def settle(messages: Sequence[Delivery], name: str = QUEUE) -> Settle:
    """The command that acks these."""
    return Settle(
        name,
        [one.offset for one in messages],
        [one.lease for one in messages],
        [one.delivery_count for one in messages],
    )


async def wanted(driver: AsyncDriver, command: Command, answer: type) -> None:
    """Ask on the loop and hold the answer to its type."""
    reply = await driver.ask(command)
    assert isinstance(reply, answer), reply
