"""The two faces of a space of keys: blocking, and for asyncio.

It stands beside the faces of the broker. The rule kept here: a face adds no behaviour, so that both
have the same methods.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from postroad.api.asks import Asks
from postroad.api.collections import SpaceOperations
from postroad.api.faces import dress

P = ParamSpec("P")
R = TypeVar("R")


class Runs(Protocol):
    """Who waits for the result of an operation."""

    def __call__(self, asks: Asks[R], /) -> R:
        """Run it."""


class RunsLater(Protocol):
    """Who lets the result of an operation be awaited."""

    def __call__(self, asks: Asks[R], /) -> Coroutine[Any, Any, R]:
        """Run it."""


def _blocking(
    operation: Callable[Concatenate[SpaceOperations, P], Asks[R]],
) -> Callable[Concatenate["Kv", P], R]:
    def method(self: "Kv", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._run(operation(self._operations, *args, **kwargs))

    dress(method, operation)
    return method


def _awaited(
    operation: Callable[Concatenate[SpaceOperations, P], Asks[R]],
) -> Callable[Concatenate["AsyncKv", P], Coroutine[Any, Any, R]]:
    async def method(self: "AsyncKv", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._run(operation(self._operations, *args, **kwargs))

    dress(method, operation)
    return method


class Kv:
    """The keys of one space. A key holds bytes, a map, a set or a sorted set, perhaps for a time.

    Each call is one atomic step, durable when it returns.
    """

    def __init__(self, space: str, run: Runs) -> None:
        """Use `Broker.kv`."""
        self._operations = SpaceOperations(space)
        self._run = run

    set = _blocking(SpaceOperations.set)
    set_many = _blocking(SpaceOperations.set_many)
    get = _blocking(SpaceOperations.get)
    get_many = _blocking(SpaceOperations.get_many)
    info = _blocking(SpaceOperations.info)
    ttl = _blocking(SpaceOperations.ttl)
    compare_and_set = _blocking(SpaceOperations.compare_and_set)
    delete = _blocking(SpaceOperations.delete)
    compare_and_delete = _blocking(SpaceOperations.compare_and_delete)
    increment = _blocking(SpaceOperations.increment)
    increment_decimal = _blocking(SpaceOperations.increment_decimal)
    watch = _blocking(SpaceOperations.watch)
    expire = _blocking(SpaceOperations.expire)
    rename = _blocking(SpaceOperations.rename)
    keys = _blocking(SpaceOperations.keys)
    scan = _blocking(SpaceOperations.scan)
    random_key = _blocking(SpaceOperations.random_key)
    count = _blocking(SpaceOperations.count)
    flush = _blocking(SpaceOperations.flush)
    map_set = _blocking(SpaceOperations.map_set)
    map_get = _blocking(SpaceOperations.map_get)
    map_all = _blocking(SpaceOperations.map_all)
    map_delete = _blocking(SpaceOperations.map_delete)
    map_increment = _blocking(SpaceOperations.map_increment)
    map_increment_decimal = _blocking(SpaceOperations.map_increment_decimal)
    map_expire = _blocking(SpaceOperations.map_expire)
    map_ttl = _blocking(SpaceOperations.map_ttl)
    set_add = _blocking(SpaceOperations.set_add)
    set_has = _blocking(SpaceOperations.set_has)
    set_members = _blocking(SpaceOperations.set_members)
    set_remove = _blocking(SpaceOperations.set_remove)
    set_pop = _blocking(SpaceOperations.set_pop)
    score_set = _blocking(SpaceOperations.score_set)
    score_add = _blocking(SpaceOperations.score_add)
    score_get = _blocking(SpaceOperations.score_get)
    score_rank = _blocking(SpaceOperations.score_rank)
    score_range = _blocking(SpaceOperations.score_range)
    score_between = _blocking(SpaceOperations.score_between)
    score_count = _blocking(SpaceOperations.score_count)
    score_remove = _blocking(SpaceOperations.score_remove)
    score_pop = _blocking(SpaceOperations.score_pop)

    @property
    def later(self) -> SpaceOperations:
        """The operations as they are, for `broker.batch` or a program of `broker.run`."""
        return self._operations


class AsyncKv:
    """The keys of one space. A key holds bytes, a map, a set or a sorted set, perhaps for a time.

    Each call is one atomic step, durable when it has been awaited.
    """

    def __init__(self, space: str, run: RunsLater) -> None:
        """Use `AsyncBroker.kv`."""
        self._operations = SpaceOperations(space)
        self._run = run

    set = _awaited(SpaceOperations.set)
    set_many = _awaited(SpaceOperations.set_many)
    get = _awaited(SpaceOperations.get)
    get_many = _awaited(SpaceOperations.get_many)
    info = _awaited(SpaceOperations.info)
    ttl = _awaited(SpaceOperations.ttl)
    compare_and_set = _awaited(SpaceOperations.compare_and_set)
    delete = _awaited(SpaceOperations.delete)
    compare_and_delete = _awaited(SpaceOperations.compare_and_delete)
    increment = _awaited(SpaceOperations.increment)
    increment_decimal = _awaited(SpaceOperations.increment_decimal)
    watch = _awaited(SpaceOperations.watch)
    expire = _awaited(SpaceOperations.expire)
    rename = _awaited(SpaceOperations.rename)
    keys = _awaited(SpaceOperations.keys)
    scan = _awaited(SpaceOperations.scan)
    random_key = _awaited(SpaceOperations.random_key)
    count = _awaited(SpaceOperations.count)
    flush = _awaited(SpaceOperations.flush)
    map_set = _awaited(SpaceOperations.map_set)
    map_get = _awaited(SpaceOperations.map_get)
    map_all = _awaited(SpaceOperations.map_all)
    map_delete = _awaited(SpaceOperations.map_delete)
    map_increment = _awaited(SpaceOperations.map_increment)
    map_increment_decimal = _awaited(SpaceOperations.map_increment_decimal)
    map_expire = _awaited(SpaceOperations.map_expire)
    map_ttl = _awaited(SpaceOperations.map_ttl)
    set_add = _awaited(SpaceOperations.set_add)
    set_has = _awaited(SpaceOperations.set_has)
    set_members = _awaited(SpaceOperations.set_members)
    set_remove = _awaited(SpaceOperations.set_remove)
    set_pop = _awaited(SpaceOperations.set_pop)
    score_set = _awaited(SpaceOperations.score_set)
    score_add = _awaited(SpaceOperations.score_add)
    score_get = _awaited(SpaceOperations.score_get)
    score_rank = _awaited(SpaceOperations.score_rank)
    score_range = _awaited(SpaceOperations.score_range)
    score_between = _awaited(SpaceOperations.score_between)
    score_count = _awaited(SpaceOperations.score_count)
    score_remove = _awaited(SpaceOperations.score_remove)
    score_pop = _awaited(SpaceOperations.score_pop)

    @property
    def later(self) -> SpaceOperations:
        """The operations as they are, for `broker.batch` or a program of `broker.run`."""
        return self._operations
