"""A server of ours, or of a peer, in a process of its own, and what it uses of the machine.

The rule kept here: it listens on 127.0.0.1 alone and is ended by its process id.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.broker import scratch

START_S = 20


@contextmanager
def postroad(protocol: str = "sqs") -> Iterator[tuple[str, int, int]]:
    """`postroad serve` with its defaults: host and port of a protocol, process id."""
    with serving() as (listening, pid):
        host, port = listening[protocol].rsplit(":", 1)
        yield host, int(port), pid


def figure(listening: dict[str, str], name: str) -> float:
    """What a metric of a server says now."""
    with urllib.request.urlopen(f"http://{listening['sqs']}/metrics", timeout=START_S) as page:
        lines = page.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith(f"postroad_{name} ")).split()[1])


@contextmanager
def serving() -> Iterator[tuple[dict[str, str], int]]:
    """`postroad serve` with its defaults: protocol -> host:port, `data` -> its data directory; and
    its process id."""
    with scratch() as path:
        endpoints = path / "endpoints.json"
        command = [sys.executable, "-m", "postroad", "serve", str(path / "data")]
        command += [
            "--sqs",
            "127.0.0.1:0",
            "--amqp",
            "127.0.0.1:0",
            "--native",
            "127.0.0.1:0",
            "--endpoints-file",
            str(endpoints),
        ]
        with _process(command) as process:
            _until(endpoints.exists, process)
            listening = json.loads(endpoints.read_text(encoding="utf-8"))
            yield listening | {"data": str(path / "data")}, process.pid


@contextmanager
def moto() -> Iterator[tuple[str, int, int]]:
    """Moto's server: host, port, process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p"]
    with _process([*command, str(port)]) as process:
        _until(lambda: _answers(port), process)
        yield "127.0.0.1", port, process.pid


def cpu_s(pid: int) -> float:
    """Processor time of a process, all its threads, in seconds; finer than the clock's tick."""
    total_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total_ns += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total_ns / 1e9


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the server did not come up: {process.args!r}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def cores() -> int:
    """How many cores there are."""
    return os.cpu_count() or 1
