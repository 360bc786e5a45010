"""Asks of one turn, with those brought together that can be decided as one.

One rule: a publish may be taken before other callers' asks, never before an earlier ask of its own
caller; receives and acks come together only where they follow each other.
"""

from collections import deque
from collections.abc import Callable, Iterable

from postroad.core.fanouts.desk import PUBLISHES
from postroad.core.together import go_together
from postroad.limits import ASK_WORK, KV_KEY_WORK, TURN_ASKS_MIN, TURN_WORK_MAX
from postroad.model import kv_shapes
from postroad.model.ask import Ask, Caller
from postroad.model.batch import Batch, Run
from postroad.model.commands import Pop, Publish, Receive, Settle
from postroad.model.lists import ListPop
from postroad.model.sound import ROWS, unsound

Holds = Callable[[Ask], bool]
TAKING = (Receive, Pop, ListPop)


class Inbox:
    """Asks in order of arrival; `held`: publishes that wait until the cache has room, or until what
    they must follow is everywhere, and what their callers asked after them."""

    def __init__(self) -> None:
        self.asks: list[Ask] = []
        self.held: deque[Ask] = deque()
        self._back: list[Ask] = []

    def put(self, ask: Ask) -> None:
        """A new ask."""
        self.asks.append(ask)

    def put_back(self, ask: Ask) -> None:
        """An ask that waited for bodies is asked again."""
        self.asks.append(ask)

    def forget(self, caller: Caller) -> None:
        """A caller is gone, and with it what it asked and nobody looked at."""
        self.asks = [ask for ask in self.asks if ask.caller is not caller]
        self.held = deque(ask for ask in self.held if ask.caller is not caller)

    def hold_back(self, asks: list[Ask], holds: Holds) -> list[Ask]:
        """Of asks that were taken those that need not wait, now that others are decided. The rest
        comes first in the next turn, when `turn_is_over` was called."""
        free, held = _parted(asks, holds, {ask.caller for ask in self._back})
        self._back.extend(held)
        return free

    def turn_is_over(self) -> None:
        """What was held back waits with those that are held."""
        if self._back:
            self.held.extendleft(reversed(self._back))
            self._back = []

    def take(self, hold_publishes: bool, holds: Holds | None = None) -> list[list[Ask]]:
        """What to decide now, in order: single asks, and runs of publishes, of receives or of acks
        that may be decided as one. What is too much for one turn stays for the next. `holds`: which
        asks must wait though others need not."""
        if hold_publishes:
            holds = _is_publish
        if holds is not None:
            return _in_runs(self._free(holds))
        asks = self.asks
        self.asks = []
        if self.held:
            asks = [*self.held, *asks]
            self.held = deque()
        if len(asks) == 1:
            return [asks]
        if len(asks) > 1:
            stop = _turn_of(asks)
            self.asks = asks[stop:]
            asks = asks[:stop]
        return _in_runs(asks)

    def _free(self, holds: Holds) -> list[Ask]:
        """What is work for one turn and need not wait; an ask behind one of its caller that waits
        does so too."""
        callers: set[Caller] = set()
        waited, held = _parted(self.held, holds, callers)
        stop = _turn_of([*waited, *self.asks])
        late, room = waited[stop:], max(0, stop - len(waited))
        callers.update([ask.caller for ask in late])
        fresh, more = _parted(self.asks[:room], holds, callers)
        self.asks = self.asks[room:]
        self.held = deque([*late, *held, *more])
        return [*waited[:stop], *fresh]


def _parted(asks: Iterable[Ask], holds: Holds, callers: set[Caller]) -> tuple[list[Ask], list[Ask]]:
    """Asks that need not wait, and the others, whose callers are entered."""
    free: list[Ask] = []
    held: list[Ask] = []
    for ask in asks:
        if ask.caller in callers or holds(ask):
            callers.add(ask.caller)
            held.append(ask)
        else:
            free.append(ask)
    return free, held


def _is_publish(ask: Ask) -> bool:
    return isinstance(ask.command, PUBLISHES)


def _in_runs(asks: list[Ask]) -> list[list[Ask]]:
    """Asks in order, those together that may be decided as one."""
    taken: list[list[Ask]] = []
    runs: dict[tuple[str, ...], int] = {}
    latest: dict[Caller, int] = {}
    for ask in asks:
        command = ask.command
        at = len(taken)
        if isinstance(command, Publish) and _plain(command):
            run = runs.get(command.queues, -1)
            if run >= latest.get(ask.caller, 0) and run >= 0:
                taken[run].append(ask)
                latest[ask.caller] = run
                continue
            runs[command.queues] = at
        elif at and go_together(taken[-1][0].command, command):
            taken[-1].append(ask)
            latest[ask.caller] = at - 1
            continue
        latest[ask.caller] = at
        taken.append([ask])
    return taken


def _turn_of(asks: list[Ask]) -> int:
    """How many of the asks are work for one turn; what they ask for is taken at its word."""
    room = TURN_WORK_MAX
    least = TURN_ASKS_MIN
    for at, ask in enumerate(asks):
        command = ask.command
        size = 0
        if isinstance(command, Batch):
            size = ASK_WORK * _size_of(command.commands)
        elif isinstance(command, PUBLISHES) and not isinstance(command, Run):
            size = _size_of(command.bodies)
        elif isinstance(command, Settle):
            size = _size_of(command.offsets)
        elif isinstance(command, TAKING):
            size = _count_of(command)
        elif type(command) in kv_shapes.COLUMNS:
            column = kv_shapes.COLUMNS[type(command)][0][0]
            size = KV_KEY_WORK * _size_of(getattr(command, column))
            least = 1
        room -= ASK_WORK + size
        if room < 0:
            return max(at, least)
    return len(asks)


def _count_of(command: object) -> int:
    count = getattr(command, "count", 0)
    return max(0, count) if isinstance(count, int) else 0


def _size_of(column: object) -> int:
    return len(column) if isinstance(column, ROWS) else 0


def _plain(command: Publish) -> bool:
    """Without delays and lives of its own, and sound, so that it can be part of a longer one."""
    return command.delays_ms is None and command.ttls_ms is None and unsound(command) is None
