"""What a Python program can do with a broker, each thing written once.

It stands between the faces and the model. The rule kept here: an operation yields commands and is
sent their replies, so that it knows neither threads nor loops; what it returns is what the caller
of either face gets.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Unpack, overload

from postroad.api.asks import Asks
from postroad.api.batch import BatchOperations, ask_all
from postroad.api.exchanges import ExchangeOperations
from postroad.api.history import HistoryOperations
from postroad.api.messages import (
    PLAIN,
    Body,
    CommonOptions,
    MessageOptions,
    Outgoing,
    publish_all,
    publish_one,
)
from postroad.api.options import QueueOptions, duration, queue_settings
from postroad.api.places import Place, places_of
from postroad.api.pushes import PushOperations
from postroad.api.receipts import (
    Batch,
    Names,
    Receipts,
    are_deliveries,
    batch_of_deliveries,
    batches,
    listed,
    one_queue,
    opened,
    seal,
)
from postroad.api.refusals import expect
from postroad.api.rounds import group_states
from postroad.api.schedules import ScheduleOperations
from postroad.api.schemas import SchemaOperations
from postroad.errors import BadCommand, LeaseLost
from postroad.limits import PAGE_NAMES
from postroad.model import commands, replies
from postroad.model.commands import ACK, REJECT, RELEASE, RETRY
from postroad.model.message import Delivery
from postroad.model.policy import QueueSettings
from postroad.model.replies import Described, PeekedMessage, Reply, Why
from postroad.model.rounds import GroupState
from postroad.model.topics import ListTopics

Several = list[str] | tuple[str, ...]
"""Queue names that get the same messages."""

_NO_SETTINGS: Final = QueueSettings()


class Operations(
    SchemaOperations,
    ScheduleOperations,
    ExchangeOperations,
    BatchOperations,
    HistoryOperations,
    PushOperations,
):
    """Every operation; it remembers the names of the queues it met, and of those it is told of by
    `learn`."""

    def __init__(self) -> None:
        self._names = Names()
        self.learn = self._names.learn

    def declare(
        self,
        queue: str,
        /,
        *,
        labels: dict[str, str] | None = None,
        **settings: Unpack[QueueOptions],
    ) -> Asks[bool]:
        """Make a queue exist; true when it did not before.

        Declaring it again is fine as long as the settings named here agree with those it has.
        Raises `SettingsDiffer`, `BadSettings`, `BadName`.
        """
        wanted = queue_settings(settings, _NO_SETTINGS, queue)
        command = commands.DeclareQueue(queue, wanted, None, labels, tuple(settings))
        declared = expect((yield command), replies.Declared, queue)
        self._names.learn(declared.queue, queue)
        return declared.created

    def change(
        self,
        queue: str,
        /,
        *,
        labels: dict[str, str | None] | None = None,
        **settings: Unpack[QueueOptions],
    ) -> Asks[None]:
        """Set settings and labels of a queue; those not named stay, a label of `None` is removed.

        Raises `QueueNotFound`, `BadSettings`.
        """
        wanted = queue_settings(settings, _NO_SETTINGS, queue) if settings else None
        command = commands.ChangeQueue(queue, wanted, None, labels, tuple(settings))
        expect((yield command), replies.Done, queue)

    def pause(self, queue: str) -> Asks[None]:
        """Deliver nothing from a queue until `resume`; publishing and settling go on. Raises
        `QueueNotFound`.
        """
        command = commands.ChangeQueue(queue, QueueSettings(paused=True), only=("paused",))
        expect((yield command), replies.Done, queue)

    def resume(self, queue: str) -> Asks[None]:
        """Deliver from a paused queue again; who waits is served. Raises `QueueNotFound`."""
        command = commands.ChangeQueue(queue, QueueSettings(), only=("paused",))
        expect((yield command), replies.Done, queue)

    def delete(self, queue: str) -> Asks[None]:
        """Remove a queue and all it holds. Raises `QueueNotFound`."""
        expect((yield commands.DeleteQueue(queue)), replies.Done, queue)
        self._names.forget(queue)

    def purge(self, queue: str) -> Asks[int]:
        """Drop every message of a queue, the leased ones too; how many they were. Raises
        `QueueNotFound`.
        """
        return expect((yield commands.PurgeQueue(queue)), replies.Purged, queue).count

    def describe(self, queue: str) -> Asks[Described]:
        """Settings of a queue, and how many messages are ready, delayed, leased and dead. Raises
        `QueueNotFound`.
        """
        return expect((yield commands.DescribeQueue(queue)), Described, queue)

    def queues(self, prefix: str = "") -> Asks[list[str]]:
        """The names of all queues that start with `prefix`, in order."""
        names: list[str] = []
        more = True
        while more:
            after = names[-1] if names else ""
            page = expect((yield commands.ListQueues(prefix, after, PAGE_NAMES)), replies.Listed)
            names.extend(page.names)
            more = page.more
        return names

    def groups(self, *, states: Sequence[str] = ()) -> Asks[list[GroupState]]:
        """The groups that remember offsets, in order of their names, with their states; `states`:
        only those in one of them.
        """
        return (yield from group_states(states))

    def topics(self, prefix: str = "") -> Asks[list[str]]:
        """The names of all topics that start with `prefix`, in order."""
        names: list[str] = []
        more = True
        while more:
            after = names[-1] if names else ""
            page = expect((yield ListTopics(prefix, after, PAGE_NAMES)), replies.Listed)
            names.extend(page.names)
            more = page.more
        return names

    @overload
    def publish(self, queue: str, body: Body, **options: Unpack[MessageOptions]) -> Asks[Place]: ...
    @overload
    def publish(
        self, queue: Several, body: Body, **options: Unpack[MessageOptions]
    ) -> Asks[list[Place]]: ...
    def publish(
        self, queue: str | Several, body: Body, **options: Unpack[MessageOptions]
    ) -> Asks[Place | list[Place]]:
        """Publish a message to a queue, or to several at once; returns, when it is durable, its
        identity there.

        To several: all of them get it or none, in one atomic step, and the body is stored once.
        Options: `headers`. `delay_ms`: ready only after so long (`None`: the queue's own delay).
        `ttl_ms`: gone when nobody has taken it by then. `key`, `dedup_id`, `priority`: as in
        `Outgoing`; where the id is known the identity is that of the message which came first, and
        its `known` says so. Raises `QueueNotFound`, `QueueFull`, `MessageTooLarge`, `NoSpace`.
        """
        single = isinstance(queue, str)
        queues = (queue,) if isinstance(queue, str) else tuple(queue)
        command = publish_one(queues, Outgoing(body, **options))
        places = places_of(expect((yield command), replies.Published, ", ".join(queues)), 1)
        return places[0] if single else places

    @overload
    def publish_many(
        self, queue: str, messages: Sequence[Body | Outgoing], **options: Unpack[CommonOptions]
    ) -> Asks[Place]: ...
    @overload
    def publish_many(
        self, queue: Several, messages: Sequence[Body | Outgoing], **options: Unpack[CommonOptions]
    ) -> Asks[list[Place]]: ...
    def publish_many(
        self,
        queue: str | Several,
        messages: Sequence[Body | Outgoing],
        **options: Unpack[CommonOptions],
    ) -> Asks[Place | list[Place]]:
        """Publish messages to a queue, or to several, in one atomic step; returns the identity of
        the first (in each).

        The others follow it: their offsets are consecutive, unless some were known by their
        `dedup_id`; the `offsets` and `known` of what is returned tell. Options are as those of
        `publish`, for the messages that are no `Outgoing` with their own. Raises as `publish` does.
        """
        single = isinstance(queue, str)
        queues = (queue,) if isinstance(queue, str) else tuple(queue)
        common = Outgoing(b"", **options) if options else PLAIN
        command = publish_all(queues, messages, common)
        reply = expect((yield command), replies.Published, ", ".join(queues))
        places = places_of(reply, len(messages))
        return places[0] if single else places

    def receive(
        self,
        queue: str,
        count: int = 1,
        *,
        wait_ms: int | None = None,
        lease_ms: int | None = None,
    ) -> Asks[list[Delivery]]:
        """Lease up to `count` ready messages; with none ready, wait up to `wait_ms` for the first
        of them.

        `None` is the queue's own wait and lease time. Nothing within the wait is an empty list. A
        lease that is not settled in time lapses, and the message is ready again. Raises
        `QueueNotFound`, `TooManyLeased`.
        """
        duration(wait_ms, "wait_ms")
        command = commands.Receive(queue, count, duration(lease_ms, "lease_ms"), wait_ms)
        messages = expect((yield command), replies.Received, queue).messages
        if messages:
            self._names.learn(messages[0].queue, queue)
        return messages

    def pop(
        self, queue: str, count: int = 1, *, wait_ms: int | None = None
    ) -> Asks[list[Delivery]]:
        """Take up to `count` messages for good, without lease: at most once. Waits as `receive`."""
        command = commands.Pop(queue, count, duration(wait_ms, "wait_ms"))
        return expect((yield command), replies.Received, queue).messages

    def ack(self, messages: Receipts) -> Asks[None]:
        """The work is done: these messages are gone for good once this returns.

        A message whose lease lapsed can still be acked while nobody else received it since. Raises
        `LeaseLost` with those that could not be acked; the others are.
        """
        return self._settle(messages, ACK, None)

    def release(self, messages: Receipts) -> Asks[None]:
        """Give messages back to their places at once, not counted as a delivery. Raises
        `LeaseLost`.
        """
        return self._settle(messages, RELEASE, None)

    def retry(
        self, messages: Receipts, after_ms: int | None = None, *, failure: str = ""
    ) -> Asks[None]:
        """The work failed: ready again after `after_ms`, or when the queue's retry policy says;
        counted as a delivery.

        After `deliveries_max` of them a message is dead. `failure`: what went wrong, 4,096
        characters at most; the dead letter has it as its `failure`, and in the header
        `postroad-failure`. Raises `LeaseLost`.
        """
        return self._settle(messages, RETRY, duration(after_ms, "after_ms"), failure)

    def reject(self, messages: Receipts, *, failure: str = "") -> Asks[None]:
        """Give up: to the dead-letter queue now, or dropped where there is none. `failure` as in
        `retry`. Raises `LeaseLost`.
        """
        return self._settle(messages, REJECT, None, failure)

    def extend(self, messages: Receipts, lease_ms: int) -> Asks[None]:
        """Let leases end `lease_ms` from now; receipts stay good. Raises `LeaseLost`."""
        duration(lease_ms, "lease_ms")
        sorted_out = self._sorted(messages)
        asked = [
            commands.Extend(one.queue, one.offsets, one.leases, lease_ms, one.queue_id)
            for one in sorted_out
        ]
        _complain(sorted_out, (yield from ask_all(asked)))

    def receipt(self, message: Delivery) -> str:
        """A message's receipt as text: kept anywhere, it settles the message later, after a restart
        too.
        """
        receipt = opened((message,), self._names)[0]
        return seal(message, receipt.name)

    def peek(
        self, queue: str, start: int = 0, count: int = 10, *, states: Sequence[str] = ()
    ) -> Asks[list[PeekedMessage]]:
        """Look at up to `count` messages (1,000 at most) from offset `start` on, without touching
        them.

        `states`: only those that are `ready`, `delayed`, `leased` or `dead`; with `settled` also
        those that are kept. Raises `QueueNotFound`.
        """
        unknown = set(states) - {"ready", "delayed", "leased", "dead", "settled"}
        if unknown or isinstance(states, str):
            raise BadCommand("states are some of ready, delayed, leased, dead, settled", queue)
        command = commands.Peek(queue, start, count, tuple(states))
        return expect((yield command), replies.Peeked, queue).messages

    def _settle(
        self, messages: Receipts, outcome: int, after_ms: int | None, failure: str = ""
    ) -> Asks[None]:
        sorted_out = self._sorted(messages)
        asked = []
        for one in sorted_out:
            columns = (one.offsets, one.leases, one.counts)
            command = commands.Settle(one.queue, *columns, outcome, after_ms, False, one.queue_id)
            command = replace(command, failure=failure) if failure else command
            asked.append(command)
        if len(asked) == 1:
            reply = yield asked[0]
            if not isinstance(reply, replies.Settled) or reply.failed:
                _complain(sorted_out, [reply])
            return
        _complain(sorted_out, (yield from ask_all(asked)))

    def _sorted(self, messages: Receipts) -> list[Batch]:
        """What to settle, by queue."""
        given = listed(messages)
        if are_deliveries(given):
            name = self._names.find(one_queue(given))
            if name is not None:
                return [batch_of_deliveries(given, name)]
        return batches(given, opened(given, self._names))


_QUEUE_GONE = (Why.NO_SUCH_QUEUE, Why.NO_SUCH_LEASE)
"""No queue has the name of these messages' queue now, or another has."""


def _failed(batch: Batch, reply: Reply) -> list[Delivery | str]:
    """Those of a batch that could not be settled."""
    if isinstance(reply, replies.Refused) and reply.why in _QUEUE_GONE:
        return list(batch.given)
    settled = expect(reply, replies.Settled, batch.queue)
    return [batch.given[at] for at, _ in settled.failed]


def _complain(sorted_out: list[Batch], answers: list[Reply]) -> None:
    failed: list[Delivery | str] = []
    for batch, reply in zip(sorted_out, answers, strict=True):
        failed.extend(_failed(batch, reply))
    if failed:
        raise LeaseLost(failed=failed)
