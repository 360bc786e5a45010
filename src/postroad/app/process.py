"""A process that works: an app's workers until a signal comes, in this process or in several.

It stands between the command line and a run. The rule kept here: the first signal lets what runs
come to its end, the second ends it at once; a child that ends by itself is started again.
"""

import asyncio
import contextlib
import logging
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from postroad.app.app import App
from postroad.errors import BadWorker
from postroad.limits import CHILD_END_LOOK_S, CHILD_LIVES_S, CHILD_LOOK_S

_log = logging.getLogger("postroad.app")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

Say = Callable[[str], None]


def work_here(app: App, queues: Sequence[str] | None, stop_s: float, say: Say) -> None:
    """Run the workers until a signal comes. Raises `PostroadError` where they cannot."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_work(app, queues, stop_s, say))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _work(app: App, queues: Sequence[str] | None, stop_s: float, say: Say) -> None:
    running = app.running(queues=queues, stop_s=stop_s)
    loop = asyncio.get_running_loop()

    def told() -> None:
        say("stopping: what runs comes to its end, or to a second signal")
        running.stop()

    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            continue  # whoever started this process looks after it
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, told)
    work = asyncio.create_task(running.run())
    started = asyncio.create_task(running.started.wait())
    try:
        await asyncio.wait((work, started), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            names = [shift.worker.queue for shift in running.shifts]
            names += dict.fromkeys(shift.reader.group for shift in running.readings)
            say(f"working on {', '.join(names)}")
        await work
    finally:
        started.cancel()
        await app.aclose()
    say("stopped")


class Family:
    """Child processes that do the same work. One that ends is started again; only where one ends by
    itself as soon as it was started, all end: it would do so again.
    """

    def __init__(self, command: Sequence[str], count: int) -> None:
        """`command`: what each of `count` children runs."""
        self._command = list(command)
        self._count = count
        self._children: list[tuple[subprocess.Popen[bytes], float]] = []
        self._told: deque[int] = deque()
        self._is_stopping = False
        self._ended: set[int] = set()

    def run(self, watched: Path | None) -> int:
        """Keep them running until a signal comes; the exit code. With `watched` they are started
        anew when a Python file below that folder changed.
        """
        before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        try:
            return self._keep(watched)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _keep(self, watched: Path | None) -> int:
        self._start()
        seen = _stamps(watched)
        while True:
            time.sleep(CHILD_LOOK_S)
            if self._is_told():
                return self._end()
            if watched is not None and (fresh := _stamps(watched)) != seen:
                seen = fresh
                _log.info("a file changed: starting anew")
                self._signal(signal.SIGTERM)
                code = self._end()
                if self._is_told():
                    return code
                self._start()
            elif watched is not None:
                self._tell_ended()
            elif not self._start_again():
                self._signal(signal.SIGTERM)
                self._end()
                return 1

    def _start(self) -> None:
        self._ended = set()
        self._children = [self._child() for _ in range(self._count)]

    def _child(self) -> tuple[subprocess.Popen[bytes], float]:
        before = None if sys.platform == "win32" else _leave_interrupts
        begun = subprocess.Popen(self._command, preexec_fn=before)  # noqa: PLW1509, S603
        return begun, time.monotonic()

    def _start_again(self) -> bool:
        """Put a new child in the place of each that ended; false where one could not begin."""
        for at, (child, since_s) in enumerate(self._children):
            code = child.poll()
            if code is None:
                continue
            if time.monotonic() - since_s < CHILD_LIVES_S:
                if code >= 0:
                    return False
                continue  # it was killed, and is no sign that another would end so soon
            _log.error("process %d %s: starting another", child.pid, _end_of(code))
            self._children[at] = self._child()
        return True

    def _tell_ended(self) -> None:
        """While somebody edits, a child that ends waits for the next change."""
        for child, _ in self._children:
            code = child.poll()
            if code is not None and child.pid not in self._ended:
                self._ended.add(child.pid)
                what = (child.pid, _end_of(code))
                _log.error("process %d %s: it is started again when a file changes", *what)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        # Nothing more: a child may just be starting, which nobody could tell yet.
        self._told.append(number)

    def _is_told(self) -> bool:
        """Whether this process was told to stop; the children are, too."""
        while self._told:
            self._told.popleft()
            self._is_stopping = True
            self._signal(signal.SIGTERM)
        return self._is_stopping

    def _signal(self, number: int) -> None:
        for child, _ in self._children:
            if child.poll() is None:
                child.send_signal(number)

    def _end(self) -> int:
        """Wait for all; one that was told to stop before it could hear that has not failed."""
        while any(child.poll() is None for child, _ in self._children):
            self._is_told()
            time.sleep(CHILD_END_LOOK_S)
        codes = [child.wait() for child, _ in self._children]
        told = [-number for number in _SIGNALS]
        return max(0 if code in told else abs(code) for code in codes)


def _leave_interrupts() -> None:
    """A terminal interrupts all that runs in it: a child that is told by its parent as well would
    take that for the second signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_of(code: int) -> str:
    return f"ended with {code}" if code >= 0 else f"was killed by signal {-code}"


def child_command(arguments: Sequence[str]) -> list[str]:
    """The command line of a child that does the work itself."""
    return [sys.executable, "-m", "postroad", "work", *arguments]


def app_of(target: str) -> App:
    """The app that `module:name` names. Raises `BadWorker` where there is none."""
    module, _, name = target.partition(":")
    if not module:
        raise BadWorker("name the app as `module:app`")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: object = __import__(module, fromlist=["_"])
    except ModuleNotFoundError as error:
        if error.name is not None and module.startswith(error.name):
            raise BadWorker(f"there is no module `{module}` in {Path.cwd()}") from None
        raise
    for part in (name or "app").split("."):
        found = getattr(found, part, None)
    if not isinstance(found, App):
        raise BadWorker(f"`{target}` is no app; name one as `module:app`")
    return found


def _stamps(folder: Path | None) -> dict[Path, float]:
    return {} if folder is None else dict(_stamped(folder))


def _stamped(folder: Path) -> Iterator[tuple[Path, float]]:
    for path in folder.rglob("*.py"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        with contextlib.suppress(OSError):
            yield path, path.stat().st_mtime
