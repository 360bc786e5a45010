"""`postroad work` as its own program: before its server, with processes that are killed, with files
that change.
"""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

from postroad import Broker
from tests.compat.processes import Served, start, until

WITHIN_MS = 40_000

SHOP = """
import os, time
from postroad import App

app = App(os.environ["SHOP_BROKER"])

@app.worker("orders", concurrency=1, prefetch=0, lease_s=1)
def note(number: int) -> None:
    with open(os.environ["SHOP_RAN"], "a") as out:
        out.write(f"{number} {os.getpid()} VERSION\\n")
    time.sleep(0.005)
"""


class Work:
    """A `postroad work`, with what it said."""

    def __init__(self, folder: Path, address: str, *options: str, version: str = "1") -> None:
        self.folder = folder
        self.ran = folder / "ran"
        self.write(version)
        env = {name: one for name, one in os.environ.items() if not name.startswith("POSTROAD_")}
        env |= {"SHOP_BROKER": f"postroad://{address}", "SHOP_RAN": str(self.ran)}
        command = [sys.executable, "-m", "postroad", "work", "shop:app", *options]
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            self.process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, env=env)

    def write(self, version: str) -> None:
        (self.folder / "shop.py").write_text(SHOP.replace("VERSION", version))

    @property
    def said(self) -> str:
        return (self.folder / "out").read_text() + (self.folder / "err").read_text()

    @property
    def lines(self) -> list[list[str]]:
        return (
            [line.split() for line in self.ran.read_text().splitlines()]
            if self.ran.exists()
            else []
        )

    def has_run(self, numbers: range, version: str = "1") -> bool:
        done = {(int(line[0]), line[2]) for line in self.lines if len(line) == 3}
        return done >= {(number, version) for number in numbers}

    def pids(self) -> list[int]:
        """The processes that work."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def end(self) -> None:
        if self.process.poll() is None:
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait(20)


def serve(tmp_path: Path, *options: str) -> Served:
    return start(
        tmp_path / "server", "--sqs", "off", "--amqp", "off", *options, data=tmp_path / "d"
    )


def publish(address: str, numbers: range) -> None:
    with Broker.connect(f"postroad://{address}") as broker:
        broker.publish_many("orders", [str(number) for number in numbers])


def test_work_waits_for_its_server_and_a_signal_ends_the_wait(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
    work = Work(tmp_path, address)
    try:
        assert until(lambda: work.said.count("next try in") >= 2, WITHIN_MS), work.said
        assert f"no connection to the server at `{address}`: connection refused" in work.said
        assert work.stop() == 0
        assert work.said.rstrip().endswith("stopped") or "stopped\n" in work.said
        work = Work(tmp_path, address)
        assert until(lambda: "next try in" in work.said, WITHIN_MS)
        served = serve(tmp_path, "--native", address)
        try:
            assert until(lambda: "working on orders" in work.said, WITHIN_MS), work.said
            publish(address, range(5))
            assert until(lambda: work.has_run(range(5)), WITHIN_MS)
            assert work.stop() == 0
        finally:
            served.stop()
    finally:
        work.end()


def test_a_process_that_is_killed_is_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    served = serve(tmp_path)
    address = served.endpoints["native"]
    work = Work(tmp_path, address, "--processes", "2")
    try:
        assert until(lambda: work.said.count("working on orders") == 2, WITHIN_MS), work.said
        before = work.pids()
        assert len(before) == 2
        publish(address, range(200))
        assert until(lambda: len(work.lines) >= 50, WITHIN_MS)
        os.kill(before[1], signal.SIGKILL)
        assert until(lambda: work.has_run(range(200)), WITHIN_MS), "the others go on"
        assert until(lambda: work.said.count("working on orders") == 3, WITHIN_MS), work.said
        assert f"process {before[1]} was killed by signal 9: starting another" in work.said
        after = work.pids()
        assert len(after) == 2
        assert set(before) - set(after) == {before[1]}
        publish(address, range(200, 400))
        assert until(lambda: work.has_run(range(400)), WITHIN_MS)
        assert work.stop() == 0
    finally:
        work.end()
        served.stop()
    again = len(work.lines) - 400
    assert again <= 1, "what the killed one ran, once more"
    assert len({line[1] for line in work.lines}) >= 3


def test_a_changed_file_starts_anew_and_one_that_is_wrong_says_so_and_waits(tmp_path: Path) -> None:
    served = serve(tmp_path)
    address = served.endpoints["native"]
    work = Work(tmp_path, address, "--reload")
    try:
        assert until(lambda: "working on orders" in work.said, WITHIN_MS), work.said
        publish(address, range(3))
        assert until(lambda: work.has_run(range(3)), WITHIN_MS)
        (tmp_path / "shop.py").write_text("def broken(:\n")
        assert until(lambda: "it is started again when a file changes" in work.said, WITHIN_MS)
        assert "SyntaxError" in work.said
        assert re.search(r"process \d+ ended with 1: it is started again", work.said)
        assert work.process.poll() is None
        publish(address, range(3, 6))
        work.write("2")
        assert until(lambda: work.has_run(range(3, 6), "2"), WITHIN_MS), work.said
        assert work.said.count("it is started again when a file changes") == 1
        assert work.stop() == 0
    finally:
        work.end()
        served.stop()
