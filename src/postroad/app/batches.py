"""Batches of a reader: what its function is given, and how the one bad message is found.

It stands between the messages of a topic and a reader's function. The rule kept here: no I/O; the
parts of a batch come in the order of their messages, whatever failed among them.
"""

import inspect
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, get_args, get_origin

from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.api.topics import TopicMessage
from postroad.app.bodies import hints_of, value_reader
from postroad.app.company import check_count, commands_of
from postroad.app.outcomes import BadBody
from postroad.errors import BadWorker
from postroad.model.commands import Command
from postroad.model.value import value

_LISTS: Final = (list, Sequence)
_SPREAD: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class BatchContext:
    """One run of a reader's function.

    `messages`: those of the batch, with their partitions, offsets, keys and headers. `group`: whose
    reader it is. `attempt`: which run of these messages, from 1. `state`: what the app's lifespan
    yielded, else `None`. `later`: the operations of the broker, for `also`. `kept`: a dictionary
    for middleware and the function, of this run alone.
    """

    __slots__ = ("asked", "attempt", "group", "kept", "later", "messages", "state")

    def __init__(
        self,
        messages: list[TopicMessage],
        group: str,
        attempt: int,
        state: Any,
        later: Operations,
    ) -> None:
        self.messages = messages
        self.group = group
        self.attempt = attempt
        self.state = state
        self.later = later
        self.asked: list[Command] = []
        self.kept: dict[str, Any] = {}

    def also(self, *operations: Asks[Any]) -> None:
        """Have operations of `later` done in the step that commits the batch, all or nothing with
        it: `context.also(context.later.publish("alerts", body))`. Where the run fails none of them
        is done; where one is refused the run has failed.

        Raises `BadCommand` and `TypeError` for what cannot go with a commit.
        """
        commands = commands_of(operations)
        check_count(len(self.asked) + len(commands))
        self.asked.extend(commands)


@value
class Part:
    """Messages that are given to the function at once, and what their bodies say; or a single
    message whose body says nothing: `bad` is why; or tombstones, which have no value. `attempts`:
    runs that may fail; `None`: as many as the reader's retry policy grants."""

    messages: list[TopicMessage]
    values: list[Any]
    bad: BadBody | None = None
    attempts: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to give to the function."""
        return self.bad is None and not self.values


class Parts:
    """A batch on its way: parts that come one after another, halved where they fail."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._todo = deque(parts)

    def take(self) -> Part | None:
        """The next part, if there is one."""
        return self._todo.popleft() if self._todo else None

    def halve(self, part: Part) -> None:
        """A part of several failed: its halves come next, with one run each until a message stands
        alone.
        """
        middle = len(part.messages) // 2
        assert middle > 0, "one message has no halves"
        for half in (slice(middle, None), slice(0, middle)):
            messages, values = part.messages[half], part.values[half]
            attempts = None if len(messages) == 1 else 1
            self._todo.appendleft(Part(messages, values, None, attempts))


class BatchCodec:
    """How messages become what a reader's function takes.

    It takes a list: of `TopicMessage` (this is meant where nothing is said), of `bytes`, of `str`,
    or of anything that JSON can say; and a `BatchContext`, if it wants one. Raises `BadWorker`
    where it takes anything else.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        hints = hints_of(function, name)
        self._lists: list[str] = []
        self._contexts: list[str] = []
        element: Any = TopicMessage
        for one in inspect.signature(function).parameters.values():
            if one.kind in _SPREAD:
                raise BadWorker(f"reader `{name}` takes `{one}`, which no batch fills")
            hint = hints.get(one.name, list)
            if hint is BatchContext:
                self._contexts.append(one.name)
                continue
            self._lists.append(one.name)
            element = _element(hint, one.name, name)
        if len(self._lists) != 1 or len(self._contexts) > 1:
            raise BadWorker(f"reader `{name}` takes one list of messages, and a `BatchContext`")
        self._order = [one in self._contexts for one in inspect.signature(function).parameters]
        self._read = None if element is TopicMessage else value_reader(element, f"`{name}`")

    def parts(self, messages: list[TopicMessage]) -> list[Part]:
        """A batch in parts: those whose bodies can be read together, and each that cannot alone."""
        read = self._read
        if read is None:
            return [Part(messages, messages)]
        found: list[Part] = []
        good = Part([], [])
        for message in messages:
            if message.tombstone:
                found.extend((good, Part([message], [])))
                good = Part([], [])
                continue
            try:
                good.values.append(read(message.body))
            except BadBody as error:
                found.extend((good, Part([message], [], error)))
                good = Part([], [])
            else:
                good.messages.append(message)
        found.append(good)
        return [part for part in found if part.messages]

    def arguments(self, part: Part, context: BatchContext) -> tuple[Any, ...]:
        """What to call the function with."""
        return tuple(context if is_context else list(part.values) for is_context in self._order)


def _element(hint: Any, parameter: str, name: str) -> Any:
    """What a list is of."""
    if hint in _LISTS or hint is Any:
        return TopicMessage
    if get_origin(hint) in _LISTS:
        (element,) = get_args(hint)
        return TopicMessage if element is Any else element
    raise BadWorker(
        f"reader `{name}` is given lists of messages, and `{parameter}` is none: say"
        " `list[TopicMessage]`, or a list of what their bodies are"
    )
