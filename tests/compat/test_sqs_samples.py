"""Programs as courses print them run unchanged; only the environment names another endpoint."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compat.clients import KEY_ID, SECRET, Queue
from tests.compat.processes import Served

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def my_queue(sqs: Any) -> Iterator[Queue]:
    """The queue the programs name, made beforehand as in a cloud account."""
    queue = Queue(sqs, "my-queue")
    yield queue
    sqs.delete_queue(QueueUrl=queue.url)


def run(served: Served, program: str) -> str:
    env = {name: one for name, one in os.environ.items() if not name.startswith("AWS_")}
    env |= {
        "AWS_ENDPOINT_URL_SQS": served.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    command = [sys.executable, str(PROGRAMS / program)]
    done = subprocess.run(command, env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_a_first_program_sends_receives_and_deletes(shared: Served, my_queue: Queue) -> None:
    said = run(shared, "first_queue.py")
    assert said == '{"task": "process_image", "id": 123}\n'
    assert my_queue.counts() == (0, 0, 0)


def test_a_queue_of_jobs_processes_and_acknowledges(shared: Served, my_queue: Queue) -> None:
    assert run(shared, "job_queue.py") == "resize_image img-001\n"
    assert my_queue.counts() == (0, 0, 0)


def test_an_order_waits_with_its_type_for_whoever_comes(shared: Served, my_queue: Queue) -> None:
    run(shared, "order_queue.py")
    order = my_queue.one(MessageAttributeNames=["OrderType"])
    assert order["Body"] == "Process order #123"
    typed = {"OrderType": {"StringValue": "standard", "DataType": "String"}}
    assert order["MessageAttributes"] == typed
