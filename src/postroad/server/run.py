"""A server's life as a process: start, greet, wait for a signal, drain, stop.

It stands between the command line and the parts that `build.py` joins. The rule kept here: the
first signal drains, the second ends at once, and a journal that failed ends with exit code 1.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from postroad.errors import PostroadError
from postroad.limits import ECHO_S, THREAD_SWITCH_S
from postroad.server.banner import banner, write_endpoints
from postroad.server.build import Server, new_event_loop, open_engine
from postroad.server.config import Settings
from postroad.server.driver import OpenDriver

_log = logging.getLogger("postroad.server")


class CannotWrite(PostroadError):  # noqa: N818  (the name is the sentence)
    """A file that was asked for cannot be written."""


def run(
    settings: Settings, say: Callable[[str], None], open_driver: OpenDriver = open_engine
) -> None:
    """Serve until a signal comes; `say` takes lines for people. Raises `PostroadError`."""
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(settings, say, open_driver))


async def _serve(settings: Settings, say: Callable[[str], None], open_driver: OpenDriver) -> None:
    stop = _stop_on_signals()
    # A file of an earlier run would send clients to ports that are closed now.
    _remove(settings.endpoints_file)
    server = await Server.open(settings, open_driver)
    try:
        favour_loop()
        if settings.endpoints_file is not None:
            _announce(settings.endpoints_file, server)
        say(banner(settings, server.driver, server.addresses, server.opened_s, server.remarks))
        await asyncio.wait((stop, server.driver.failed), return_when=asyncio.FIRST_COMPLETED)
    finally:
        _remove(settings.endpoints_file)
        if server.driver.failed.done():
            fail_stop(settings.data, server.driver.failed.result())
        try:
            # Whoever read our lines may be gone.
            say("stopping: answering who waits, writing a checkpoint")
        finally:
            await server.close()
    say("stopped")


def _stop_on_signals() -> "asyncio.Future[None]":
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def first(number: int) -> None:
        if not stop.done():
            stop.set_result(None)
        # The handler of the system, not of the loop: it must work when the loop does not turn.
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)
        again = second_signal(time.monotonic())
        signal.signal(signal.SIGTERM, again)
        signal.signal(signal.SIGINT, again)
        _log.info("signal %d: draining", number)

    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, first, number)
    return stop


def second_signal(since_s: float) -> Callable[[int, FrameType | None], None]:
    """Return what a second signal does when the first came at `since_s` of the monotonic clock.

    One that follows at once is the first one's echo: a stop of a process group reaches the server
    both directly and through the `make` or shell that started it.
    """

    def again(number: int, frame: FrameType | None) -> None:
        if time.monotonic() - since_s >= ECHO_S:
            _end_now(number, frame)

    return again


def _end_now(number: int, _frame: FrameType | None) -> None:
    """End without another line: the journal is made for that."""
    os._exit(128 + number)


def fail_stop(data: Path, why: str) -> None:
    """Stop this process here: nothing can be made durable any more, so nothing may be answered."""
    line = (
        f"postroad: the journal in `{data}` failed: {why}; see to the disk and start again;"
        " nothing that was acknowledged is lost\n"
    )
    os.write(2, line.encode())
    os._exit(1)


def _announce(file: Path, server: Server) -> None:
    try:
        write_endpoints(file, server.addresses)
    except OSError as error:
        raise CannotWrite(
            f"cannot write the endpoints file `{file}`: {error.strerror}; choose another path"
        ) from error


def _remove(file: Path | None) -> None:
    if file is not None:
        with contextlib.suppress(OSError):
            file.unlink()


def favour_loop() -> None:
    """Let nothing of this process keep the loop's thread waiting for long.

    What was made at the start stays for good, what lives long later is few large objects: the
    collector need not look often. And a thread that works for the disk gives way soon: the loop
    asks for the interpreter anew after each look at its sockets.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    sys.setswitchinterval(THREAD_SWITCH_S)
