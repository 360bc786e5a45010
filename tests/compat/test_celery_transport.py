"""kombu's own transport for Amazon SQS, as programs use it below Celery."""

from collections.abc import Iterator
from typing import Any

import pytest
from kombu import connection as kombu_connection

from tests.compat.clients import KEY_ID, SECRET, WAKE_MS_MAX, Queue
from tests.compat.conftest import MakeQueue
from tests.compat.processes import Served, until


@pytest.fixture
def connection(shared: Served, mail: Queue, line: Queue) -> Iterator[Any]:
    """A connection that knows two queues beforehand, as in an account without the right to list."""
    keys = {"access_key_id": KEY_ID, "secret_access_key": SECRET}
    options = {
        "is_secure": False,
        "region": "us-east-1",
        "wait_time_seconds": 1,
        "visibility_timeout": 1,
        "predefined_queues": {one.name: {"url": one.url, **keys} for one in (mail, line)},
    }
    url = f"sqs://{KEY_ID}:{SECRET}@{shared.endpoints['sqs']}//"
    connect: Any = kombu_connection.Connection
    with connect(url, transport_options=options) as made:
        yield made


def test_objects_go_through_a_simple_queue(connection: Any, mail: Queue) -> None:
    with connection.SimpleQueue(mail.name) as queue:
        queue.put({"hello": "wörld", "n": 1})
        assert queue.qsize() == 1
        message = queue.get(timeout=20)
        assert message.payload == {"hello": "wörld", "n": 1}
        message.ack()
    assert until(lambda: mail.counts() == (0, 0, 0), WAKE_MS_MAX)


def test_a_requeued_message_comes_again(connection: Any, mail: Queue) -> None:
    with connection.SimpleQueue(mail.name) as queue:
        queue.put("again")
        queue.get(timeout=20).requeue()
        message = queue.get(timeout=20)
        assert message.payload == "again"
        message.ack()
    assert until(lambda: mail.counts() == (0, 0, 0), WAKE_MS_MAX)


def test_a_rejected_message_ends_in_the_dead_letters(
    connection: Any, mail: Queue, make_queue: MakeQueue
) -> None:
    dead = make_queue()
    mail.redrive_to(dead, 1)
    mail.sqs.set_queue_attributes(QueueUrl=mail.url, Attributes={"VisibilityTimeout": "1"})
    with connection.SimpleQueue(mail.name) as queue:
        queue.put("poison")
        queue.get(timeout=20).reject()
    assert until(lambda: dead.counts() == (1, 0, 0), WAKE_MS_MAX)


def test_clearing_a_queue_purges_it(connection: Any, mail: Queue) -> None:
    with connection.SimpleQueue(mail.name) as queue:
        for number in range(5):
            queue.put(number)
        queue.clear()
    assert mail.counts() == (0, 0, 0)


def test_a_fifo_queue_keeps_the_order_of_a_group(connection: Any, line: Queue) -> None:
    with connection.SimpleQueue(line.name) as queue:
        for number in range(5):
            queue.put(number, MessageGroupId="g", MessageDeduplicationId=f"id-{number}")
        queue.put(0, MessageGroupId="g", MessageDeduplicationId="id-0")
        got = []
        for _ in range(5):
            message = queue.get(timeout=20)
            got.append(message.payload)
            message.ack()
    assert got == [0, 1, 2, 3, 4]
    assert until(lambda: line.counts() == (0, 0, 0), WAKE_MS_MAX)
