"""What a Python program can do with a group that leases, each thing written once, and its faces.

It stands beside the faces of a topic. The rule kept here: a consumer is a name, and what it holds
is settled by whoever has the receipt.
"""

from collections.abc import Callable, Sequence

from postroad.api.asks import Asks
from postroad.api.faces import Runs, RunsLater, awaited, blocking
from postroad.api.options import duration
from postroad.api.refusals import expect
from postroad.model import claims, groups, replies
from postroad.model.claims import ConsumerInfo, LeaseInfo, LeasesCounted
from postroad.model.commands import SESSION_LEASE
from postroad.model.message import Delivery
from postroad.model.value import value

UNTIL_SETTLED = SESSION_LEASE
"""A `lease_ms` that means: until it is settled or claimed by another, restarts or not."""


@value
class Claim:
    """What was claimed; `next_offset`: where to go on, 0 at the end; `gone`: offsets that were
    leased, and that the log has forgotten."""

    messages: list[Delivery]
    next_offset: int
    gone: tuple[int, ...]


class CrewOperations:
    """Every operation on a group that leases from a topic; claims and lists are of one partition.
    `learn`: told of the queues that settle what it leased."""

    def __init__(
        self, topic: str, group: str, partition: int, learn: Callable[[int, str], None]
    ) -> None:
        self.topic = topic
        self.group = group
        self.partition = partition
        self._learn = learn
        self._known: set[int] = set()

    def receive(
        self,
        consumer: str,
        count: int = 1,
        *,
        wait_ms: int = 0,
        lease_ms: int | None = None,
    ) -> Asks[list[Delivery]]:
        """Lease up to `count` messages of any partition in the name of a consumer, which is made
        where it is not there. `lease_ms`: `UNTIL_SETTLED`, or the group's own. Raises
        `GroupNotFound`, `BadName`.
        """
        lease = _lease(lease_ms)
        command = groups.ReceiveShare(self.topic, self.group, count, lease, wait_ms, None, consumer)
        messages = expect((yield command), replies.Received, self.topic).messages
        yield from self._meet(messages)
        return messages

    def claim(
        self,
        consumer: str,
        offsets: Sequence[int],
        *,
        idle_ms: int = 0,
        lease_ms: int | None = None,
        force: bool = False,
    ) -> Asks[Claim]:
        """Take over what others lease, by offsets, if it was leased at least `idle_ms` ago; their
        receipts are good for nothing after. `force`: take what is ready too. Raises
        `GroupNotFound`.
        """
        command = claims.ClaimLeases(
            self.topic,
            self.group,
            tuple(offsets),
            consumer,
            self.partition,
            duration(idle_ms, "idle_ms") or 0,
            _lease(lease_ms),
            force=force,
        )
        return (yield from self._claimed((yield command)))

    def claim_idle(
        self,
        consumer: str,
        idle_ms: int,
        count: int = 100,
        *,
        start: int = 0,
        of: str | None = None,
        lease_ms: int | None = None,
    ) -> Asks[Claim]:
        """Take over up to `count` messages that were leased at least `idle_ms` ago, in order of
        their offsets from `start` on. `of`: only what that consumer holds; with its own name and
        `idle_ms=0` a consumer that was started anew has what it held. Raises `GroupNotFound`.
        """
        command = claims.ClaimIdle(
            self.topic,
            self.group,
            consumer,
            self.partition,
            duration(idle_ms, "idle_ms") or 0,
            start,
            count,
            _lease(lease_ms),
            of,
        )
        return (yield from self._claimed((yield command)))

    def leases(
        self,
        *,
        start: int = 0,
        end: int | None = None,
        count: int = 100,
        consumer: str | None = None,
        idle_ms: int = 0,
    ) -> Asks[list[LeaseInfo]]:
        """What is leased in a partition, without bodies, at most `count`; for more go on after the
        last one's offset. Raises `GroupNotFound`, `PartitionNotFound`.
        """
        found: list[LeaseInfo] = []
        while True:
            left = count - len(found)
            command = claims.ListLeases(
                self.topic, self.group, self.partition, start, end, left, consumer, idle_ms
            )
            listed = expect((yield command), claims.LeasesListed, self.topic)
            found.extend(listed.leases)
            if not listed.next_offset or len(found) >= count:
                return found
            start = listed.next_offset

    def leased(self) -> Asks[LeasesCounted]:
        """How much is leased in a partition, from where to where, and by whom. Raises
        `GroupNotFound`, `PartitionNotFound`.
        """
        command = claims.CountLeases(self.topic, self.group, self.partition)
        return expect((yield command), LeasesCounted, self.topic)

    def declare_consumer(self, consumer: str) -> Asks[bool]:
        """Make a consumer exist; true when it did not. Raises `GroupNotFound`, `BadName`."""
        command = claims.DeclareConsumer(self.topic, self.group, consumer)
        return expect((yield command), claims.ConsumerDeclared, self.topic).created

    def consumers(self) -> Asks[list[ConsumerInfo]]:
        """The consumers in order of their names, how much each holds and when it last asked. Raises
        `GroupNotFound`.
        """
        found: list[ConsumerInfo] = []
        while True:
            after = found[-1].consumer if found else ""
            command = claims.ListConsumers(self.topic, self.group, after)
            listed = expect((yield command), claims.ConsumersListed, self.topic)
            found.extend(listed.consumers)
            if not listed.more:
                return found

    def delete_consumer(self, consumer: str, *, dropped: bool = False) -> Asks[int]:
        """Remove a consumer; what it holds goes back to its place, or is `dropped` as if acked. How
        many messages that were. Raises `GroupNotFound`, `ConsumerNotFound`.
        """
        settled = 0
        while True:
            command = claims.DeleteConsumer(self.topic, self.group, consumer, dropped)
            done = expect((yield command), claims.ConsumerDeleted, self.topic)
            settled += done.settled
            if not done.left:
                return settled

    def _claimed(self, reply: replies.Reply) -> Asks[Claim]:
        received = expect(reply, replies.Received, self.topic)
        yield from self._meet(received.messages)
        return Claim(received.messages, received.next_offset, received.gone)

    def _meet(self, messages: list[Delivery]) -> Asks[None]:
        """Know the queues that settle these messages."""
        if not messages or messages[0].queue in self._known:
            return
        command = groups.DescribeGroup(self.group, self.topic)
        described = expect((yield command), groups.GroupDescribed, self.topic)
        for part in described.parts:
            self._known.add(part.queue)
            self._learn(part.queue, groups.share_name(self.topic, self.group, part.partition))


