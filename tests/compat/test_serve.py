"""A server as its users meet it: a process, signals, a port, files."""

import json
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.compat.conftest import Serve
from tests.compat.processes import STOP_MS_MAX, Served, until


@contextmanager
def client(served: Served) -> Iterator[Any]:
    made = boto3.client(
        "sqs",
        endpoint_url=served.url,
        region_name="us-east-1",
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}, read_timeout=30),
    )
    yield made
    made.close()


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def last_line(served: Served) -> str:
    """The error of a server that ended; it has to be one line."""
    assert served.process.wait(STOP_MS_MAX / 1_000) != 0
    lines = served.complained.splitlines()
    assert len(lines) == 1, served.complained
    return lines[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_greets_and_a_signal_stops_it_cleanly(serve: Serve, number: int) -> None:
    served = serve()
    assert until(lambda: "durable" in served.said, 5_000)
    assert f"http://{served.endpoints['sqs']}" in served.said
    assert str(served.data) in served.said
    assert served.stop(number) == 0
    assert served.complained == ""
    assert not (served.logs / "endpoints.json").exists()


def test_what_was_sent_is_there_after_a_stop_and_after_a_kill(serve: Serve) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        served = serve()
        with client(served) as sqs:
            queue = sqs.create_queue(QueueName="mail")["QueueUrl"]
            sqs.send_message(QueueUrl=queue, MessageBody=f"before {number}")
        served.stop(number)
    served = serve()
    with client(served) as sqs:
        queue = sqs.get_queue_url(QueueName="mail")["QueueUrl"]
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert sorted(one["Body"] for one in got) == ["before 15", "before 9"]


def test_a_stop_answers_a_waiting_receive_with_nothing(serve: Serve) -> None:
    served = serve()
    with client(served) as sqs:
        queue = sqs.create_queue(QueueName="mail")["QueueUrl"]
    host, _, port = served.endpoints["sqs"].rpartition(":")
    body = json.dumps({"QueueUrl": queue, "WaitTimeSeconds": 20}).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection((host, int(port)), 10) as waiting:
        waiting.settimeout(15)
        waiting.sendall(head + body)
        # A second request on its own connection is answered after the first one was read.
        assert get(served.url + "/health/ready")[0] == 200
        assert served.stop() == 0
        answer = waiting.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    assert answer.endswith(b"\r\n\r\n{}"), answer


def test_health_and_metrics_are_pages_on_the_port(serve: Serve) -> None:
    served = serve()
    assert get(served.url + "/health/live")[0] == 200
    assert get(served.url + "/health/ready") == (200, b'{"status": "ready"}\n')
    status, body = get(served.url + "/metrics")
    assert status == 200
    text = body.decode()
    assert 'durability="fdatasync before every acknowledgement"' in text
    assert "\npostroad_connections 1.0\n" in text


def test_a_second_server_on_the_directory_is_told_who_holds_it(serve: Serve) -> None:
    first = serve()
    line = last_line(serve(wait=False))
    assert f"is in use by process {first.process.pid}" in line


def test_a_port_in_use_is_told_in_one_line(serve: Serve, tmp_path: Path) -> None:
    taken = serve().endpoints["sqs"]
    line = last_line(serve("--sqs", taken, data=tmp_path / "other", wait=False))
    assert f"cannot listen for sqs on {taken}: another program uses that port" in line


def test_a_typo_in_the_settings_file_is_told_in_one_line(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text('[journal]\nsnyc = "never"\n')
    served = serve("--config", str(file), wait=False)
    assert "unknown setting `journal.snyc`; did you mean `journal.sync`?" in last_line(served)
    assert served.process.returncode == 2
    assert not served.data.exists()


def test_a_damaged_journal_is_told_with_file_and_byte(serve: Serve) -> None:
    served = serve()
    with client(served) as sqs:
        queue = sqs.create_queue(QueueName="mail")["QueueUrl"]
        for number in range(5):
            sqs.send_message(QueueUrl=queue, MessageBody=f"body-{number}")
    served.stop(signal.SIGKILL)
    (segment,) = [
        one
        for one in (served.data / "journal").iterdir()
        if one.suffix == ".segment" and b"body-1" in one.read_bytes()
    ]
    content = bytearray(segment.read_bytes())
    content[content.index(b"body-1")] ^= 1
    segment.write_bytes(content)
    line = last_line(serve(wait=False))
    assert f"`{segment}` is damaged at byte " in line
    assert "run `postroad check`" in line


def test_a_weaker_durability_is_in_the_banner_and_the_metrics(serve: Serve) -> None:
    served = serve("--sync", "never")
    assert until(lambda: "sync = never" in served.said, 5_000)
    assert b"never synced" in get(served.url + "/metrics")[1]
