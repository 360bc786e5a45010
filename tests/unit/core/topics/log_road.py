"""A road with topics: what tests of topics and groups say again and again."""

from collections.abc import Sequence
from typing import Any

from postroad.core.load import canonical
from postroad.core.topics.log import Partition
from postroad.model import groups, topics
from postroad.model.message import Delivery
from postroad.model.replies import Received, Refused, Why
from tests.unit.core.road import Road, replayed


class LogRoad(Road):
    """Asks about topics in few words; `check` compares with a replay and with a checkpoint."""

    def topic(self, name: str = "t", partitions: int = 1, **settings: Any) -> None:
        command = topics.DeclareTopic(name, partitions, topics.TopicSettings(**settings))
        assert isinstance(self.ask(command), topics.TopicDeclared)

    def log(self, name: str = "t", number: int = 0) -> Partition:
        found = self.state.topics.partition_of(self.state.topics.by_name[name], number)
        assert found is not None
        return found

    def append(self, *bodies: bytes, to: str = "t", **more: Any) -> topics.Appended:
        done = self.ask(topics.Append(to, bodies, **more))
        assert isinstance(done, topics.Appended), done
        return done

    def put(self, key: bytes, body: bytes | None, to: str = "t") -> None:
        """A message of a key; no body: a tombstone."""
        self.append(body or b"", to=to, keys=[key], tombstones=[body is None])

    def fetch(self, offset: int = 0, number: int = 0, to: str = "t", **more: Any) -> Any:
        """The part of one partition."""
        fetched = self.ask(topics.Fetch((topics.Span(to, number, offset),), **more))
        if fetched is None:
            return None
        assert isinstance(fetched, topics.Fetched), fetched
        return fetched.parts[0]

    def bodies(self, offset: int = 0, number: int = 0, to: str = "t") -> list[bytes]:
        """All there is from an offset on."""
        found: list[bytes] = []
        while True:
            part = self.fetch(offset, number, to, count=100_000, bytes_max=1 << 30)
            found.extend(message.body for message in part.messages)
            if part.next_offset == offset:
                return found
            offset = part.next_offset

    def find(self, at: int | str, number: int = 0, to: str = "t") -> int:
        found = self.ask(topics.FindOffset(to, number, at))
        assert isinstance(found, topics.OffsetFound), found
        return found.offset

    def share(
        self, group: str = "g", to: str = "t", start: int | str = "earliest", **more: Any
    ) -> None:
        from postroad.model.policy import QueueSettings

        done = self.ask(groups.DeclareGroup(to, group, QueueSettings(**more), start))
        assert isinstance(done, groups.GroupDeclared), done
        self.settle_down()

    def lease(self, count: int = 1, group: str = "g", to: str = "t", **more: Any) -> list[Delivery]:
        received = self.ask(groups.ReceiveShare(to, group, count, **more))
        assert isinstance(received, Received), received
        return received.messages

    def why(self, command: Any) -> Why:
        refused = self.ask(command)
        assert isinstance(refused, Refused), refused
        return refused.why

    def work(self) -> None:
        """Let the cleaner and all else that time does come to their end."""
        for _ in range(1_000):
            self.settle_down()
            due = self.core.next_due()
            if not due or due > self.now + 1:
                return
            self.now += 1
        raise AssertionError("time comes to an end")

    def check(self) -> None:
        super().check()
        self.check_checkpoint()

    def check_checkpoint(self) -> None:
        state = replayed(self.records())
        state.ledger.cut()
        while not state.ledger.pay_some(1 << 20):
            pass
        rows = {key: row for key, row in state.ledger.take().items() if row is not None}
        loaded = replayed([], rows.items())
        loaded.check()
        assert canonical(loaded) == canonical(self.state)


def bodies(messages: Sequence[Delivery]) -> list[bytes]:
    return [message.body for message in messages]
