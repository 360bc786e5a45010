"""The two faces of a space of keys: blocking, and for asyncio.

It stands beside the faces of the broker. The rule kept here: a face adds no behaviour, so that both
have the same methods.
"""

from postroad.api.collections import SpaceOperations
from postroad.api.faces import Runs, RunsLater, awaited, blocking


class Kv:
    """The keys of one space. A key holds bytes, a map, a set or a sorted set, perhaps for a time.

    Each call is one atomic step, durable when it returns.
    """

    def __init__(self, space: str, run: Runs) -> None:
        """Use `Broker.kv`."""
        self._operations = SpaceOperations(space)
        self._run = run

    set = blocking(SpaceOperations.set)
    set_many = blocking(SpaceOperations.set_many)
    get = blocking(SpaceOperations.get)
    get_many = blocking(SpaceOperations.get_many)
    info = blocking(SpaceOperations.info)
    ttl = blocking(SpaceOperations.ttl)
    compare_and_set = blocking(SpaceOperations.compare_and_set)
    delete = blocking(SpaceOperations.delete)
    compare_and_delete = blocking(SpaceOperations.compare_and_delete)
    increment = blocking(SpaceOperations.increment)
    increment_decimal = blocking(SpaceOperations.increment_decimal)
    watch = blocking(SpaceOperations.watch)
    expire = blocking(SpaceOperations.expire)
    rename = blocking(SpaceOperations.rename)
    keys = blocking(SpaceOperations.keys)
    scan = blocking(SpaceOperations.scan)
    random_key = blocking(SpaceOperations.random_key)
    count = blocking(SpaceOperations.count)
    flush = blocking(SpaceOperations.flush)
    map_set = blocking(SpaceOperations.map_set)
    map_get = blocking(SpaceOperations.map_get)
    map_all = blocking(SpaceOperations.map_all)
    map_delete = blocking(SpaceOperations.map_delete)
    map_increment = blocking(SpaceOperations.map_increment)
    map_increment_decimal = blocking(SpaceOperations.map_increment_decimal)
    map_expire = blocking(SpaceOperations.map_expire)
    map_ttl = blocking(SpaceOperations.map_ttl)
    set_add = blocking(SpaceOperations.set_add)
    set_has = blocking(SpaceOperations.set_has)
    set_members = blocking(SpaceOperations.set_members)
    set_remove = blocking(SpaceOperations.set_remove)
    set_pop = blocking(SpaceOperations.set_pop)
    score_set = blocking(SpaceOperations.score_set)
    score_add = blocking(SpaceOperations.score_add)
    score_get = blocking(SpaceOperations.score_get)
    score_rank = blocking(SpaceOperations.score_rank)
    score_range = blocking(SpaceOperations.score_range)
    score_between = blocking(SpaceOperations.score_between)
    score_count = blocking(SpaceOperations.score_count)
    score_remove = blocking(SpaceOperations.score_remove)
    score_pop = blocking(SpaceOperations.score_pop)

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

    set = awaited(SpaceOperations.set)
    set_many = awaited(SpaceOperations.set_many)
    get = awaited(SpaceOperations.get)
    get_many = awaited(SpaceOperations.get_many)
    info = awaited(SpaceOperations.info)
    ttl = awaited(SpaceOperations.ttl)
    compare_and_set = awaited(SpaceOperations.compare_and_set)
    delete = awaited(SpaceOperations.delete)
    compare_and_delete = awaited(SpaceOperations.compare_and_delete)
    increment = awaited(SpaceOperations.increment)
    increment_decimal = awaited(SpaceOperations.increment_decimal)
    watch = awaited(SpaceOperations.watch)
    expire = awaited(SpaceOperations.expire)
    rename = awaited(SpaceOperations.rename)
    keys = awaited(SpaceOperations.keys)
    scan = awaited(SpaceOperations.scan)
    random_key = awaited(SpaceOperations.random_key)
    count = awaited(SpaceOperations.count)
    flush = awaited(SpaceOperations.flush)
    map_set = awaited(SpaceOperations.map_set)
    map_get = awaited(SpaceOperations.map_get)
    map_all = awaited(SpaceOperations.map_all)
    map_delete = awaited(SpaceOperations.map_delete)
    map_increment = awaited(SpaceOperations.map_increment)
    map_increment_decimal = awaited(SpaceOperations.map_increment_decimal)
    map_expire = awaited(SpaceOperations.map_expire)
    map_ttl = awaited(SpaceOperations.map_ttl)
    set_add = awaited(SpaceOperations.set_add)
    set_has = awaited(SpaceOperations.set_has)
    set_members = awaited(SpaceOperations.set_members)
    set_remove = awaited(SpaceOperations.set_remove)
    set_pop = awaited(SpaceOperations.set_pop)
    score_set = awaited(SpaceOperations.score_set)
    score_add = awaited(SpaceOperations.score_add)
    score_get = awaited(SpaceOperations.score_get)
    score_rank = awaited(SpaceOperations.score_rank)
    score_range = awaited(SpaceOperations.score_range)
    score_between = awaited(SpaceOperations.score_between)
    score_count = awaited(SpaceOperations.score_count)
    score_remove = awaited(SpaceOperations.score_remove)
    score_pop = awaited(SpaceOperations.score_pop)

    @property
    def later(self) -> SpaceOperations:
        """The operations as they are, for `broker.batch` or a program of `broker.run`."""
        return self._operations
