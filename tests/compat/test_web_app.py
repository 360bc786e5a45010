"""The web application of the examples, served as one serves it, called over HTTP."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import pytest

from tests.compat.processes import STOP_MS_MAX, until
from tests.compat.sockets import free_port
from tests.tidy.sources import ROOT

UP_MS_MAX = 30_000


class Web:
    """The application in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "61_web_app:web", "--port", str(self.port)]
        command += ["--app-dir", str(ROOT / "examples"), "--log-level", "warning"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        assert until(self._is_up, UP_MS_MAX), (self._folder / "log").read_text()

    def call(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, str]]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            content = None if body is None else msgspec.json.encode(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, msgspec.json.decode(answer.read())
        finally:
            connection.close()

    def end(self, number: int) -> int:
        os.kill(self._process.pid, number)
        return self._process.wait(STOP_MS_MAX / 1_000)

    def _is_up(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            return self.call("GET", "/openapi.json")[0] == 200
        except OSError:
            return False


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    served = Web(tmp_path)
    yield served
    assert served.end(signal.SIGTERM) in {0, -signal.SIGTERM}


def test_a_request_is_answered_once_its_job_is_durable_and_the_job_is_done_later(web: Web) -> None:
    status, answer = web.call("POST", "/signups", {"name": "Ann", "mail": "ann@example.org"})
    assert status == 202
    found = web.call("GET", f"/jobs/{answer['job']}")
    assert found == (200, {"result": "Ann was welcomed at ann@example.org"})
    assert web.call("POST", "/signups", {"name": "Ben"})[0] == 422


def test_what_was_accepted_is_done_though_the_application_is_killed(web: Web) -> None:
    jobs = [
        web.call("POST", "/signups", {"name": f"user {at}", "mail": "one@example.org"})[1]["job"]
        for at in range(50)
    ]
    assert web.end(signal.SIGKILL) == -signal.SIGKILL
    web.start()
    for at, job in enumerate(jobs):
        found = web.call("GET", f"/jobs/{job}")
        assert found == (200, {"result": f"user {at} was welcomed at one@example.org"})
