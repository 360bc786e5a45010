"""boto3 as its users have it, at a server of the tests."""

import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, Generic, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.compat.processes import until

KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI"
WAKE_MS_MAX = 15_000
"""Longer than any wait here takes, shorter than the 20 s of the long polls that must be woken."""

T = TypeVar("T")


def client(url: str, *, key_id: str = KEY_ID, secret: str = SECRET, connections: int = 10) -> Any:
    """A client that tries once and tells; the caller closes it."""
    return boto3.client(
        "sqs",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(
            retries={"max_attempts": 0}, read_timeout=30, max_pool_connections=connections
        ),
    )


@contextmanager
def connected(url: str, **options: Any) -> Iterator[Any]:
    """A client for as long as the block lasts."""
    made = client(url, **options)
    try:
        yield made
    finally:
        made.close()


def code_of(call: Callable[..., Any], **given: Any) -> str:
    """The error code a call fails with, as users compare it."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    return str(caught.value.response["Error"]["Code"])


class Queue:
    """A queue and a client: what every test does, without the address each time."""

    def __init__(self, sqs: Any, name: str, **attributes: str) -> None:
        self.sqs = sqs
        self.name = name
        made = sqs.create_queue(QueueName=name, Attributes=attributes)
        self.url: str = made["QueueUrl"]

    def through(self, sqs: Any) -> "Queue":
        """The same queue with another client, as a thread of its own needs it."""
        same = copy(self)
        same.sqs = sqs
        return same

    @property
    def arn(self) -> str:
        return str(self.attributes("QueueArn")["QueueArn"])

    def attributes(self, *names: str) -> dict[str, str]:
        given = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names or ["All"])
        found: dict[str, str] = given.get("Attributes", {})
        return found

    def counts(self) -> tuple[int, int, int]:
        """Messages that are ready, leased and delayed."""
        found = self.attributes()
        kinds = ("", "NotVisible", "Delayed")
        ready, leased, delayed = (int(found["ApproximateNumberOfMessages" + one]) for one in kinds)
        return ready, leased, delayed

    def send(self, body: str, **given: Any) -> dict[str, Any]:
        sent: dict[str, Any] = self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **given)
        return sent

    def receive(self, **given: Any) -> list[dict[str, Any]]:
        given = {"MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"], **given}
        got = self.sqs.receive_message(QueueUrl=self.url, **given)
        messages: list[dict[str, Any]] = got.get("Messages", [])
        return messages

    def one(self, **given: Any) -> dict[str, Any]:
        """The one message there is, waiting for it if need be."""
        (message,) = self.receive(**{"WaitTimeSeconds": 20, **given})
        return message

    def delete(self, message: dict[str, Any]) -> None:
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def delete_all(self, messages: list[dict[str, Any]]) -> None:
        """Up to ten in one batch."""
        entries = [
            {"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]}
            for at, one in enumerate(messages)
        ]
        if entries:
            answer = self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
            assert len(answer["Successful"]) == len(entries), answer

    def change(self, message: dict[str, Any], timeout_s: int) -> None:
        self.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=timeout_s
        )

    def redrive_to(self, target: "Queue", count: int) -> None:
        policy = f'{{"deadLetterTargetArn": "{target.arn}", "maxReceiveCount": {count}}}'
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"RedrivePolicy": policy})


class Background(Generic[T]):
    """A call on its own thread, for calls that wait."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._results: list[T] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._results.append(self._call())

    def result(self, within_ms: int = WAKE_MS_MAX) -> T:
        self._thread.join(within_ms / 1_000)
        assert self._results, "the call did not come back in time"
        return self._results[0]

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()


def figure(url: str, name: str) -> float:
    """One number of the metrics page."""
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        found = re.search(rf"^postroad_{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def waiting(url: str, count: int) -> None:
    """Return once so many receives wait in the server."""
    there = until(lambda: figure(url, "asks_waiting") == count, WAKE_MS_MAX)
    assert there, f"no {count} receives wait"
