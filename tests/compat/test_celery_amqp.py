"""Celery over `amqp://`: results, times, chords, commands, and workers that end or are killed."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.amqp_clients import Broker, count, counted, fresh
from tests.compat.processes import until
from tests.compat.workshop import PROGRAMS, Workshop

RUN_MS_MAX = 40_000
APP = ("-m", "celery", "-A", "amqp_celery", "worker")
WORKER = (*APP, "--pool", "threads", "--concurrency", "4", "--loglevel", "WARNING")


def start_worker(shop: Workshop) -> subprocess.Popen[bytes]:
    """A worker of a name that no other has."""
    return shop.begin(*WORKER, "-n", f"{shop.env['QUEUE']}-{len(shop.processes)}")


def tell(shop: Workshop, *story: str) -> list[str]:
    """What a program of the application prints."""
    done = subprocess.run(
        [sys.executable, "amqp_celery.py", *story],
        cwd=PROGRAMS,
        env=shop.env,
        capture_output=True,
        text=True,
        timeout=RUN_MS_MAX / 1_000,
        check=False,
    )
    assert done.returncode == 0, done.stderr + shop.said()
    return done.stdout.splitlines()


def shop_at(broker: Broker, folder: Path) -> Workshop:
    """Queues of its own, so that tests can share a broker."""
    shop = Workshop(folder, broker.url)
    shop.env["QUEUE"] = fresh("celery")
    return shop


@pytest.fixture(scope="module")
def working(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """One worker for all stories that leave it working."""
    shop = shop_at(broker, tmp_path_factory.mktemp("celery"))
    start_worker(shop)
    yield shop
    shop.end()


@pytest.fixture
def shop(broker: Broker, tmp_path: Path) -> Iterator[Workshop]:
    made = shop_at(broker, tmp_path / "shop")
    yield made
    made.end()


def test_results_come_back_through_the_broker(working: Workshop) -> None:
    expected = ["sum: 5", "group: 2450", "retries: 2", "in order: 15"]
    assert tell(working, "results") == expected


def test_tasks_wait_for_their_time_and_hold_nobody_up(working: Workshop) -> None:
    assert tell(working, "times") == ["meanwhile: True", "in time: True True"]


def test_workers_answer_to_commands(working: Workshop) -> None:
    assert tell(working, "control") == ["ping: pong", "queues: True", "revoked: REVOKED"]


def test_a_chord_joins_its_tasks(broker: Broker, tmp_path: Path, shop: Workshop) -> None:
    results = tmp_path / "results"
    results.mkdir()
    shop.env["BACKEND"] = f"file://{results}"
    start_worker(shop)
    assert tell(shop, "chords") == ["chord: 90"]


def test_what_a_killed_worker_was_at_runs_again(broker: Broker, shop: Workshop) -> None:
    doomed = start_worker(shop)
    tell(shop, "send", "3", "600")
    assert until(lambda: len(shop.lines()) == 3, RUN_MS_MAX), shop.said()
    shop.kill(doomed)
    with broker.channel() as channel:
        counted(channel, shop.env["QUEUE"], 3)
    second = start_worker(shop)
    assert until(lambda: len(shop.lines()) == 6, RUN_MS_MAX), shop.said()
    shop.kill(second)
    assert Counter(number for _, number, _ in shop.lines()) == {"0": 2, "1": 2, "2": 2}


def test_a_warm_shutdown_ends_what_is_begun_and_gives_the_rest_back(
    broker: Broker, shop: Workshop
) -> None:
    worker = start_worker(shop)
    tell(shop, "send", "20", "1")
    assert until(lambda: len(shop.lines()) >= 4, RUN_MS_MAX), shop.said()
    worker.terminate()
    assert worker.wait(RUN_MS_MAX / 1_000) == 0, shop.said()
    lines = shop.lines()
    begun = {number for kind, number, _ in lines if kind == "begun"}
    done = {number for kind, number, _ in lines if kind == "done"}
    assert begun == done
    with broker.channel() as channel:
        counted(channel, shop.env["QUEUE"], 20 - len(done))


def test_delays_are_the_brokers_with_quorum_queues(broker: Broker, shop: Workshop) -> None:
    shop.env["QUORUM"] = "1"
    worker = start_worker(shop)
    assert tell(shop, "times") == ["meanwhile: True", "in time: True True"]
    worker.terminate()
    worker.wait(RUN_MS_MAX / 1_000)
    # Nobody works, yet what is due in a moment is on its way, and comes to the queue by itself.
    tell(shop, "later")
    with broker.channel() as channel:
        assert count(channel, shop.env["QUEUE"]) == 1
        counted(channel, shop.env["QUEUE"], 2)
