"""boto3 in four processes, batches of ten, against our server and against moto's in the same run.

The rule kept here: each process sends, receives and deletes ten before it sends again, so that no
backlog grows (moto's server reads the whole queue at each receive).
"""

import multiprocessing
import os
import time
from typing import Any

from bench.figures import Figure
from bench.server import cores, cpu_s, moto, postroad

CLIENTS = 4
SECONDS = 6.0
RUNS = 3
BODY = "x" * 100


def run(scale: float) -> list[Figure]:
    """Our rate, moto's, their ratio, and how much of the machine the clients took."""
    seconds = max(2.0, SECONDS * scale)
    ours, theirs, busy, server = [], [], [], []
    for _ in range(RUNS):
        with moto() as (host, port, _pid):
            theirs.append(_rate(host, port, seconds)[0])
        with postroad() as (host, port, pid):
            used, begin = cpu_s(pid), time.perf_counter()
            rate, share = _rate(host, port, seconds)
            server.append((cpu_s(pid) - used) / (time.perf_counter() - begin) * 100)
        ours.append(rate)
        busy.append(share)
    ratios = [mine / yours for mine, yours in zip(ours, theirs, strict=True)]
    what = f"boto3, {CLIENTS} processes, batches of 10: send + receive + delete"
    clients_note = "20 times moto, or the clients use over 85 % of all cores"
    return [
        Figure(f"{what}: postroad / moto", "times", ratios, at_least=20, note=clients_note),
        Figure(f"{what}: the clients' share of all cores", "%", busy, at_least=85,
               note="counts only where the ratio is below 20"),
        Figure(f"{what}: postroad's server", "% of a core", server),
        Figure(f"{what}: postroad", "messages/s", ours),
        Figure(f"{what}: moto's server", "messages/s", theirs),
    ]  # fmt: skip


def _rate(host: str, port: int, seconds: float) -> tuple[float, float]:
    """Messages per second of all clients, and their processor time in percent of all cores."""
    client = boto(host, port)
    attributes = {"VisibilityTimeout": "300"}
    url = client.create_queue(QueueName="bench", Attributes=attributes)["QueueUrl"]
    context = multiprocessing.get_context("fork")
    with context.Pool(CLIENTS) as pool:
        found = pool.starmap(_load, [(host, port, url, seconds)] * CLIENTS)
    share = sum(used_s / took_s for _, took_s, used_s in found) / cores() * 100
    return sum(count / took_s for count, took_s, _ in found), share


def boto(host: str, port: int) -> Any:
    """A client that tries once."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "sqs",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )


def _load(host: str, port: int, url: str, seconds: float) -> tuple[int, float, float]:
    """(messages, seconds, processor seconds) of one client."""
    client = boto(host, port)
    entries = [{"Id": str(number), "MessageBody": BODY} for number in range(10)]
    count = 0
    for _ in range(3):
        count += _cycle(client, url, entries)
    count, begin, used = 0, time.perf_counter(), sum(os.times()[:2])
    while time.perf_counter() - begin < seconds:
        count += _cycle(client, url, entries)
    return count, time.perf_counter() - begin, sum(os.times()[:2]) - used


def _cycle(client: Any, url: str, entries: list[dict[str, str]]) -> int:
    sent = client.send_message_batch(QueueUrl=url, Entries=entries)
    assert not sent.get("Failed"), sent
    found = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    handles = [one["ReceiptHandle"] for one in found.get("Messages", [])]
    if handles:
        gone = [{"Id": str(at), "ReceiptHandle": one} for at, one in enumerate(handles)]
        deleted = client.delete_message_batch(QueueUrl=url, Entries=gone)
        assert not deleted.get("Failed"), deleted
    return len(handles)
