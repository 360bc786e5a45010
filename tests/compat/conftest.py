"""Servers for the tests of this folder: `serve()` starts one, the end of the test ends it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.compat.processes import STOP_MS_MAX, Served, start

Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a server: `serve(*options, data=..., wait=True)`; the data are in `tmp_path`."""
    started: list[Served] = []

    def begin(*options: str, data: Path | None = None, wait: bool = True) -> Served:
        folder = tmp_path / f"server-{len(started)}"
        served = start(folder, *options, data=data or tmp_path / "data", wait=wait)
        started.append(served)
        return served

    yield begin
    for served in started:
        if served.process.poll() is None:
            served.process.terminate()
    for served in started:
        try:
            served.process.wait(STOP_MS_MAX / 1_000)
        except subprocess.TimeoutExpired:
            served.process.kill()
            served.process.wait()
