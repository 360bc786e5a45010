"""What a Python program can do with what settled, what nobody has received yet, and by moves.

It stands beside `operations`, of which it is a part. The rule kept here: as there, an operation
yields commands and is sent their replies; each command is one atomic step.
"""

from collections.abc import Sequence
from typing import TypedDict, Unpack

from postroad.api.asks import Asks, Identity
from postroad.api.exchanges import Policy, policy_text
from postroad.api.messages import Body, Headers, bytes_of, head_of
from postroad.api.refusals import expect
from postroad.errors import BadCommand
from postroad.model import commands, replies
from postroad.model.choices import Edit, Which
from postroad.model.filters import ATTRIBUTES
from postroad.model.history import (
    Cancel,
    Cancelled,
    DescribeMessage,
    MessageDescribed,
    PutBack,
    Reschedule,
)
from postroad.model.replies import Moved, TaskInfo

STATES = ("ready", "delayed", "settled")


class Choice(TypedDict, total=False):
    """Which messages, and what becomes of them on the way. `filter`: a policy on headers, or with
    `filter_scope="body"` on the body; times in ms since 1970, the end not included; `ids`: the
    identities of messages. `body`: another body for all of them; `headers`: headers to set;
    `remove_headers`: names of those to remove."""

    filter: Policy
    filter_scope: str
    published_from_ms: int
    published_to_ms: int
    settled_from_ms: int
    settled_to_ms: int
    ids: Sequence[Identity]
    body: Body
    headers: Headers
    remove_headers: Sequence[str]


