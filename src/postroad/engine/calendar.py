"""Cron as a library reads it, in the time of a zone.

It stands in for the core's calendar. The rule kept here: slots only go up, whatever clocks do in
spring and autumn; and the same question has the same answer.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from postroad.core.schedules.calendar import Calendar

NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""Words that stand for an expression."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_SECOND_MS: Final = 1_000
# What the library raises of texts that nobody meant: its own word for it comes from all of them.
_UNREADABLE: Final = (ValueError, TypeError, AssertionError, IndexError, OverflowError)


class CronCalendar(Calendar):
    """Five fields, or six with seconds first, as Debian's cron and people write them."""

    def fault(self, cron: str, zone: str) -> str | None:
        """Why there are no such slots, or `None`."""
        if zone_of(zone) is None:
            return f"no time zone `{zone}` is known here; write one such as Europe/Paris"
        if not self.after(cron, zone, 0):
            return f"`{cron}` is no time that comes; write five fields, such as 0 3 * * *"
        return None

    def after(self, cron: str, zone: str, ms: int) -> int:
        """The first slot after an instant, in ms; 0: there is none."""
        return next(_slots(cron, zone, ms), 0)

    def newest(self, cron: str, zone: str, span_ms: tuple[int, int], most: int) -> list[int]:
        """The slots from an instant up to another one, in order; the last `most` of them."""
        found = _up_to(cron, zone, span_ms, most + 1)
        if len(found) > most:
            low_ms = max(span_ms[0], _back(cron, zone, span_ms[1], most))
            found = _up_to(cron, zone, (low_ms, span_ms[1]), 2 * most)
        return found[-most:]


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo | None:
    """A time zone by its name; `None` where the machine knows none of that name."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _up_to(cron: str, zone: str, span_ms: tuple[int, int], most: int) -> list[int]:
    found: list[int] = []
    for slot in _slots(cron, zone, span_ms[0] - 1):
        if slot > span_ms[1] or len(found) == most:
            break
        found.append(slot)
    return found


def _back(cron: str, zone: str, ms: int, count: int) -> int:
    """An instant that has about so many slots behind it, up to `ms`. Where clocks are set back it
    may be one off, for what comes of it is read forward again."""
    before = list(islice(_read(cron, zone, ms + _SECOND_MS, True), count))
    return before[-1] if before else ms


def _slots(cron: str, zone: str, after_ms: int) -> Iterator[int]:
    """The slots after an instant, in order. Where an hour is told twice the library names some of
    the first one again, and where one is left out the same instant for several."""
    last = after_ms
    for slot in _read(cron, zone, after_ms, False):
        if slot > last:
            last = slot
            yield slot


def _read(cron: str, zone: str, ms: int, backward: bool) -> Iterator[int]:
    """What the library names from an instant on; nothing where it cannot read."""
    from cronsim import CronSim, CronSimError

    at = zone_of(zone)
    if at is None:
        return
    start = (_EPOCH + ms // _SECOND_MS * _SECOND_MS * _MS).astimezone(at)
    try:
        for one in CronSim(NICKNAMES.get(cron.strip().lower(), cron), start, reverse=backward):
            yield (one - _EPOCH) // _MS
    except (CronSimError, *_UNREADABLE):
        return
