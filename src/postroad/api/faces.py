"""How an operation becomes a method of a face: one that waits, and one that is awaited.

It stands beside both faces. The rule kept here: a face adds no parameter and no behaviour, so its
methods show the operation's own name, words and signature.
"""

import inspect
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, get_args

from postroad.api.asks import Asks

P = ParamSpec("P")
R = TypeVar("R")
Ops = TypeVar("Ops")
Ops_co = TypeVar("Ops_co", covariant=True)


class Runs(Protocol):
    """Who waits for the result of an operation."""

    def __call__(self, asks: Asks[R], /) -> R:
        """Run it."""


class RunsLater(Protocol):
    """Who lets the result of an operation be awaited."""

    def __call__(self, asks: Asks[R], /) -> Coroutine[Any, Any, R]:
        """Run it."""


class Waits(Protocol[Ops_co]):
    """A face whose methods return when the result is there."""

    @property
    def _operations(self) -> Ops_co: ...

    @property
    def _run(self) -> Runs: ...


class Awaits(Protocol[Ops_co]):
    """A face whose methods are awaited."""

    @property
    def _operations(self) -> Ops_co: ...

    @property
    def _run(self) -> RunsLater: ...


def blocking(
    operation: Callable[Concatenate[Ops, P], Asks[R]],
) -> Callable[Concatenate[Waits[Ops], P], R]:
    """An operation as a method that waits for its result."""

    def method(self: Waits[Ops], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._run(operation(self._operations, *args, **kwargs))

    _dress(method, operation)
    return method


def awaited(
    operation: Callable[Concatenate[Ops, P], Asks[R]],
) -> Callable[Concatenate[Awaits[Ops], P], Coroutine[Any, Any, R]]:
    """An operation as a method whose result is awaited."""

    async def method(self: Awaits[Ops], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._run(operation(self._operations, *args, **kwargs))

    _dress(method, operation)
    return method


def _dress(method: Callable[..., Any], operation: Callable[..., Any]) -> None:
    """Give a method the looks of its operation, with the result the operation ends with."""
    update_wrapper(method, operation)
    signature = inspect.signature(operation)
    result = get_args(signature.return_annotation)[2]
    method.__dict__["__signature__"] = signature.replace(return_annotation=result)
