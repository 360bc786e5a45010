"""What keys, priorities and ids promise: order and one holder per key, shares, the highest first,
nothing taken twice within the window."""

from collections.abc import Sequence
from typing import Any

from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.message import Delivery
from postroad.model.policy import DEDUP_KEY, FIFO, PRIORITY
from tests.sim.copies import Asked, Copy, Fate, Known, View, Violation

Line = dict[int, Copy]


class KeyRules:
    """`lines`: by queue number and key the copies at their offsets; `ids`: by queue and id those
    that came with it."""

    def __init__(self, known: Known, open_asks: dict[tuple[int, int], Asked]) -> None:
        self.known = known
        self.open = open_asks
        self.lines: dict[tuple[int, str | None], Line] = {}
        self.ids: dict[tuple[str, str | None, str], list[Copy]] = {}

    def will_publish(self, copy: Copy) -> None:
        """A copy with an id is on its way."""
        if copy.dedup_id is not None:
            self.ids.setdefault(self._id_of(copy), []).append(copy)

    def seen(self, copy: Copy, place: tuple[int, int], published_ms: int) -> None:
        """A copy is at a place since an instant: its key's line has it, and its id is taken."""
        view = self.known.view(copy.queue)
        if copy.place == place and any(_has_lines(one) for one in view.settings):
            self.lines.setdefault((place[0], copy.key), {})[place[1]] = copy
        window = _window_of(view)
        if copy.dedup_id is None or window is None:
            return
        for other in self.ids[self._id_of(copy)]:
            there = other.published_ms and other.fate in (Fate.THERE, Fate.GONE)
            if other is not copy and there and abs(other.published_ms - published_ms) < window:
                raise Violation(f"{copy} and {other} came with one id and were both taken")

    def known_already(self, copy: Copy, place: tuple[int, int], published_ms: int) -> None:
        """A copy was not taken, as another with its id has this place."""
        copy.fate = Fate.REFUSED
        line = self.ids[self._id_of(copy)]
        line.remove(copy)
        window = _window_of(self.known.view(copy.queue))
        if window is None:
            raise Violation(f"{copy} was not taken, and its queue knows no ids")
        for first in line:
            if first.place not in (None, place) or first.fate is Fate.REFUSED:
                continue
            if not first.published_ms or first.published_ms + window > published_ms:
                return
        raise Violation(f"{copy} was not taken for one at {place}, and there is none with its id")

    def received(
        self, ask: Asked, messages: Sequence[Delivery], copies: Sequence[Copy], now: int
    ) -> None:
        """Messages are handed out together."""
        name = ask.command.queue
        view = self.known.view(name)
        if not view.settings or not messages:
            return
        settings = view.settings[0]
        if settings.kind == PRIORITY and not isinstance(ask.command, asks.Attach):
            self._highest_first(messages, copies)
        if not _has_lines(settings):
            return
        together = {one.offset for one in messages}
        before: dict[str | None, list[int]] = {}
        for delivery, copy in zip(messages, copies, strict=True):
            line = self.lines.setdefault((delivery.queue, copy.key), {})
            line[delivery.offset] = copy
            mine = before.setdefault(copy.key, [])
            held = self._held(line, delivery, together, ask, now)
            if settings.kind == FIFO:
                if held:
                    raise Violation(f"{copy} came while {held[0]} of its key is held")
                if mine and mine[-1] > delivery.offset:
                    raise Violation(f"{copy} came behind {mine[-1]} of its key")
                self._first_of(line, delivery, view, together, now)
            mine.append(delivery.offset)
            most = settings.key_leased_max
            if copy.key is not None and most is not None and len(held) + len(mine) > most:
                raise Violation(f"{copy} came with {held} held, {most} of a key may be")

    def _held(
        self, line: Line, delivery: Delivery, together: set[int], ask: Asked, now: int
    ) -> list[Copy]:
        """Those of a key that others hold for certain."""
        held: list[Copy] = []
        for offset, copy in list(line.items()):
            if copy.fate in (Fate.GONE, Fate.REFUSED):
                del line[offset]
                continue
            entry = self.known.entries.get((delivery.queue, offset))
            if entry is None or entry.copy is not copy or offset in together:
                continue
            # What was popped bears no lease: here only the time tells what came before.
            older = entry.lease < delivery.lease
            if not delivery.lease:
                older = 0 < entry.heard_ms < ask.now
            if older and now < entry.alive_until and not entry.settling and not copy.ends:
                held.append(copy)
        return held

    def _first_of(
        self, line: Line, delivery: Delivery, view: View, together: set[int], now: int
    ) -> None:
        """No earlier one of its key waits for certain."""
        if view.pops_lost or view.lossy or self._is_popped(view.name):
            return
        if self.known.reach(view.name) != {view.name}:
            return
        for offset, copy in line.items():
            if offset >= delivery.offset or offset in together:
                continue
            here = copy.fate is Fate.THERE and copy.spot == (delivery.queue, offset)
            if here and not copy.ends and copy.expires_ms > now:
                raise Violation(f"{delivery.offset} came before {copy} of its key at {offset}")

    def _is_popped(self, name: str) -> bool:
        """Whether somebody takes messages for good, which may be heard of late."""
        return any(
            isinstance(ask.command, asks.Pop)
            or (isinstance(ask.command, asks.Attach) and not ask.command.leased)
            for ask in self.open.values()
            if getattr(ask.command, "queue", None) == name
        )

    def _highest_first(self, messages: Sequence[Delivery], copies: Sequence[Copy]) -> None:
        order = [(-c.priority, m.offset) for m, c in zip(messages, copies, strict=True)]
        if order != sorted(order):
            raise Violation(f"messages came in this order of priority: {order}")

    def _id_of(self, copy: Copy) -> tuple[str, str | None, str]:
        assert copy.dedup_id is not None
        settings = self.known.view(copy.queue).settings
        by_key = any(one.dedup_scope == DEDUP_KEY for one in settings)
        return copy.queue, copy.key if by_key else None, copy.dedup_id


def highest(seen: Sequence[replies.PeekedMessage], copies: Sequence[Copy], count: int) -> list[int]:
    """The offsets of those that must leave first, of all that are there."""
    ready = [
        (-copy.priority, one.message.offset)
        for one, copy in zip(seen, copies, strict=True)
        if one.state == "ready"
    ]
    return [offset for _, offset in sorted(ready)[:count]]


def _has_lines(settings: Any) -> bool:
    return settings.kind == FIFO or settings.key_leased_max is not None


def _window_of(view: View) -> int | None:
    windows = {one.dedup_window_ms for one in view.settings}
    return windows.pop() if len(windows) == 1 else None
