"""The plugin as a project meets it: a run of pytest of its own, in another process."""

import subprocess
import sys
from pathlib import Path

PROJECT = """
import pytest


def test_a_job_is_retried(postroad):
    postroad.broker.declare("jobs", lease_ms=30_000)
    postroad.broker.publish("jobs", "resize")
    assert postroad.broker.receive("jobs")
    postroad.clock.advance(minutes=1)
    [again] = postroad.broker.receive("jobs")
    assert again.delivery_count == 2


@pytest.mark.postroad(directory=True, amqp="off")
def test_on_disk(postroad):
    assert "amqp" not in postroad.addresses
    postroad.broker.declare("jobs")
    postroad.expect("jobs")


def test_that_fails(postroad):
    postroad.broker.declare("jobs")
    postroad.expect("jobs", "resize")
"""

WITHOUT = """
import sys


def test_without_a_broker():
    assert "postroad.engine.engine" not in sys.modules
    assert "asyncio" not in sys.modules or "postroad.server.build" not in sys.modules
"""


def run(directory: Path, text: str) -> str:
    (directory / "test_project.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers"]
    told = subprocess.run(
        [*command, "-p", "no:randomly", "test_project.py"],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return told.stdout + told.stderr


def test_a_project_gets_the_fixture_by_installing_the_package(tmp_path: Path) -> None:
    told = run(tmp_path, PROJECT)
    assert "1 failed, 2 passed" in told, told
    assert "queue `jobs` holds [], and not [b'resize']" in told


def test_a_run_without_brokers_loads_none(tmp_path: Path) -> None:
    told = run(tmp_path, WITHOUT)
    assert "1 passed" in told, told
