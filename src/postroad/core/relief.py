"""What gives way after a command, in the same step.

One rule: only queues that something came to are looked at, and of those only the ones that refuse
nothing when they are full. Compiled by mypyc where possible.
"""

from collections.abc import Callable, Iterable, Sequence

from postroad.core import records as facts
from postroad.core.decide.overflow import overflow_records
from postroad.core.decision import World
from postroad.core.exchanges.source import ROUTED
from postroad.core.fanouts.records import FanoutBegan
from postroad.core.lists.decide import GROWING
from postroad.core.queue import Queue
from postroad.core.schedules.records import SlotsFired
from postroad.model import commands, history
from postroad.model.policy import OVERFLOW_REJECT
from postroad.model.schedules import FireSchedule

ROUTING = (*ROUTED, FireSchedule)
"""Commands of which only the facts tell which queues got something."""


class Relief:
    """Brings queues back under their limits; the facts are applied when they are returned."""

    def __init__(self, world: World, apply_all: Callable[[Sequence[facts.Record]], None]) -> None:
        self.world = world
        self._apply_all = apply_all

    def after(self, command: object, records: list[facts.Record]) -> list[facts.Record]:
        """What must follow a command that came to these facts."""
        if isinstance(command, commands.Publish):
            # What comes in slices makes others give way then.
            comes_later = self.world.state.fanouts.all and _has_begun(records)
            return [] if comes_later else self.of(command.queues)
        if isinstance(command, ROUTING):
            return self._all_of(self._giving_way(records), False)
        if isinstance(command, commands.ChangeQueue):
            return self.of((command.name,))
        if isinstance(command, GROWING):
            return self.of((command.list,))
        if isinstance(command, commands.Move | history.PutBack):
            return self.of_moved(records)
        return []

    def of(self, names: tuple[str, ...]) -> list[facts.Record]:
        """What gives way in queues of these names."""
        queues = [self.world.state.by_name[name] for name in names]
        giving = [queue for queue in queues if queue.settings.overflow != OVERFLOW_REJECT]
        return self._all_of(giving, False) if giving else []

    def of_time(self, records: list[facts.Record]) -> list[facts.Record]:
        """What gives way to messages that came by time alone."""
        if isinstance(records[-1], SlotsFired):
            return self._all_of(self._giving_way(records), False)
        return self.of_moved(records)

    def of_moved(self, records: list[facts.Record]) -> list[facts.Record]:
        """What gives way to messages that were moved."""
        queues = self._giving_way(records)
        return self._all_of(sorted(queues, key=_name), True)

    def of_reached(self) -> list[facts.Record]:
        """What gives way to the last slice of a fan-out."""
        state = self.world.state
        queues = [state.queues[id] for id, _ in state.fanouts.reached]
        giving = [queue for queue in queues if queue.settings.overflow != OVERFLOW_REJECT]
        return self._all_of(giving, False) if giving else []

    def _giving_way(self, records: list[facts.Record]) -> list[Queue]:
        shelves = dict.fromkeys([one.shelf for one in records if isinstance(one, facts.Published)])
        for record in records:
            if isinstance(record, FanoutBegan):
                shelves.pop(record.shelf, None)
        found: dict[int, Queue] = {}
        for shelf in shelves:
            for queue in self.world.state.targets_of(shelf):
                if queue.settings.overflow != OVERFLOW_REJECT:
                    found[queue.id] = queue
        return list(found.values())

    def _all_of(self, queues: Iterable[Queue], moved: bool) -> list[facts.Record]:
        found: list[facts.Record] = []
        for queue in queues:
            records = overflow_records(queue, moved)
            self._apply_all(records)
            found.extend(records)
        return found


def _has_begun(records: list[facts.Record]) -> bool:
    return any(isinstance(one, FanoutBegan) for one in records)


def _name(queue: Queue) -> str:
    return queue.name
