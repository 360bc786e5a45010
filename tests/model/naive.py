"""The naive model of queues: dicts, lists and one pass over everything that is there."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from postroad.core.retry import retry_due_ms
from postroad.model.commands import ACK, REJECT, RELEASE
from postroad.model.message import Death
from postroad.model.policy import FIFO, QueueSettings

Place = tuple[int, int]
UNSEEN = 1 << 40
"""Moved messages have offsets from here on until somebody has seen their real one."""


@dataclass
class Held:
    """A message. `place`: its first queue and offset; `session`, `consumer`: who has it (0: nobody
    in particular); `put_back`: a lease of it ended uncounted; `late`: its life is over; `home`: the
    queue it was moved from; `returned`: a lease of it ended."""

    body: bytes
    place: Place
    born_ms: int
    came_ms: int
    weight: int = 0
    state: str = "ready"
    due_ms: int = 0
    end_ms: int = 0
    count: int = 0
    lease: int = 0
    last_lease: int = 0
    put_back: bool = False
    deadline_ms: int = 0
    session: int = 0
    consumer: int = 0
    pool: tuple[int, int] = (0, 0)
    late: bool = False
    home: int = 0
    reason: str = ""
    key: str | None = None
    priority: int = 0
    returned: bool = False
    told: list[str] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    failure: str = ""


class NaiveQueue:
    """Messages by offset. `kept`: settled ones, and when they settled; `ghosts`: leased ones that
    were purged; only their leases are left."""

    def __init__(self, id: int, name: str, settings: QueueSettings) -> None:
        self.id = id
        self.name = name
        self.settings = settings
        self.held: dict[int, Held] = {}
        self.kept: dict[int, tuple[Held, int]] = {}
        self.ghosts: dict[int, Held] = {}
        self.unseen = UNSEEN
        self.known: dict[tuple[str | None, str], tuple[int, int]] = {}

    def of(self, *states: str) -> list[int]:
        return sorted(offset for offset, one in self.held.items() if one.state in states)

    def room(self) -> int:
        most = self.settings.leased_max
        return 1 << 30 if most is None else max(0, most - len(self.of("leased")))

    def leaving(self, count: int) -> list[int]:
        """The offsets a receiver of `count` messages gets."""
        ready = [] if self.settings.paused else self.of("ready")
        if self.settings.kind == "priority":
            most = self.settings.priority_max or 255
            ready.sort(key=lambda offset: -min(self.held[offset].priority, most))
            return ready[:count]
        keys = {self.held[offset].key for offset in ready}
        open_keys = {key: self._open(key) for key in keys}
        quiet = [one for one in ready if one in open_keys[self.held[one].key][0]]
        noisy = [one for one in ready if one in open_keys[self.held[one].key][1]]
        return [*quiet[:count], *noisy[: max(0, count - len(quiet))]]

    def _open(self, key: str | None) -> tuple[set[int], set[int]]:
        """What of a key may leave, in its turn or after all others."""
        strict = self.settings.kind == "fifo"
        mine = [one for one in sorted(self.held) if self.held[one].key == key]
        ready = [one for one in mine if self.held[one].state == "ready"]
        if key is None and not strict:
            return set(ready), set()
        held = [one for one in mine if self.held[one].state == "leased"]
        if strict:
            waiting = [one for one in mine if self.held[one].state == "delayed"]
            if held or any(self.held[one].returned for one in waiting):
                return set(), set()
            ready = [one for one in ready if one < min(waiting, default=1 << 50)]
        if self.settings.key_leased_max is not None:
            ready = ready[: max(0, self.settings.key_leased_max - len(held))]
        if not strict and len(held) >= 30 and len(held) * 10 > len(self.of("leased")):
            return set(), set(ready)
        return set(ready), set()

    def is_known(self, key: str | None, id: str | None, now: int) -> int:
        """The offset of the message that came with an id lately, or -1."""
        window = self.settings.dedup_window_ms
        if id is None or window is None:
            return -1
        offset, then = self.known.get((self._scope(key), id), (-1, 0))
        return offset if offset >= 0 and then + window > now else -1

    def know(self, key: str | None, id: str | None, offset: int, now: int) -> None:
        if id is not None and self.settings.dedup_window_ms is not None:
            self.known[self._scope(key), id] = (offset, now)

    def _scope(self, key: str | None) -> str | None:
        return key if self.settings.dedup_scope == "key" else ""

    def seen(self, offset: int, place: Place) -> Held:
        """The message at an offset, if need be one that was moved here."""
        if offset not in self.held:
            (old,) = (at for at, one in self.held.items() if at >= UNSEEN and one.place == place)
            self.held[offset] = self.held.pop(old)
        return self.held[offset]

    def rejects(
        self,
        bodies: list[bytes],
        keys: list[str | None] | None,
        ids: list[str | None] | None,
        now: int,
    ) -> bool:
        """Whether what is new among messages has no room."""
        new: list[bytes] = []
        seen: set[tuple[str | None, str]] = set()
        for at, body in enumerate(bodies):
            key, id = keys[at] if keys else None, ids[at] if ids else None
            known = self.is_known(key, id, now) >= 0
            if id is not None and self.settings.dedup_window_ms is not None:
                known = known or (self._scope(key), id) in seen
                seen.add((self._scope(key), id))
            if not known:
                new.append(body)
        return bool(new) and self.settings.overflow == "reject" and self.is_full(new)

    def is_full(self, bodies: list[bytes]) -> bool:
        size = sum(one.weight for one in self.held.values()) + sum(map(len, bodies))
        longest, heaviest = self.settings.length_max, self.settings.bytes_max
        too_long = longest is not None and len(self.held) + len(bodies) > longest
        return too_long or (heaviest is not None and size > heaviest)

    def overflow(self, *, moved: bool = False) -> None:
        alive = [one for one in self.held.values() if one.state != "dead"]
        over = over_bytes = 0
        if self.settings.length_max is not None:
            over = len(alive) - self.settings.length_max
        if self.settings.bytes_max is not None:
            over_bytes = sum(one.weight for one in alive) - self.settings.bytes_max
        for offset in self.of("ready", "delayed"):
            weight = self.held[offset].weight
            if over <= 0 and (over_bytes <= 0 or not weight):
                continue
            over -= 1
            over_bytes -= weight
            dies = self.settings.overflow == "dead-letter-oldest" and not moved
            self.end(offset, "overflow", dies)

    def end(self, offset: int, reason: str, dies: bool) -> None:
        if dies and self.settings.dead_letter_queue is not None:
            one = self.held[offset]
            one.state, one.due_ms, one.reason = "dead", 0, reason
        else:
            del self.held[offset]

    def come_back(
        self, offset: int, counted: bool, due_ms: int = 0, reason: str = "", why: str = ""
    ) -> None:
        one = self.held[offset]
        one.told.append(why or ("retried" if counted else "released"))
        one.lease = one.deadline_ms = one.session = one.consumer = 0
        one.count += counted
        one.returned = True
        one.put_back = one.put_back or not counted
        one.state, one.due_ms = ("delayed", due_ms) if due_ms else ("ready", 0)
        most = self.settings.deliveries_max
        if counted and most is not None and one.count >= most:
            one.state, one.due_ms, one.reason = "dead", 0, "max-deliveries"
        elif reason:
            one.state, one.reason = "dead", reason

    def done(self, offset: int, now: int) -> None:
        """A message is settled."""
        one = self.held.pop(offset)
        if self.settings.keep_settled_ms is not None:
            self.kept[offset] = (one, now)

    def settle(
        self,
        offset: int,
        outcome: int,
        after_ms: int | None,
        dice: tuple[int, bytes],
        failure: str = "",
    ) -> None:
        now, salt = dice
        if outcome == ACK or (outcome == REJECT and self.settings.dead_letter_queue is None):
            self.done(offset, now)
        elif outcome == RELEASE:
            self.come_back(offset, False)
        elif outcome == REJECT:
            self.come_back(offset, True, 0, "rejected", "rejected")
        elif after_ms is not None:
            self.come_back(offset, True, now + after_ms if after_ms else 0)
        else:
            attempt = self.held[offset].count + 1
            message = (self.id, offset)
            due_ms = retry_due_ms(self.settings.retry, attempt, now, salt, message)
            self.come_back(offset, True, due_ms)
        if offset in self.held and self.held[offset].state == "dead":
            self.held[offset].failure = failure

    def pass_time(self, now: int) -> Iterator[Held]:
        """Everything that is due; yields the messages whose leases lapse."""
        life = self.settings.life_ms
        keep_ms = self.settings.keep_settled_ms
        for offset, (_, then) in list(self.kept.items()):
            if keep_ms is None or then + keep_ms <= now:
                del self.kept[offset]
        for offset in sorted(self.ghosts):
            if 0 < self.ghosts[offset].deadline_ms <= now:
                yield self.ghosts.pop(offset)
        for offset in sorted(self.held):
            one = self.held[offset]
            if (life is not None and one.came_ms + life <= now) or 0 < one.end_ms <= now:
                one.late, one.end_ms = True, 0
            if one.state == "delayed" and one.due_ms <= now:
                one.state, one.due_ms = "ready", 0
            if one.state == "leased" and 0 < one.deadline_ms <= now:
                yield one
                self.come_back(offset, True, why="lapsed")
            if one.late and one.state in {"ready", "delayed"}:
                self.end(offset, "expired", self.settings.expired_to_dead_letters)

    def take(self, offset: int, now: int, *, dies: bool) -> Held:
        """A message on its way to another queue."""
        one = self.kept.pop(offset)[0] if offset in self.kept else self.held.pop(offset)
        deaths = with_death(one.deaths, self.name, one, now) if dies else one.deaths
        moved = Held(one.body, one.place, one.born_ms, now, home=self.id, deaths=deaths)
        moved.key, moved.priority = one.key, one.priority
        return moved

    def put(self, one: Held, *, anew: bool = False) -> None:
        """A message from another queue, or `anew` one that had settled."""
        settings = self.settings
        one.weight = len(one.body) if settings.bytes_max is not None else 0
        if settings.life_ms is not None and not anew and settings.kind != FIFO:
            died_of_age = one.deaths and one.deaths[-1].reason == "expired"
            one.end_ms = (one.deaths[-1].at_ms if died_of_age else one.born_ms) + settings.life_ms
        self.unseen += 1
        self.held[self.unseen] = one


def with_death(deaths: list[Death], queue: str, one: Held, now: int) -> list[Death]:
    """The deaths of a message that now dies in a queue, one for each queue and reason."""
    kept = [death for death in deaths if (death.queue, death.reason) != (queue, one.reason)]
    last = Death(queue, one.reason, one.count, now, number=len(deaths))
    for death in deaths:
        if death not in kept:
            last = Death(queue, one.reason, one.count, death.first_ms, now, death.times + 1)
            last.number = death.number
    last.failure = one.failure
    return [*kept, last]


def is_unclaimed(one: Held | None, lease: int, count: int) -> bool:
    if one is None or one.state == "leased" or (one.put_back and lease < one.last_lease):
        return False
    return one.count <= count
