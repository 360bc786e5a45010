import gc
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroad.limits import ECHO_S, THREAD_SWITCH_S
from postroad.server import build, run
from postroad.server.config import Settings, load
from tests.unit.server.fakes import ScriptedDriver
from tests.unit.server.test_build import line_sessions


@pytest.fixture(autouse=True)
def plain_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(build.PROTOCOLS, "sqs", line_sessions)
    handlers = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    threshold, switch_s = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    sys.setswitchinterval(switch_s)
    for one, handler in handlers.items():
        signal.signal(one, handler)


def settings(folder: Path) -> Settings:
    options = {
        "sqs": "127.0.0.1:0",
        "amqp": "off",
        "native": "off",
        "endpoints_file": str(folder / "endpoints.json"),
    }
    return load({"data": str(folder), **options}, {})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_the_endpoints_are_gone_after(
    tmp_path: Path, number: signal.Signals
) -> None:
    said: list[str] = []
    driver = ScriptedDriver()

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("stopping"):
            # The same signal, passed on by whoever started us; both are told as one.
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
        if line.startswith("postroad"):
            endpoints = json.loads((tmp_path / "endpoints.json").read_text())
            assert endpoints["sqs"].startswith("127.0.0.1:")
            os.kill(os.getpid(), number)

    run.run(settings(tmp_path), say, driver.open)
    assert driver.closed == 1
    assert said[1:] == ["stopping: answering who waits, writing a checkpoint", "stopped"]
    assert not (tmp_path / "endpoints.json").exists()


def test_a_second_signal_ends_at_once_unless_it_is_the_echo_of_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(run, "_end_now", lambda number, _frame: ended.append(number))
    now_s = time.monotonic()
    run.second_signal(now_s)(signal.SIGTERM, None)
    assert ended == []
    run.second_signal(now_s - ECHO_S)(signal.SIGINT, None)
    assert ended == [signal.SIGINT]


def test_a_journal_that_fails_stops_the_process_without_a_seal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = ScriptedDriver()
    told: list[tuple[str, int]] = []

    def stop(data: Path, why: str) -> None:
        told.append((f"{data}: {why}", driver.closed))

    def say(line: str) -> None:
        if not driver.failed.done():
            driver.failed.set_result("the disk is gone")

    monkeypatch.setattr(run, "fail_stop", stop)
    run.run(settings(tmp_path), say, driver.open)
    assert told == [(f"{tmp_path}: the disk is gone", 0)]


def test_an_endpoints_file_that_cannot_be_written_is_one_line_and_nothing_stays_open(
    tmp_path: Path,
) -> None:
    driver = ScriptedDriver()
    options = {
        "sqs": "127.0.0.1:0",
        "amqp": "off",
        "native": "off",
        "endpoints_file": str(tmp_path / "no" / "endpoints.json"),
    }
    with pytest.raises(run.CannotWrite, match="cannot write the endpoints file"):
        run.run(load({"data": str(tmp_path), **options}, {}), lambda _: None, driver.open)
    assert driver.closed == 1


def test_a_reader_of_our_lines_who_left_does_not_keep_the_journal_from_its_seal(
    tmp_path: Path,
) -> None:
    driver = ScriptedDriver()

    def say(line: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run.run(settings(tmp_path), say, driver.open)
    assert driver.closed == 1


def test_a_thread_of_the_disk_gives_way_to_the_loop_soon() -> None:
    run.favour_loop()
    assert sys.getswitchinterval() == pytest.approx(THREAD_SWITCH_S)
