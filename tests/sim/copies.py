"""What clients may know of each message: which copy it is, where it can be, who holds it."""

from enum import Enum
from typing import Any

from postroad.model import commands as asks
from postroad.model.lists import ListMove, ListPop
from postroad.model.policy import OVERFLOWS_REFUSING, QueueSettings
from tests.sim.workloads.graves import led_to

FOREVER_MS = 1 << 62


class Violation(AssertionError):  # noqa: N818  (the name is the sentence)
    """The broker broke a promise."""


class Fate(Enum):
    """What clients may believe of a copy."""

    ASKED = "asked"
    DOUBTFUL = "doubtful"
    THERE = "there"
    GONE = "gone"
    REFUSED = "refused"


class Copy:
    """One message in the queue it was published to.

    `ends`: asks that may have ended it, since the last audit; `gone_at`: number of the event that
    confirmed its end. `place`: its first (queue id, offset), `spot`: the last one seen; `home`:
    the queue where it was for certain at last. `alone`: that its fellows are there says nothing of
    it. `backs`: settled, it may have been put back.
    """

    __slots__ = (
        "alone",
        "backs",
        "body",
        "dedup_id",
        "delay_ms",
        "ends",
        "expires_ms",
        "fate",
        "gone_at",
        "head",
        "home",
        "index",
        "key",
        "place",
        "priority",
        "publish",
        "published_ms",
        "queue",
        "spot",
        "ttl_ms",
    )

    def __init__(self, publish: int, index: int, queue: str, body: bytes, head: bytes) -> None:
        self.publish = publish
        self.index = index
        self.queue = queue
        self.body = body
        self.head = head
        self.fate = Fate.ASKED
        self.home = queue
        self.key: str | None = None
        self.priority = 0
        self.dedup_id: str | None = None
        self.alone = False
        self.backs = False
        self.ends = 0
        self.gone_at = 0
        self.delay_ms = 0
        self.ttl_ms: int | None = None
        self.expires_ms = FOREVER_MS
        self.published_ms = 0
        self.place: tuple[int, int] | None = None
        self.spot: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"message {self.publish}.{self.index} of `{self.queue}` ({self.fate.value})"

    def end(self, event: int) -> None:
        """Its end was confirmed."""
        if self.fate is not Fate.GONE:
            self.fate = Fate.GONE
            self.gone_at = event


class Entry:
    """A copy at a place (queue id, offset): its newest delivery as far as anybody saw it."""

    __slots__ = (
        "alive_until",
        "bound",
        "copy",
        "count",
        "deaths",
        "heard_ms",
        "lease",
        "not_before",
        "place",
        "released",
        "session",
        "settling",
    )

    def __init__(self, copy: Copy, place: tuple[int, int]) -> None:
        self.copy = copy
        self.place = place
        self.lease = 0
        self.heard_ms = 0
        self.count = 0
        self.alive_until = 0
        self.session = 0
        self.released = False
        self.deaths = 0
        self.not_before = 0
        self.bound = False
        self.settling = 0


class View:
    """A queue as its clients know it. `sure_since`: the event since which it is there for sure."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sure = False
        self.sure_since = 0
        self.maybe_deleted = False
        self.settings: list[QueueSettings] = []
        self.pops_lost = 0
        self.targets: set[str] = set()

    def add(self, settings: QueueSettings) -> None:
        """Settings it has, or may have, from now on or since ever."""
        self.settings.append(settings)

    @property
    def lossy(self) -> bool:
        """Whether messages may leave without anybody's ask."""
        return any(
            one.overflow not in OVERFLOWS_REFUSING
            or (one.life_ms is not None and not one.dead_letter_strict)
            or (
                one.deliveries_max is not None
                and one.dead_letter_queue is None
                and not one.dead_letter_strict
            )
            for one in self.settings
        )

    @property
    def fleeting(self) -> bool:
        """Whether it may go without anybody's ask."""
        return any(
            one.exclusive or one.expires_ms is not None or one.delete_when_unused
            for one in self.settings
        )

    @property
    def lease_ms(self) -> int:
        """The shortest lease it may give."""
        return min((one.lease_ms for one in self.settings), default=0)

    @property
    def deliveries_max(self) -> int:
        """The most deliveries it may allow."""
        most = [one.deliveries_max for one in self.settings]
        return max((FOREVER_MS if one is None else one for one in most), default=FOREVER_MS)

    def dead_letters(self) -> set[str]:
        """Where it may have sent its dead."""
        direct = {one.dead_letter_queue for one in self.settings if one.dead_letter_queue}
        return direct.union(*map(led_to, self.settings))


class Known:
    """All copies, places and queues anybody knows of."""

    def __init__(self) -> None:
        self.copies: dict[tuple[int, int, str], Copy] = {}
        self.entries: dict[tuple[int, int], Entry] = {}
        self.views: dict[str, View] = {}
        self.any_move_back = False

    def view(self, name: str) -> View:
        """A queue by name, whether or not it is there."""
        if name not in self.views:
            self.views[name] = View(name)
        return self.views[name]

    def reach(self, name: str) -> set[str]:
        """Where a message that was in a queue can be by now."""
        found = {name}
        left = [name]
        while left:
            view = self.views.get(left.pop())
            if view is None:
                continue
            for target in (view.targets | view.dead_letters()) - found:
                found.add(target)
                left.append(target)
        return found

    def at_home(self, name: str) -> list[Copy]:
        """Copies that were in a queue for certain and cannot have been moved since."""
        if self.reach(name) != {name}:
            return []
        return [c for c in self.copies.values() if c.home == name and c.fate is Fate.THERE]

    def maybe_in(self, name: str) -> list[Copy]:
        """Copies that may be in a queue, also those that may be put back into it."""
        homes = {view for view in self.views if name in self.reach(view)}
        live = (Fate.ASKED, Fate.DOUBTFUL, Fate.THERE)
        copies = [c for c in self.copies.values() if c.home in homes]
        return [c for c in copies if c.fate in live or (c.backs and c.fate is Fate.GONE)]

    def excused(self, copy: Copy, now: int) -> bool:
        """Whether a copy may be gone though nobody is known to have ended it."""
        if copy.ends or copy.expires_ms <= now or copy.fate is not Fate.THERE:
            return True
        views = [self.view(name) for name in self.reach(copy.home)]
        return any(view.lossy or view.fleeting for view in views)


class Asked:
    """One question on its way. `copies`: those it would bring about or end, for certain or maybe;
    `taken`: messages received by it, less credit granted later. `writes`: (place, write) each;
    `known`, `newest`: versions known when it was asked; `parts`: the asks of a batch."""

    __slots__ = (
        "answered",
        "command",
        "copies",
        "event",
        "known",
        "newer",
        "newest",
        "now",
        "number",
        "parts",
        "session",
        "sure",
        "taken",
        "writes",
    )

    def __init__(self, session: int, number: int, command: Any, now: int, event: int) -> None:
        self.session = session
        self.number = number
        self.command = command
        self.now = now
        self.event = event
        self.answered = False
        self.copies: list[Copy] = []
        self.sure: list[Copy] = []
        self.taken = 0
        self.newer: dict[int, int] = {}
        self.writes: list[Any] = []
        self.known: dict[Any, int] = {}
        self.newest = 0
        self.parts: list[Asked] = []

    @property
    def waits(self) -> bool:
        """Whether it may stay without an answer for long."""
        command = self.command
        if isinstance(command, asks.Attach):
            return self.answered
        waits = asks.Receive | asks.Pop | ListPop | ListMove
        return isinstance(command, waits) and bool(command.wait_ms)
