"""What boto3 users find after a server was killed: all they were told, and nothing they deleted."""

import os
import signal
from collections.abc import Callable
from itertools import count, islice
from threading import Event, Thread
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.compat.clients import WAKE_MS_MAX, Queue, client, code_of, connected
from tests.compat.conftest import Serve
from tests.compat.processes import Served, until


def killed(served: Served) -> None:
    assert served.stop(signal.SIGKILL) == -signal.SIGKILL


def test_a_handle_from_before_a_kill_deletes_and_keeps(serve: Serve) -> None:
    served = serve()
    with connected(served.url) as sqs:
        mail = Queue(sqs, "mail")
        mail.send("delete me")
        mail.send("keep me")
        deleted, kept = mail.receive(VisibilityTimeout=600)
        # Receives wait for no sync; what is acknowledged behind them makes them durable, too.
        Queue(sqs, "other").send("x")
    killed(served)
    with connected(serve().url) as sqs:
        mail = Queue(sqs, "mail")
        assert mail.counts() == (0, 2, 0)
        mail.delete(deleted)
        mail.change(kept, 900)
        assert mail.counts() == (0, 1, 0)
        mail.change(kept, 0)
        again = mail.one()
    assert again["Body"] == "keep me"
    assert again["MessageId"] == kept["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"):
        assert again["Attributes"][name] == kept["Attributes"][name]


