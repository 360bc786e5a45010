"""Servers for the tests of this folder: each is ended at the end of what it was started for."""

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compat.amqp_clients import OTHER, Broker
from tests.compat.clients import Queue, connected
from tests.compat.processes import STOP_MS_MAX, Served, start
from tests.compat.sns_clients import Topic, sns_connected

Serve = Callable[..., Served]
MakeQueue = Callable[..., Queue]
MakeTopic = Callable[..., Topic]

_numbers = itertools.count()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a server: `serve(*options, data=..., wait=True)`; the data are in `tmp_path`."""
    started: list[Served] = []

    def begin(*options: str, data: Path | None = None, wait: bool = True) -> Served:
        folder = tmp_path / f"server-{len(started)}"
        served = start(folder, *options, data=data or tmp_path / "data", wait=wait)
        started.append(served)
        return served

    yield begin
    for served in started:
        if served.process.poll() is None:
            served.process.terminate()
    for served in started:
        end(served)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of a file that leave it running."""
    folder = tmp_path_factory.mktemp("shared")
    served = start(folder / "server", data=folder / "data")
    yield served
    served.process.terminate()
    end(served)
    assert served.complained == ""


@pytest.fixture(scope="module")
def sqs(shared: Served) -> Iterator[Any]:
    """A boto3 client of the shared server."""
    with connected(shared.url) as made:
        yield made


@pytest.fixture(scope="module")
def sns(shared: Served) -> Iterator[Any]:
    """A boto3 client of the shared server, for Amazon SNS."""
    with sns_connected(shared.url) as made:
        yield made


@pytest.fixture
def make_topic(sns: Any) -> MakeTopic:
    """Make a topic that no other test has: `make_topic(DisplayName="News")`."""
    return lambda **attributes: Topic(sns, f"topic-{next(_numbers)}", **attributes)


@pytest.fixture
def news(make_topic: MakeTopic) -> Topic:
    """A topic with the defaults."""
    return make_topic()


@pytest.fixture
def make_queue(sqs: Any) -> MakeQueue:
    """Make a queue that no other test has: `make_queue(DelaySeconds="1")`."""
    return lambda **attributes: Queue(sqs, f"queue-{next(_numbers)}", **attributes)


@pytest.fixture
def make_fifo(sqs: Any) -> MakeQueue:
    """Make a FIFO queue that no other test has; its messages need no ids of their own."""

    def make(**attributes: str) -> Queue:
        given = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes}
        return Queue(sqs, f"queue-{next(_numbers)}.fifo", **given)

    return make


@pytest.fixture
def line(make_fifo: MakeQueue) -> Queue:
    """A FIFO queue with the defaults, and content that stands for ids."""
    return make_fifo()


@pytest.fixture
def mail(make_queue: MakeQueue) -> Queue:
    """A queue with the defaults."""
    return make_queue()


@pytest.fixture(scope="module")
def broker(request: pytest.FixtureRequest) -> Broker:
    """Where the AMQP tests of a file connect: a server of their own, or the one they are told."""
    if OTHER:
        return Broker.at(OTHER)
    served: Served = request.getfixturevalue("shared")
    return Broker.at(served.endpoints["amqp"])


@pytest.fixture
def connection(broker: Broker) -> Iterator[Any]:
    """A pika connection."""
    with broker.connected() as made:
        yield made


@pytest.fixture
def channel(connection: Any) -> Any:
    """A pika channel whose publishes wait for their confirms."""
    made = connection.channel()
    made.confirm_delivery()
    return made


def end(served: Served) -> None:
    """Wait for the end of a server that was asked to stop; then insist."""
    try:
        served.process.wait(STOP_MS_MAX / 1_000)
    except subprocess.TimeoutExpired:
        served.process.kill()
        served.process.wait()
