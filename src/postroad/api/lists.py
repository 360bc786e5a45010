"""What a Python program can do with a queue as a list, each thing written once; and its two faces.

It stands between callers and the model. The rule kept here: texts become UTF-8 on the way in; a
list that is not there is an empty one and never an error, but where something must be in its place.
"""

from typing import Final

from postroad.api.asks import Asks
from postroad.api.faces import Runs, RunsLater, awaited, blocking
from postroad.api.messages import Body, Headers, bytes_of, head_of
from postroad.api.options import duration
from postroad.api.refusals import expect
from postroad.model import lists, replies
from postroad.model.lists import LEFT, RIGHT, ListDescribed
from postroad.model.message import Delivery

Messages = list[Delivery]
"""Messages, in the order that was asked for."""


class ListOperations:
    """Everything a list can do."""

    def __init__(self, name: str) -> None:
        self.name: Final = name

    def push_left(
        self, *bodies: Body, headers: Headers | None = None, only_if_exists: bool = False
    ) -> Asks[int]:
        """Put messages at the left end, the last of them outermost; how many are there now.

        A list that is not there is made, and goes again when it is empty; with `only_if_exists`
        nothing is done instead. Raises `WrongKind`, `QueueFull`, `NoSpace`, `MessageTooLarge`.
        """
        return self._push(LEFT, bodies, headers, only_if_exists)

    def push_right(
        self, *bodies: Body, headers: Headers | None = None, only_if_exists: bool = False
    ) -> Asks[int]:
        """As `push_left`, at the right end."""
        return self._push(RIGHT, bodies, headers, only_if_exists)

    def pop_left(self, count: int = 1, *, wait_ms: int = 0) -> Asks[Messages]:
        """Take up to `count` messages from the left end for good, without lease: at most once. With
        none there, wait up to `wait_ms`. Raises `WrongKind`.
        """
        return self._pop(LEFT, count, wait_ms)

    def pop_right(self, count: int = 1, *, wait_ms: int = 0) -> Asks[Messages]:
        """As `pop_left`, from the right end."""
        return self._pop(RIGHT, count, wait_ms)

    def pop_first(
        self, *others: str, end: str = LEFT, count: int = 1, wait_ms: int = 0
    ) -> Asks[tuple[str, Messages]]:
        """As `pop_left` or `pop_right`, of this list or, where it has none, of the first of
        `others` that has; the name of that list, empty where the wait was over, and its messages.
        """
        waits = duration(wait_ms, "wait_ms") or 0
        command = lists.ListPop((self.name, *others), end, count, waits)
        found = expect((yield command), lists.ListItems, self.name)
        return found.list, list(found.messages)

    def move(
        self, target: str, *, take: str = RIGHT, put: str = LEFT, wait_ms: int = 0
    ) -> Asks[Delivery | None]:
        """Take the message at one end and put it at an end of another list, or of this one, in one
        atomic step; the message in its new place, `None` where there was none for `wait_ms`.

        Raises `WrongKind`, `QueueFull`, `NoSpace`, `MessageTooLarge`.
        """
        waits = duration(wait_ms, "wait_ms") or 0
        command = lists.ListMove(self.name, target, take, put, waits)
        found = expect((yield command), lists.ListItems, self.name).messages
        return found[0] if found else None

    def length(self) -> Asks[int]:
        """How many messages are ready. Raises `WrongKind`."""
        found = expect((yield lists.DescribeList(self.name)), ListDescribed, self.name)
        return found.length

    def info(self) -> Asks[ListDescribed]:
        """Its length, its main end, and whether it goes when it is empty. Raises `WrongKind`."""
        return expect((yield lists.DescribeList(self.name)), ListDescribed, self.name)

    def range(self, first: int = 0, last: int = -1) -> Asks[Messages]:
        """The messages from index `first` to index `last`, both included, left to right; negative
        ones count from the right, -1 being the last. They stay.

        Raises `WrongKind`, `TooMany` where they are more than a hundred thousand.
        """
        command = lists.ListRange(self.name, first, last)
        return list(expect((yield command), lists.ListItems, self.name).messages)

    def get(self, index: int) -> Asks[Delivery | None]:
        """The message at an index, or `None`. It stays. Raises `WrongKind`."""
        command = lists.ListRange(self.name, index, index)
        found = expect((yield command), lists.ListItems, self.name).messages
        return found[0] if found else None

    def set(self, index: int, body: Body, *, headers: Headers | None = None) -> Asks[None]:
        """Put another message in the place of the one at an index. Raises `QueueNotFound`,
        `OffsetOutOfRange`, `WrongKind`, `TooMany`.
        """
        command = lists.ListSet(self.name, index, bytes_of(body), _head(headers))
        expect((yield command), replies.Done, self.name)

    def insert(
        self, pivot: Body, body: Body, *, after: bool = False, headers: Headers | None = None
    ) -> Asks[int]:
        """Put a message to the left of the leftmost whose body is `pivot`, or `after` it to the
        right; how many are there now, -1 where there is no such body, 0 where there is no list.

        Raises `WrongKind`, `QueueFull`, `TooMany` where the list is longer than one search goes.
        """
        command = lists.ListInsert(
            self.name, bytes_of(pivot), bytes_of(body), not after, _head(headers)
        )
        return expect((yield command), lists.ListLength, self.name).length

    def remove(self, body: Body, count: int = 0) -> Asks[int]:
        """Drop messages with this body: the first `count` from the left, the first `-count` from
        the right, or all of them; how many. Raises `WrongKind`, `TooMany` as `insert`.
        """
        command = lists.ListRemove(self.name, bytes_of(body), count)
        return expect((yield command), lists.ListRemoved, self.name).count

    def trim(self, first: int, last: int) -> Asks[int]:
        """Drop all messages but those from index `first` to index `last`; how many. Raises
        `WrongKind`, `TooMany` where they are more than a million.
        """
        command = lists.ListTrim(self.name, first, last)
        return expect((yield command), lists.ListRemoved, self.name).count

    def find(self, body: Body, *, rank: int = 1, count: int = 1) -> Asks[tuple[int, ...]]:
        """The indexes of up to `count` messages with this body (0: all of them), from the one of
        `rank` on: 1 is the first from the left, -1 the first from the right.

        Raises `WrongKind`, `BadCommand`, `TooMany` as `insert`.
        """
        command = lists.ListPosition(self.name, bytes_of(body), rank, count)
        return expect((yield command), lists.ListPositions, self.name).positions

    def _push(
        self, end: str, bodies: tuple[Body, ...], headers: Headers | None, only_if_exists: bool
    ) -> Asks[int]:
        head = _head(headers)
        heads = [head] * len(bodies) if head else None
        command = lists.ListPush(self.name, end, list(map(bytes_of, bodies)), heads, only_if_exists)
        return expect((yield command), lists.ListLength, self.name).length

    def _pop(self, end: str, count: int, wait_ms: int) -> Asks[Messages]:
        command = lists.ListPop((self.name,), end, count, duration(wait_ms, "wait_ms") or 0)
        return list(expect((yield command), lists.ListItems, self.name).messages)


