"""Where the command line finds an app, and tasks that run in processes of their own."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from postroad.api.aio import AsyncBroker
from postroad.app.app import App
from postroad.app.process import Family, app_of
from postroad.cli.main import run
from postroad.errors import BadWorker

SHOP = """
import os
from postroad import App

app = App(None)
wrong = 7

@app.worker("films", executor="process", concurrency=1)
def cut(path: str) -> None:
    with open(path, "w") as out:
        out.write(str(os.getpid()))
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"shop_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_an_app_is_named_by_its_module_and_name(shop: str) -> None:
    assert set(app_of(f"{shop}:app").workers) == {"films"}
    assert app_of(shop) is app_of(f"{shop}:app")
    for wrong, text in (
        (f"{shop}:wrong", "is no app"),
        (f"{shop}:nothing", "is no app"),
        ("no_such_module:app", "no module `no_such_module`"),
        (":app", "name the app"),
    ):
        with pytest.raises(BadWorker, match=text):
            app_of(wrong)


def test_the_command_line_says_what_is_wrong_in_one_line(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["work", f"{shop}:app", "--queues", "flims"]) == 1
    assert "queue `flims` has no worker in this app; it has `films`" in capsys.readouterr().err


# It waits for a signal that ends it; a minute at most.
IDLE = [sys.executable, "-c", "import signal; signal.sigtimedwait({signal.SIGUSR1}, 60)"]


def test_a_child_that_ends_at_once_ends_the_family() -> None:
    family = Family([sys.executable, "-c", "raise SystemExit(3)"], 2)
    assert family.run(None) == 1


def test_a_child_that_is_told_to_stop_before_it_can_hear_has_not_failed() -> None:
    family = Family(IDLE, 2)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    assert family.run(None) == 0


FAMILY = """
import sys
from postroad.app.process import Family

child = 'import signal; heard = []\\n' \\
    'signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\\n' \\
    'if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:\\n' \\
    '    signal.signal(signal.SIGINT, lambda *_: heard.append(1))\\n' \\
    'print("up", flush=True)\\n' \\
    'signal.sigwait({signal.SIGTERM})\\n' \\
    'print(1 + len(heard), flush=True)'
sys.exit(Family([sys.executable, "-c", child], 1).run(None))
"""


def test_an_interrupt_of_a_terminal_which_all_hear_is_one_signal_to_each_child() -> None:
    command = [sys.executable, "-c", FAMILY]
    family = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert family.stdout is not None
    assert family.stdout.readline() == "up\n"
    os.killpg(family.pid, signal.SIGINT)
    assert family.communicate(timeout=20)[0] == "1\n"
    assert family.returncode == 0


class Told(Family):
    """One that is told to stop while a child of it is being started."""

    def _child(self) -> tuple[subprocess.Popen[bytes], float]:
        child = super()._child()
        if not self._children:
            os.kill(os.getpid(), signal.SIGTERM)
        return child


def test_a_child_that_is_just_being_started_is_told_to_stop_too() -> None:
    family = Told(IDLE, 1)
    begun_s = time.monotonic()
    assert family.run(None) == 0
    assert time.monotonic() - begun_s < 7


class Changed(Family):
    """One that is told to stop, once, while children end because a file changed."""

    was_told = False

    def _end(self) -> int:
        if not self.was_told:
            self.was_told = True
            os.kill(os.getpid(), signal.SIGTERM)
        return super()._end()


def test_a_stop_while_children_start_anew_starts_none_again(tmp_path: Path) -> None:
    family = Changed(IDLE, 1)
    change = threading.Timer(0.4, (tmp_path / "changed.py").touch)
    change.start()
    begun_s = time.monotonic()
    assert family.run(tmp_path) == 0
    assert time.monotonic() - begun_s < 7


def test_a_plain_function_may_run_in_a_process(shop: str, tmp_path: Path) -> None:
    made = app_of(f"{shop}:app").workers["films"]
    out = tmp_path / "out"

    async def story() -> None:
        async with AsyncBroker.open(None) as broker:
            app = App.of(broker)
            worker = app.worker("films", executor="process", concurrency=1)(made.function)
            running = app.running()
            work = asyncio.create_task(running.run())
            await running.started.wait()
            await worker.adelay(str(out))
            while not running.shifts[0].counts.succeeded:
                await broker.receive("films.dead", 1, wait_ms=20)
            running.stop()
            await work
            assert running.shifts[0].counts.failed == 0

    asyncio.run(asyncio.wait_for(story(), 30))
    assert out.read_text().isdigit()
