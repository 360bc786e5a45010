"""Threads of plain functions that take too long, and those that never come back."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from postroad.app.threads import Threads

WITHIN_S = 20.0


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.app.threads.WORKER_THREADS_LOST_MAX", 1)


async def given_up(threads: Threads, call: Callable[[], object], begun: threading.Event) -> None:
    task = asyncio.ensure_future(threads.run(call))
    await asyncio.to_thread(begun.wait, WITHIN_S)
    task.cancel()
    await asyncio.wait((task,))


def slow(begun: threading.Event, go_on: threading.Event) -> Callable[[], object]:
    def call() -> None:
        begun.set()
        go_on.wait(WITHIN_S)

    return call


def test_a_thread_that_comes_back_late_is_not_lost() -> None:
    async def main() -> None:
        threads = Threads(1, "late")
        for _ in range(5):
            begun, go_on = threading.Event(), threading.Event()
            await given_up(threads, slow(begun, go_on), begun)
            assert threads.lost == 1
            go_on.set()
            assert await threads.run(lambda: "next") == "next"
            async with asyncio.timeout(WITHIN_S):
                while threads.lost:
                    await asyncio.to_thread(int)
        assert threads.places == 1
        threads.stop()

    asyncio.run(main())


def test_what_waits_for_a_place_gets_that_of_a_thread_that_comes_back() -> None:
    async def main() -> None:
        threads, go_on = Threads(1, "hung"), threading.Event()
        for _ in range(2):
            begun = threading.Event()
            await given_up(threads, slow(begun, go_on), begun)
        assert threads.places == 0
        waiting = asyncio.ensure_future(threads.run(lambda: "run"))
        await asyncio.to_thread(int)
        assert not waiting.done()
        go_on.set()
        assert await asyncio.wait_for(waiting, WITHIN_S) == "run"
        threads.stop()

    asyncio.run(main())