def test_a_handle_whose_receive_the_kill_took_deletes_all_the_same(serve: Serve) -> None:
    served = serve()
    with connected(served.url) as sqs:
        mail = Queue(sqs, "mail")
        for number in range(20):
            mail.send(str(number))
        held = [one for _ in range(2) for one in mail.receive()]
    killed(served)
    with connected(serve().url) as sqs:
        mail = Queue(sqs, "mail")
        for one in held:
            mail.delete(one)
        assert mail.counts() == (0, 0, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_delays_counts_and_settings_are_there_after_a_restart(serve: Serve, number: int) -> None:
    served = serve()
    with connected(served.url) as sqs:
        dead = Queue(sqs, "dead")
        mail = Queue(sqs, "mail", VisibilityTimeout="77")
        mail.redrive_to(dead, 3)
        sqs.tag_queue(QueueUrl=mail.url, Tags={"team": "post"})
        mail.send("tried twice")
        for _ in range(2):
            mail.change(mail.one(), 0)
        mail.send("for later", DelaySeconds=900)
        mail.send("for soon", DelaySeconds=1)
        attributes = mail.attributes()
    served.stop(number)
    with connected(serve().url) as sqs:
        mail, dead = Queue(sqs, "mail"), Queue(sqs, "dead")
        assert sqs.list_queue_tags(QueueUrl=mail.url)["Tags"] == {"team": "post"}
        found = mail.attributes()
        for name in ("VisibilityTimeout", "RedrivePolicy", "CreatedTimestamp"):
            assert found[name] == attributes[name]
        assert until(lambda: mail.counts() == (2, 0, 1), WAKE_MS_MAX)
        for one in mail.receive():
            if one["Body"] == "tried twice":
                assert one["Attributes"]["ApproximateReceiveCount"] == "3"
                mail.change(one, 0)
        assert dead.one()["Body"] == "tried twice"


def test_what_was_deleted_or_purged_does_not_come_back(serve: Serve) -> None:
    served = serve()
    with connected(served.url) as sqs:
        dead, mail, purged = (Queue(sqs, name) for name in ("dead", "mail", "purged"))
        mail.redrive_to(dead, 1)
        for number in range(30):
            mail.send(str(number))
            purged.send(str(number))
        while got := mail.receive():
            for one in got:
                if int(one["Body"]) % 3:
                    mail.delete(one)
                else:
                    mail.change(one, 0)
        assert until(lambda: dead.counts() == (10, 0, 0), WAKE_MS_MAX)
        while got := dead.receive():
            for one in got:
                dead.delete(one)
        sqs.purge_queue(QueueUrl=purged.url)
        gone = Queue(sqs, "gone")
        gone.send("x")
        sqs.delete_queue(QueueUrl=gone.url)
    for number in (signal.SIGKILL, signal.SIGTERM):
        served.stop(number)
        served = serve()
        with connected(served.url) as sqs:
            for name in ("dead", "mail", "purged"):
                queue = Queue(sqs, name)
                assert queue.counts() == (0, 0, 0)
                assert queue.receive() == []
            code = code_of(sqs.get_queue_url, QueueName="gone")
            assert code == "AWS.SimpleQueueService.NonExistentQueue"


SENDERS = 4
RECEIVERS = 2
KILLS = 20 if "POSTROAD_SOAK_MINUTES" in os.environ else 2
"""Of one data directory, one after the other."""
LOAD_MESSAGES = 600
"""A kill comes after so many sends were acknowledged; by then hundreds are deleted, too."""
SMALL = ("--journal-bytes", "4MiB", "--segment-bytes", "1MiB", "--cache-bytes", "1MiB")
"""So little that bodies are placed, checkpoints written and segments used again all the time."""


class Load:
    """Threads that send and delete until the server is gone, and what each was told, over all
    servers of a directory."""

    def __init__(self, filling: str) -> None:
        self.sent: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.deleting: set[str] = set()
        self._filling = filling
        self._numbers = count()
        self._url = ""

    def until_killed(self, served: Served) -> bool:
        """Whether the server took its share before it was killed."""
        stop = Event()
        # A client of its own for each thread: every one has its own connection in flight.
        clients = [client(served.url) for _ in range(SENDERS + RECEIVERS)]
        self._url = Queue(clients[0], "mail").url
        sent, deleted = len(self.sent), len(self.deleted)
        steps = [self._send] * SENDERS + [self._drain] * RECEIVERS
        threads = [
            Thread(target=until_gone, args=(step, one, stop))
            for step, one in zip(steps, clients, strict=True)
        ]
        for thread in threads:
            thread.start()
        grown = until(
            lambda: len(self.sent) - sent >= LOAD_MESSAGES and len(self.deleted) - deleted >= 100,
            30_000,
        )
        killed(served)
        stop.set()
        for thread in threads:
            thread.join(40)
        for one in clients:
            one.close()
        return grown

    def _send(self, sqs: Any) -> None:
        body = f"single {next(self._numbers)}{self._filling}"
        answer = sqs.send_message(QueueUrl=self._url, MessageBody=body)
        self.sent[answer["MessageId"]] = body
        bodies = {f"n{n}": f"of ten {n}{self._filling}" for n in islice(self._numbers, 10)}
        entries = [{"Id": one, "MessageBody": body} for one, body in bodies.items()]
        answers = sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
        for one in answers["Successful"]:
            self.sent[one["MessageId"]] = bodies[one["Id"]]

    def _drain(self, sqs: Any) -> None:
        given = {"MaxNumberOfMessages": 5, "WaitTimeSeconds": 1, "VisibilityTimeout": 4}
        got = sqs.receive_message(QueueUrl=self._url, **given).get("Messages", [])
        for one in got:
            assert one["MessageId"] not in self.deleted
        self.deleting.update(one["MessageId"] for one in got)
        for one in got:
            sqs.delete_message(QueueUrl=self._url, ReceiptHandle=one["ReceiptHandle"])
            self.deleted.add(one["MessageId"])


def until_gone(step: Callable[[Any], None], sqs: Any, stop: Event) -> None:
    while not stop.is_set():
        try:
            step(sqs)
        except (BotoCoreError, ClientError):
            return


@pytest.mark.parametrize(
    ("options", "filling"), [((), ""), (SMALL, " filling" * 500)], ids=["defaults", "small"]
)
def test_under_load_kills_lose_nothing_acknowledged_and_bring_back_nothing_deleted(
    serve: Serve, options: tuple[str, ...], filling: str
) -> None:
    load = Load(filling)
    for _ in range(KILLS):
        assert load.until_killed(serve(*options)), (len(load.sent), len(load.deleted))
    left = drained(serve(*options))
    assert not load.deleted & left.keys()
    # A delete whose answer the kill took may or may not have been done.
    lost = load.sent.keys() - load.deleting - left.keys()
    assert not lost
    assert all(load.sent.get(one, body) == body for one, body in left.items())


def drained(served: Served) -> dict[str, str]:
    """All messages of the queue by id; none may come twice."""
    left: dict[str, str] = {}
    with connected(served.url) as sqs:
        mail = Queue(sqs, "mail")
        while sum(mail.counts()):
            got = mail.receive(WaitTimeSeconds=5)
            for one in got:
                assert one["MessageId"] not in left
                left[one["MessageId"]] = one["Body"]
            mail.delete_all(got)
    return left
