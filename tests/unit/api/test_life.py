"""Opening, sharing and closing a broker."""

import asyncio
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from postroad import AsyncBroker, Broker, errors
from tests.unit.api.conftest import Reopen

SHARES = 8
EACH = 25


def test_what_was_published_is_there_after_a_restart(opened: Reopen, tmp_path: Path) -> None:
    opened(tmp_path).declare("orders")
    opened(tmp_path).publish("orders", "kept")
    broker = opened(tmp_path)
    assert broker.report.messages == 1
    assert broker.receive("orders")[0].body == b"kept"


def test_a_broker_without_a_directory_leaves_nothing_behind(
    opened: Reopen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    opened().declare("orders")
    assert opened().queues() == []
    assert list(tmp_path.iterdir()) == []


def test_the_loop_can_be_told_never_to_write(opened: Reopen) -> None:
    opened(None, loop_write_us=0).declare("orders")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"sync": "often"}, "sync"),
        ({"cache_bytes": "1G"}, "cache_bytes"),
        ({"loop_write_us": -1}, "loop_write_us"),
        ({"loop_write_us": 10_000}, "loop_write_us"),
        ({"speed": 9}, "speed"),
    ],
)
def test_a_wrong_setting_of_a_broker_is_named_before_anything_is_opened(
    opened: Reopen, tmp_path: Path, settings: dict[str, object], name: str
) -> None:
    with pytest.raises(errors.BadSettings, match=f"`{name}`"):
        opened(tmp_path / "data", **settings)
    assert not (tmp_path / "data").exists()


def test_a_closed_broker_says_so_and_may_be_closed_again(broker: Broker) -> None:
    broker.declare("orders")
    broker.close()
    broker.close()
    with pytest.raises(errors.BrokerClosed):
        broker.publish("orders", b"x")
    assert list(broker.consume("orders")) == []


def test_a_directory_that_is_open_here_already_is_told_apart(
    opened: Reopen, tmp_path: Path
) -> None:
    opened(tmp_path)
    with pytest.raises(errors.AlreadyOpen, match="open in this process already"):
        Broker.open(tmp_path)

    async def open_again() -> None:
        await AsyncBroker.open(tmp_path)

    with pytest.raises(errors.DirectoryLocked, match="open in this process already"):
        asyncio.run(open_again())


def test_no_thread_is_left_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with Broker.open(tmp_path) as broker:
        broker.declare("orders", lease_ms=1)
        broker.publish_many("orders", [b"x"] * 100)
        broker.receive("orders", 100)
    assert set(threading.enumerate()) <= before

    async def once() -> None:
        async with AsyncBroker.open(tmp_path) as other:
            await other.receive("orders", 10)

    asyncio.run(once())
    assert set(threading.enumerate()) <= before


def test_threads_share_a_broker_and_lose_nothing(tmp_path: Path) -> None:
    with Broker.open(tmp_path) as broker:
        broker.declare("orders")

        def work(number: int) -> None:
            for at in range(EACH):
                broker.publish("orders", f"{number}-{at}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(SHARES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        bodies = {one.body.decode() for one in broker.receive("orders", 1_000)}
    assert bodies == {f"{number}-{at}" for number in range(SHARES) for at in range(EACH)}


def test_tasks_share_a_broker_and_its_syncs(tmp_path: Path) -> None:
    async def run() -> tuple[int, int]:
        async with AsyncBroker.open(tmp_path) as broker:
            await broker.declare("orders")
            groups = broker.driver.engine.groups_written
            await asyncio.gather(*(broker.publish("orders", str(at)) for at in range(500)))
            return len(await broker.receive("orders", 1_000)), (
                broker.driver.engine.groups_written - groups
            )

    count, groups = asyncio.run(run())
    assert count == 500
    assert groups < 50


def test_a_thread_that_waits_is_woken_by_the_publish_of_another() -> None:
    with Broker.open(None) as broker, ThreadPoolExecutor(1) as pool:
        broker.declare("orders")
        waiting = pool.submit(broker.receive, "orders", wait_ms=60_000)
        broker.publish("orders", "here")
        assert waiting.result(10)[0].body == b"here"


def test_closing_ends_the_wait_of_a_thread_with_nothing() -> None:
    with ThreadPoolExecutor(1) as pool:
        broker = Broker.open(None)
        broker.declare("orders")
        waiting = pool.submit(list, broker.consume("orders"))
        while not broker.driver.engine.core.demand.waiting:
            broker.describe("orders")
        broker.close()
        assert waiting.result(10) == []


def test_a_waiting_receive_is_woken_by_a_publish(tmp_path: Path) -> None:
    async def run() -> bytes:
        async with AsyncBroker.open(tmp_path) as broker:
            await broker.declare("orders")
            waiting = asyncio.create_task(broker.receive("orders", wait_ms=60_000))
            await broker.publish("orders", "here")
            [message] = await waiting
            return bytes(message.body)

    assert asyncio.run(run()) == b"here"


def test_closing_ends_a_wait_with_nothing() -> None:
    async def run() -> list[object]:
        broker = await AsyncBroker.open(None)
        await broker.declare("orders")
        waiting = asyncio.ensure_future(broker.receive("orders", wait_ms=60_000))
        await broker.describe("orders")
        await broker.close()
        return list(await waiting)

    assert asyncio.run(run()) == []


def test_a_cancelled_wait_takes_no_message() -> None:
    async def run() -> int:
        async with AsyncBroker.open(None) as broker:
            await broker.declare("orders")
            waiting = asyncio.ensure_future(broker.receive("orders", wait_ms=60_000))
            await broker.describe("orders")
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await broker.publish("orders", b"x")
            return len(await broker.receive("orders"))

    assert asyncio.run(run()) == 1


def test_a_broker_of_another_loop_is_refused() -> None:
    loop = asyncio.new_event_loop()

    async def open_it() -> AsyncBroker:
        return await AsyncBroker.open(None)

    async def use(broker: AsyncBroker) -> None:
        await broker.queues()

    broker = loop.run_until_complete(open_it())
    with pytest.raises(errors.ForeignLoop):
        asyncio.run(use(broker))
    loop.run_until_complete(broker.close())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_is_told_to_keep_off_and_cannot_harm(tmp_path: Path) -> None:
    with Broker.open(tmp_path) as broker:
        broker.declare("orders")
        fork = multiprocessing.get_context("fork")
        said = fork.SimpleQueue()

        def child() -> None:
            try:
                broker.publish("orders", b"from the child")
            except errors.Forked as error:
                said.put(str(error))
            broker.close()

        process = fork.Process(target=child)
        process.start()
        process.join(20)
        assert process.exitcode == 0
        assert f"opened by process {os.getpid()}" in said.get()
        broker.publish("orders", b"from the parent")
        assert broker.describe("orders").ready == 1