def _lease(lease_ms: int | None) -> int | None:
    return lease_ms if lease_ms == UNTIL_SETTLED else duration(lease_ms, "lease_ms")


class Crew:
    """Consumers with names that share a group of mode lease: each message is one's, until it is
    settled, claimed by another, or its lease lapses."""

    def __init__(self, operations: CrewOperations, run: Runs) -> None:
        """Use `Topic.crew`."""
        self._operations = operations
        self._run = run

    receive = blocking(CrewOperations.receive)
    claim = blocking(CrewOperations.claim)
    claim_idle = blocking(CrewOperations.claim_idle)
    leases = blocking(CrewOperations.leases)
    leased = blocking(CrewOperations.leased)
    declare_consumer = blocking(CrewOperations.declare_consumer)
    consumers = blocking(CrewOperations.consumers)
    delete_consumer = blocking(CrewOperations.delete_consumer)


class AsyncCrew:
    """Consumers with names, for the tasks of one event loop; as `Crew`."""

    def __init__(self, operations: CrewOperations, run: RunsLater) -> None:
        """Use `AsyncTopic.crew`."""
        self._operations = operations
        self._run = run

    receive = awaited(CrewOperations.receive)
    claim = awaited(CrewOperations.claim)
    claim_idle = awaited(CrewOperations.claim_idle)
    leases = awaited(CrewOperations.leases)
    leased = awaited(CrewOperations.leased)
    declare_consumer = awaited(CrewOperations.declare_consumer)
    consumers = awaited(CrewOperations.consumers)
    delete_consumer = awaited(CrewOperations.delete_consumer)
