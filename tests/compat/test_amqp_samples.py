"""Programs as courses print them run unchanged; only the port they find is another one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compat.amqp_clients import Broker, get

PROGRAMS = Path(__file__).parent / "programs"
ELSEWHERE = """
import runpy, sys
import pika
pika.ConnectionParameters.DEFAULT_PORT = {port}
runpy.run_path(sys.argv[1], run_name="__main__")
"""
QUEUES = ("tasks", "orders", "orders-dlq", "orders-later")


@pytest.fixture
def channel(broker: Broker) -> Iterator[Any]:
    """A channel, and none of the programs' queues."""
    with broker.channel() as made:
        for name in QUEUES:
            made.queue_delete(name)
        yield made


def run(broker: Broker, program: str) -> list[str]:
    command = [sys.executable, "-c", ELSEWHERE.format(port=broker.port), str(PROGRAMS / program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_first_program_sends_an_order(broker: Broker, channel: Any) -> None:
    run(broker, "amqp_first_task.py")
    assert get(channel, "tasks").body == b"Process order #123"


def test_retries_with_a_count_of_their_own_end_in_the_dead_letters(
    broker: Broker, channel: Any
) -> None:
    assert run(broker, "amqp_retries.py") == [
        "order 12 done",
        "order 13 failed at try 0",
        "order 14 done",
        "order 13 failed at try 1",
        "order 13 failed at try 2",
        "order 13 failed at try 3",
        "dead: order 13 {'error': 'no card'}",
    ]
