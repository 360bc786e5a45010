"""Runs of an app whose server is not up yet, and calls that do not wait for one."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from postroad import App, Broker
from postroad.errors import BadSettings, BadUrl, NotConnected, NotWelcome
from postroad.testing import LocalServer


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("postroad.app.again.WORKER_AGAIN_MS", 2)
    monkeypatch.setattr("postroad.app.again.WORKER_AGAIN_MS_MAX", 5)
    caplog.set_level(logging.WARNING, "postroad.app")


@pytest.fixture
def port() -> int:
    """One that refuses, until a server has it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        number: int = held.getsockname()[1]
    return number


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records]


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 20))


async def until_told(caplog: pytest.LogCaptureFixture, count: int) -> None:
    while len(told(caplog)) < count:
        await asyncio.to_thread(lambda: None)


def test_a_run_waits_for_its_server_and_says_so_with_every_try(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[int] = []
    app = App(f"postroad://127.0.0.1:{port}")
    enough = asyncio.Event()

    @app.worker("orders")
    async def charge(number: int) -> None:
        done.append(number)
        enough.set()

    async def story() -> None:
        serving = asyncio.create_task(app.serve())
        await until_told(caplog, 3)
        with pytest.raises(NotConnected, match="refused"):
            await charge.adelay(1)
        assert not serving.done()
        options = {"native": f"127.0.0.1:{port}", "sqs": "off", "amqp": "off"}
        server = await asyncio.to_thread(lambda: LocalServer(**options))
        try:
            with Broker.connect(server.url) as broker:
                while "orders" not in broker.queues():
                    await asyncio.to_thread(lambda: None)
            await charge.adelay(2)
            await enough.wait()
            serving.cancel()
            await asyncio.wait((serving,))
            await app.aclose()
        finally:
            await asyncio.to_thread(server.close)

    run(story)
    assert done == [2]
    for one in told(caplog):
        assert one.startswith("no connection to the server at `127.0.0.1:")
        assert "connection refused" in one
        assert "next try in" in one


def test_a_call_that_comes_before_the_server_is_told_at_once(port: int) -> None:
    app = App(f"postroad://127.0.0.1:{port}")
    worker = app.worker("orders")(nothing)
    with pytest.raises(NotConnected, match="see that `postroad serve` runs there"):
        worker.delay(1)


def test_a_run_gives_up_after_its_time(port: int, caplog: pytest.LogCaptureFixture) -> None:
    async def serve(timeout_s: float) -> None:
        app = App(f"postroad://127.0.0.1:{port}", connect_timeout_s=timeout_s)
        app.worker("orders")(nothing)
        with pytest.raises(NotConnected, match="refused"):
            await app.serve()

    run(lambda: serve(0))
    assert told(caplog) == []
    run(lambda: serve(0.03))
    assert told(caplog)


def test_a_stop_while_it_waits_ends_the_run_and_leaves_nothing_open(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        app = App(f"postroad://127.0.0.1:{port}")
        app.worker("orders")(nothing)
        running = app.running()
        work = asyncio.create_task(running.run())
        await until_told(caplog, 2)
        running.stop()
        await work
        await app.aclose()
        assert not running.started.is_set()
        assert work not in asyncio.all_tasks()

    run(story)


def test_a_bad_address_and_a_login_that_is_refused_end_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def serve(address: str) -> None:
        app = App(address)
        app.worker("orders")(nothing)
        await app.serve()

    with pytest.raises(BadUrl):
        run(lambda: serve("http://127.0.0.1:1"))
    with LocalServer(sqs="off", amqp="off", native_users="ada:secret") as server:
        address = server.url.replace("://", "://ada:wrong@")
        with pytest.raises(NotWelcome, match="another password"):
            run(lambda: serve(address))
    assert told(caplog) == []


@pytest.mark.parametrize("wrong", [-1, "5", True, float("nan")])
def test_how_long_a_run_waits_is_a_number_of_seconds(wrong: Any) -> None:
    with pytest.raises(BadSettings, match="`connect_timeout_s` is a number of seconds 0 or more"):
        App("postroad://127.0.0.1:1", connect_timeout_s=wrong)


async def nothing(number: int) -> None:
    """A task."""
