"""What a boto3 receive from a FIFO queue costs while messages wait in a thousand groups.

The rule kept here: one server, two queues worked in turn by the same calls in the same minute, so
that what differs is what waits; each cycle sends as many as it deletes.
"""

import time
from statistics import median
from typing import Any

from bench.figures import Figure
from bench.scenarios.sqs_boto import boto
from bench.server import postroad

WAITING = 250_000
GROUPS = 1_000
ROUNDS = 7
CYCLES = 60
BATCH = 10
BODY = "x" * 100
FIFO = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "300"}


class Line:
    """A FIFO queue and a client; each message has an id of its own."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._sent = 0
        made = client.create_queue(QueueName=name, Attributes=FIFO)
        self.url: str = made["QueueUrl"]

    def send(self) -> None:
        """Ten messages, each to the next group."""
        entries = []
        for at in range(BATCH):
            number = self._sent + at
            entries.append(
                {
                    "Id": str(at),
                    "MessageBody": BODY,
                    "MessageGroupId": f"group-{number % GROUPS}",
                    "MessageDeduplicationId": str(number),
                }
            )
        sent = self._client.send_message_batch(QueueUrl=self.url, Entries=entries)
        assert len(sent["Successful"]) == BATCH, sent
        self._sent += BATCH

    def receive(self) -> list[str]:
        """The handles of up to ten messages."""
        found = self._client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=BATCH)
        return [one["ReceiptHandle"] for one in found["Messages"]]

    def delete(self, handles: list[str]) -> None:
        """Messages are done."""
        gone = [{"Id": str(at), "ReceiptHandle": one} for at, one in enumerate(handles)]
        deleted = self._client.delete_message_batch(QueueUrl=self.url, Entries=gone)
        assert len(deleted["Successful"]) == len(handles), deleted


def run(scale: float) -> list[Figure]:
    """Milliseconds of a receive with nothing else there and with many waiting, and their ratio."""
    waiting = max(10_000, int(WAITING * scale))
    with postroad() as (host, port, _pid):
        client = boto(host, port)
        few, many = Line(client, "few.fifo"), Line(client, "many.fifo")
        for _ in range(waiting // BATCH):
            many.send()
        time.sleep(1)  # what was begun behind the last answer
        pairs = [_receive_ms(few, many) for _ in range(ROUNDS)]
        client.close()
    ratios = [after / before for before, after in pairs]
    what = f"boto3 receive of {BATCH}, FIFO, {waiting:,} waiting in {GROUPS:,} groups"
    full = waiting == WAITING
    return [
        Figure(f"{what} / none waiting", "times", ratios, at_most=1.5, full=full),
        Figure(what, "ms", [after for _, after in pairs]),
        Figure("boto3 receive of 10, FIFO, none waiting", "ms", [before for before, _ in pairs]),
    ]


def _receive_ms(few: Line, many: Line) -> tuple[float, float]:
    """The medians of some receives from each, in turn, so that both see the same machine."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(CYCLES):
        for line, times in zip((few, many), spent, strict=True):
            line.send()
            begin = time.perf_counter()
            handles = line.receive()
            times.append(time.perf_counter() - begin)
            assert len(handles) == BATCH
            line.delete(handles)
    before, after = (median(times) * 1_000 for times in spent)
    return before, after
