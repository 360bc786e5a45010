"""Brokers for the tests of the embedded API: the same tests drive both faces."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from postroad import AsyncBroker, Broker
from postroad.testing import ClockedBroker


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