class HistoryOperations:
    """Moves, time travel, biographies, and a change of mind about messages."""

    def move(
        self,
        source: str,
        target: str | None = None,
        *,
        count: int = 1_000,
        offsets: Sequence[int] | None = None,
        states: Sequence[str] = ("ready",),
        **choice: Unpack[Choice],
    ) -> Asks[int]:
        """Move up to `count` messages that are in one of `states` and chosen, or those at
        `offsets`; how many it were.

        Without a choice it is one atomic step of at most 1,000 messages; with one as many steps as
        it takes to find them. Without a target each goes back to the queue it was moved from last.
        Of `states` ready and delayed go together, settled alone. Raises `QueueNotFound`, `NoSpace`,
        `BadFilter`.
        """
        chosen = None if offsets is None else tuple(offsets)
        which, edit = _choice(source, choice)
        start = moved = 0
        while True:
            wanted = _states(source, states)
            left = count - moved
            command = commands.Move(source, target, left, chosen, wanted, start, which, edit)
            step = expect((yield command), Moved, source)
            moved += step.count
            start = step.next_offset
            if not choice or not start or moved >= count:
                return moved

    def would_move(
        self,
        source: str,
        target: str | None = None,
        *,
        count: int = 1_000,
        states: Sequence[str] = ("ready",),
        **choice: Unpack[Choice],
    ) -> Asks[list[int]]:
        """The offsets of the messages that `move` would move; nothing is changed."""
        which, edit = _choice(source, choice)
        found: list[int] = []
        start = 0
        while True:
            wanted = _states(source, states)
            left = count - len(found)
            command = commands.Move(source, target, left, None, wanted, start, which, edit, True)
            step = expect((yield command), Moved, source)
            found.extend(step.offsets)
            start = step.next_offset
            if not start or len(found) >= count:
                return found

    def start_move(
        self,
        source: str,
        target: str | None = None,
        *,
        per_second: int | None = None,
        settled: bool = False,
        **choice: Unpack[Choice],
    ) -> Asks[int]:
        """Move what `source` holds now and is chosen in the background, also across restarts; the
        number of the task.

        `settled`: what had settled and is kept, in place of what is ready. Raises `QueueNotFound`,
        `TaskRunning`, `BadFilter`.
        """
        which, edit = _choice(source, choice)
        command = commands.StartMoveTask(source, target, per_second, settled, which, edit)
        return expect((yield command), replies.TaskStarted, source).task

    def cancel_move(self, task: int) -> Asks[int]:
        """Stop a background move; how many it had moved. Raises `TaskNotFound`."""
        return expect((yield commands.CancelMoveTask(task)), replies.TaskStopped).moved

    def moves(self, source: str, count: int = 10) -> Asks[list[TaskInfo]]:
        """The background moves from a queue, newest first. Raises `QueueNotFound`."""
        return expect((yield commands.ListMoveTasks(source, count)), replies.TasksListed).tasks

    def put_back(
        self,
        queue: str,
        *,
        count: int = 1_000,
        offsets: Sequence[int] | None = None,
        **choice: Unpack[Choice],
    ) -> Asks[int]:
        """Publish up to `count` settled messages again, at the end of their queue, those at
        `offsets` or those chosen; how many it were.

        The queue keeps what settled for `keep_settled_ms`. Each message begins a new life, and is
        kept as settled no more; asking again puts nothing back twice. One atomic step per 1,000
        messages. Raises `QueueNotFound`, `NoSpace`, `BadFilter`.
        """
        chosen = None if offsets is None else tuple(offsets)
        which, edit = _choice(queue, choice)
        start = moved = 0
        while True:
            command = PutBack(queue, count - moved, chosen, start, which, edit)
            step = expect((yield command), Moved, queue)
            moved += step.count
            start = step.next_offset
            if not start or moved >= count:
                return moved

    def start_put_back(
        self, queue: str, *, per_second: int | None = None, **choice: Unpack[Choice]
    ) -> Asks[int]:
        """Put back all that is kept now and chosen, in the background, also across restarts; the
        number of the task, to be looked up by `moves`. Raises `QueueNotFound`, `TaskRunning`.
        """
        which, edit = _choice(queue, choice)
        command = commands.StartMoveTask(queue, None, per_second, True, which, edit)
        return expect((yield command), replies.TaskStarted, queue).task

    def cancel(self, queue: str, offsets: Sequence[int]) -> Asks[Cancelled]:
        """Drop messages that are ready or delayed, at most 1,000; what was leased, dead or gone is
        `missing` in the answer. Raises `QueueNotFound`.
        """
        return expect((yield Cancel(queue, tuple(offsets))), Cancelled, queue)

    def reschedule(self, queue: str, offsets: Sequence[int], after_ms: int = 0) -> Asks[Cancelled]:
        """Let messages that are ready or delayed be ready `after_ms` from now, at most 1,000; what
        was leased, dead or gone is `missing`. Raises `QueueNotFound`, `BadCommand` for FIFO queues.
        """
        return expect((yield Reschedule(queue, tuple(offsets), after_ms)), Cancelled, queue)

    def biography(self, queue: str, offset: int) -> Asks[MessageDescribed]:
        """What is known of one message: state, first place, deaths in other queues, and its last
        returns. Raises `QueueNotFound`, `MessageNotFound`.
        """
        return expect((yield DescribeMessage(queue, offset)), MessageDescribed, queue)


def _states(queue: str, states: Sequence[str]) -> tuple[str, ...]:
    if isinstance(states, str) or not states or set(states) - set(STATES):
        raise BadCommand("states are ready, delayed or both, or settled", queue)
    return tuple(states)


def _choice(queue: str, choice: Choice) -> tuple[Which | None, Edit | None]:
    unknown = sorted(set(choice) - set(Choice.__annotations__))
    if unknown:
        raise TypeError(f"a move has no `{unknown[0]}`")
    edit = None
    if "body" in choice or "headers" in choice or "remove_headers" in choice:
        edit = Edit(
            bytes_of(choice["body"]) if "body" in choice else None,
            head_of(choice["headers"], None, None, None) if "headers" in choice else b"",
            tuple(choice.get("remove_headers", ())),
        )
    if not set(choice) - {"body", "headers", "remove_headers"}:
        return None, edit
    which = Which(
        policy_text(choice["filter"], queue) if "filter" in choice else "",
        choice.get("filter_scope", ATTRIBUTES),
        choice.get("published_from_ms", 0),
        choice.get("published_to_ms", 0),
        choice.get("settled_from_ms", 0),
        choice.get("settled_to_ms", 0),
        tuple((one[0], one[1]) for one in choice.get("ids", ())),
    )
    return which, edit
