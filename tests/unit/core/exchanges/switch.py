"""A core with queues and exchanges: what tests of routing drive."""

from collections.abc import Sequence

from postroad.core.load import canonical
from postroad.model import commands
from postroad.model.exchanges import (
    Bind,
    Bound,
    DeclareExchange,
    ExchangeSettings,
    PublishTo,
    Routed,
    Unbind,
)
from postroad.model.replies import Declared, Done, Refused, Why
from tests.unit.core.road import Road, replayed


class Switch:
    """A road with some queues."""

    def __init__(self, *queues: str) -> None:
        self.road = Road()
        for queue in queues:
            self.road.declare(queue)

    def exchange(self, name: str, kind: str, **settings: object) -> int:
        made = self.road.ask(DeclareExchange(name, ExchangeSettings(kind, **settings)))  # type: ignore[arg-type]
        assert isinstance(made, Declared), made
        return made.queue

    def bind(self, source: str, target: str, key: str = "", **more: object) -> int:
        bound = self.road.ask(Bind(source, target, key, **more))  # type: ignore[arg-type]
        assert isinstance(bound, Bound), bound
        return bound.binding

    def refused_bind(self, source: str, target: str, key: str = "", **more: object) -> Why:
        refused = self.road.ask(Bind(source, target, key, **more))  # type: ignore[arg-type]
        assert isinstance(refused, Refused), refused
        assert refused.text
        assert "\n" not in refused.text
        return refused.why

    def unbind(self, source: str, target: str, key: str = "", **more: object) -> None:
        assert self.road.ask(Unbind(source, target, key, **more)) == Done()  # type: ignore[arg-type]

    def delete_queue(self, name: str) -> None:
        assert self.road.ask(commands.DeleteQueue(name)) == Done()

    def send(self, exchange: str, body: str, key: str = "") -> Routed:
        return self.publish(exchange, [body], [key])

    def publish(
        self,
        exchange: str,
        bodies: Sequence[str],
        routing_keys: Sequence[str] = ("",),
        **more: object,
    ) -> Routed:
        routed = self.road.ask(self._command(exchange, bodies, routing_keys, more))
        assert isinstance(routed, Routed), routed
        return routed

    def refusal(
        self,
        exchange: str,
        bodies: Sequence[str],
        routing_keys: Sequence[str] = ("",),
        **more: object,
    ) -> Refused:
        refused = self.road.ask(self._command(exchange, bodies, routing_keys, more))
        assert isinstance(refused, Refused), refused
        return refused

    def _command(
        self, exchange: str, bodies: Sequence[str], keys: Sequence[str], more: dict[str, object]
    ) -> PublishTo:
        if "ordering_keys" in more:
            more = {**more, "keys": more["ordering_keys"]}
            del more["ordering_keys"]
        return PublishTo(exchange, keys, [one.encode() for one in bodies], **more)  # type: ignore[arg-type]

    def held(self) -> dict[str, list[str]]:
        """What is ready in each queue."""
        return {
            name: [
                one.message.body.decode()
                for one in self.road.peek(name, count=1_000)
                if one.state == "ready"
            ]
            for name in self.road.state.by_name
        }

    def drain(self) -> None:
        """All queues are emptied."""
        for name in self.road.state.by_name:
            self.road.ask(commands.PurgeQueue(name))

    def check(self) -> None:
        """The state holds together, and comes back from the journal and from rows."""
        self.road.settle_down()
        self.road.check()
        rows = self.road.cut()
        state = replayed([], rows.items())
        state.check()
        assert canonical(state) == canonical(self.road.state)
        self.road.core.touch_everything()
