"""A core in which three queues are many: what tests of fan-outs drive."""

from typing import Any

from postroad.core.fanouts.records import FanoutAdvanced, FanoutBegan
from postroad.model.exchanges import FANOUT, PublishTo, Routed
from postroad.model.replies import Reply
from tests.unit.core.exchanges.switch import Switch
from tests.unit.core.road import bodies_of

QUEUES = ("a", "b", "c", "d", "e")
MOST = 2


class Fans(Switch):
    """Five queues behind one exchange, of which two are work for a turn."""

    def __init__(self, **settings: dict[str, Any]) -> None:
        super().__init__()
        for name in QUEUES:
            self.road.declare(name, **settings.get(name, {}))
        self.small()
        self.exchange("all", FANOUT)
        for name in QUEUES:
            self.bind("all", name)

    def small(self) -> None:
        self.road.core.world.fanout_queues_max = MOST

    def begin(self, *bodies: bytes, **more: Any) -> int:
        """Publish to all; the number of the ask."""
        number = self.road.asked + 1
        assert self.road.ask(PublishTo("all", [""], list(bodies), **more)) is None
        return number

    def told(self, number: int) -> Reply | None:
        return next((reply for one, reply in self.road.told if one == number), None)

    def routed(self, number: int) -> Routed:
        reply = self.told(number)
        assert isinstance(reply, Routed), reply
        return reply

    def there(self) -> dict[str, list[bytes]]:
        """What each queue has now."""
        names = [name for name in QUEUES if name in self.road.state.by_name]
        return {name: [one.message.body for one in self.road.peek(name)] for name in names}

    def counts_of(self, queue: str) -> int:
        return self.road.queue(queue).pages.length

    def steps_of(self) -> list[type]:
        kinds = (FanoutBegan, FanoutAdvanced)
        return [type(one) for one in self.road.records() if isinstance(one, kinds)]

    def received(self, queue: str) -> list[bytes]:
        return bodies_of(self.road.receive(queue, 10))
