"""Middleware: what runs around every task of an app, and every batch of its readers.

It stands between the run and the functions. The rule kept here: what stands before or around a run
can fail it; what only hears of it afterwards cannot.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from postroad.app.batches import BatchContext
from postroad.app.context import Context

_log = logging.getLogger("postroad.app")

Call = Callable[[], Awaitable[Any]]


class Hooks:
    """The hooks of all middleware, the outermost first.

    A middleware is any object with some of these, plain or coroutine functions: `before(context)`;
    `after(context, result)`; `failed(context, error)`; `lost(context)`, when a message was not
    acked since its lease was lost meanwhile; `duplicate(context)`, when one was acked without a
    run, since its idempotency key is done; `around(context)`, which returns an async context
    manager.

    With `batches` it is those around each run of a reader's function: `before_batch`,
    `after_batch`, `failed_batch`, `around_batch`, which are given its `BatchContext`, and
    `lost_batch`, when what it was given was not committed since others read it again.
    """

    def __init__(self, middleware: Sequence[object], *, batches: bool = False) -> None:
        of = "_batch" if batches else ""
        self.before = _named(middleware, f"before{of}")
        self.around = _named(middleware, f"around{of}")
        # Who heard first that it began hears last that it ended.
        self.after = _named(middleware[::-1], f"after{of}")
        self.failed = _named(middleware[::-1], f"failed{of}")
        self.lost = _named(middleware[::-1], f"lost{of}")
        self.duplicate = _named(middleware[::-1], f"duplicate{of}")
        self.any = bool(self.before or self.around or self.after or self.failed)

    async def run(self, context: Context | BatchContext, call: Call) -> Any:
        """Run a task between its hooks; its result. Raises what it, or what is before or around it,
        raises.
        """
        try:
            result = await self._run(context, call)
        except Exception as error:
            await _tell(self.failed, context, error)
            raise
        await _tell(self.after, context, result)
        return result

    async def tell_lost(self, context: Context | BatchContext) -> None:
        """Say that a message was not acked."""
        await _tell(self.lost, context)

    async def tell_duplicate(self, context: Context) -> None:
        """Say that a message was acked without a run."""
        await _tell(self.duplicate, context)

    async def _run(self, context: Context | BatchContext, call: Call) -> Any:
        for hook in self.before:
            answer = hook(context)
            if inspect.isawaitable(answer):
                await answer
        if not self.around:
            return await call()
        async with AsyncExitStack() as stack:
            for around in self.around:
                manager: AbstractAsyncContextManager[Any] = around(context)
                await stack.enter_async_context(manager)
            return await call()


def _named(middleware: Sequence[object], name: str) -> list[Callable[..., Any]]:
    return [hook for one in middleware if (hook := getattr(one, name, None)) is not None]


async def _tell(hooks: Sequence[Callable[..., Any]], *args: object) -> None:
    for hook in hooks:
        try:
            answer = hook(*args)
            if inspect.isawaitable(answer):
                await answer
        except Exception:  # noqa: BLE001  (it only hears of what has happened)
            _log.exception("a middleware failed in `%s`", getattr(hook, "__qualname__", hook))