def _head(headers: Headers | None) -> bytes:
    return head_of(headers, None, None, None)


class List:
    """A queue seen as a list: both its ends, and what lies between.

    Each call is one atomic step, durable when it returns.
    """

    def __init__(self, name: str, run: Runs) -> None:
        """Use `Broker.list`."""
        self._operations = ListOperations(name)
        self._run = run

    push_left = blocking(ListOperations.push_left)
    push_right = blocking(ListOperations.push_right)
    pop_left = blocking(ListOperations.pop_left)
    pop_right = blocking(ListOperations.pop_right)
    pop_first = blocking(ListOperations.pop_first)
    move = blocking(ListOperations.move)
    length = blocking(ListOperations.length)
    info = blocking(ListOperations.info)
    range = blocking(ListOperations.range)
    get = blocking(ListOperations.get)
    set = blocking(ListOperations.set)
    insert = blocking(ListOperations.insert)
    remove = blocking(ListOperations.remove)
    trim = blocking(ListOperations.trim)
    find = blocking(ListOperations.find)

    @property
    def later(self) -> ListOperations:
        """The operations as they are, for `broker.batch` or a program of `broker.run`."""
        return self._operations


class AsyncList:
    """A queue seen as a list: both its ends, and what lies between.

    Each call is one atomic step, durable when it has been awaited.
    """

    def __init__(self, name: str, run: RunsLater) -> None:
        """Use `AsyncBroker.list`."""
        self._operations = ListOperations(name)
        self._run = run

    push_left = awaited(ListOperations.push_left)
    push_right = awaited(ListOperations.push_right)
    pop_left = awaited(ListOperations.pop_left)
    pop_right = awaited(ListOperations.pop_right)
    pop_first = awaited(ListOperations.pop_first)
    move = awaited(ListOperations.move)
    length = awaited(ListOperations.length)
    info = awaited(ListOperations.info)
    range = awaited(ListOperations.range)
    get = awaited(ListOperations.get)
    set = awaited(ListOperations.set)
    insert = awaited(ListOperations.insert)
    remove = awaited(ListOperations.remove)
    trim = awaited(ListOperations.trim)
    find = awaited(ListOperations.find)

    @property
    def later(self) -> ListOperations:
        """The operations as they are, for `broker.batch` or a program of `broker.run`."""
        return self._operations
