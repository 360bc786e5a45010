"""Redis in a process of its own, with a sync of each write: what equals our durability.

The rule kept here: a private port and directory, ended by the process that was started.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.broker import scratch

SERVER = "redis-server"
START_S = 20


def found() -> bool:
    """Whether Redis is installed."""
    return shutil.which(SERVER) is not None


@contextmanager
def redis_always() -> Iterator[str]:
    """Redis with `appendfsync always`: its URL."""
    with scratch() as path:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
        command = [SERVER, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(path)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        command += ["--auto-aof-rewrite-percentage", "0"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _until_open(port, process)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(30)


def _until_open(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("Redis did not come up") from None
            time.sleep(0.05)
        else:
            return
