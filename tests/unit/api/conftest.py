"""Brokers for the tests of the API: the same tests drive both faces, embedded and connected."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from postroad import AsyncBroker, Broker
from postroad.testing import ClockedBroker
from tests.unit.api.serving import open_served, open_served_later

PROGRAM = "a program runs inside the broker"
ENGINE = "the test looks at the engine"
EMBEDDED_ONLY = {
    "test_a_program_runs_inside_the_broker": PROGRAM,
    "test_lists_are_part_of_batches_and_programs": PROGRAM,
    "test_a_pop_and_a_move_wait_for_what_others_push": ENGINE,
    "test_closing_ends_the_wait_of_a_thread_with_nothing": ENGINE,
    "test_tasks_share_a_broker_and_its_syncs": ENGINE,
    "test_topics_stand_at_either_end_of_a_binding": ENGINE,
}
"""Tests of what is only where the broker is embedded, and why."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test twice, embedded and connected."""
    only = metafunc.function.__name__ in EMBEDDED_ONLY
    ways = ["embedded"] if only else ["embedded", "connected"]
    metafunc.parametrize("_where", ways, indirect=True)


@pytest.fixture(autouse=True)
def _where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Broker.open` connects to a server that opens the same. Where a test brings its clock, the
    broker stays embedded: the time of another process is not ours to move.
    """
    if request.param == "embedded":
        return
    embedded = Broker.__dict__["open"].__func__
    embedded_later = AsyncBroker.__dict__["open"].__func__

    def begin(cls: Any, directory: Any, /, *, clock: Any = None, **settings: Any) -> Any:
        if clock is not None:
            return embedded(cls, directory, clock=clock, **settings)
        return open_served(directory, settings)

    def begin_later(cls: Any, directory: Any, /, *, clock: Any = None, **settings: Any) -> Any:
        if clock is not None:
            return embedded_later(cls, directory, clock=clock, **settings)
        return open_served_later(directory, settings)

    monkeypatch.setattr(Broker, "open", classmethod(begin))
    monkeypatch.setattr(AsyncBroker, "open", classmethod(begin_later))


class Awaiting:
    """An asyncio broker whose results are awaited here: a test reads like a blocking one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, broker: AsyncBroker) -> None:
        self._loop = loop
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._broker, name)
        if name in {"receipt", "driver", "report"}:
            return found
        if name == "consume":
            return lambda *args, **kwargs: self._all(found(*args, **kwargs))
        return lambda *args, **kwargs: self._loop.run_until_complete(found(*args, **kwargs))

    def _all(self, messages: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._loop.run_until_complete(anext(messages))
                except StopAsyncIteration:
                    return
        finally:
            self._loop.run_until_complete(messages.aclose())


Reopen = Callable[..., Broker]


@pytest.fixture(params=["blocking", "asyncio"])
def opened(request: pytest.FixtureRequest) -> Iterator[Reopen]:
    """`opened(directory)`: a broker of either face; closed at the end of the test."""
    brokers: list[Any] = []
    loop = asyncio.new_event_loop()

    def begin(directory: Any = None, **settings: Any) -> Broker:
        for one in brokers:
            one.close()
        if request.param == "blocking":
            broker: Any = Broker.open(directory, **settings)
        else:

            async def open_it() -> AsyncBroker:
                return await AsyncBroker.open(directory, **settings)

            broker = Awaiting(loop, loop.run_until_complete(open_it()))
        brokers.append(broker)
        return cast("Broker", broker)

    yield begin
    for one in brokers:
        one.close()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def broker(opened: Reopen) -> Broker:
    """A broker in memory, of either face."""
    return opened()


@pytest.fixture
def clocked() -> Iterator[ClockedBroker]:
    """A broker in memory whose clock the test moves."""
    with ClockedBroker.open() as broker:
        yield broker
