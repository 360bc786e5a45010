"""Tasks as coroutine functions: on the loop, on threads, or in processes.

It stands between a worker and its slots. The rule kept here: heartbeats go on in this process,
wherever the task runs.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import get_context
from typing import Any

from postroad.app.threads import Threads
from postroad.app.worker import PROCESS, Worker
from postroad.errors import BadWorker


class NeverEnded(BadWorker):
    """So many runs never came to an end that no other is begun."""


class Functions:
    """The threads and processes of one worker."""

    def __init__(self, worker: Worker[Any, Any]) -> None:
        self._worker = worker
        self._threads: Threads | None = None
        self._processes: ProcessPoolExecutor | None = None
        self._stopped = False

    def coroutine(self) -> Callable[..., Any]:
        """The task as a coroutine function."""
        worker = self._worker
        if worker.is_coroutine:
            return worker.function
        if worker.options.executor == PROCESS:
            return self._in_processes()
        return self._on_threads()

    def stop(self) -> None:
        """Let go of threads and processes; what still runs there is not waited for."""
        self._stopped = True
        if self._threads is not None:
            self._threads.stop()
        if self._processes is not None:
            self._processes.shutdown(wait=False, cancel_futures=True)

    def _on_threads(self) -> Callable[..., Any]:
        worker = self._worker
        threads = Threads(worker.options.concurrency, f"postroad-{worker.queue}")
        self._threads = threads
        function = worker.function

        def call(*args: Any, **kwargs: Any) -> Any:
            if threads.is_spent:
                raise NeverEnded(f"{worker.name}: too many of its runs never ended")
            return threads.run(lambda: function(*args, **kwargs))

        return call

    def _in_processes(self) -> Callable[..., Any]:
        worker = self._worker
        self._processes = self._pool()
        module, name = worker.function.__module__, worker.function.__qualname__
        loop = asyncio.get_running_loop()

        async def call(*args: Any, **kwargs: Any) -> Any:
            pool = self._processes
            try:
                return await loop.run_in_executor(pool, _call, module, name, args, kwargs)
            except BrokenProcessPool:
                # Its process died, and all others with it: the next run is not to blame.
                if self._processes is pool and not self._stopped:
                    self._processes = self._pool()
                raise

        return call

    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._worker.options.concurrency, get_context("spawn"))


def _call(module: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """In another process: the task by its name, called."""
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    function = found.function if isinstance(found, Worker) else found
    return function(*args, **kwargs)
