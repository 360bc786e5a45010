"""Cron in the time of a zone, held against a plain reading of every minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.engine.calendar import NICKNAMES, CronCalendar

CALENDAR = CronCalendar()
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
CHANGES = (  # days on which clocks change somewhere, and one on which none does
    *(datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)),
    *(datetime(2026, 4, 4, 12, tzinfo=UTC), datetime(2026, 10, 3, 12, tzinfo=UTC)),
    *(datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
    datetime(2026, 6, 1, tzinfo=UTC),
)
MINUTES = ("*", "*/15", "0", "30", "5,35", "10-20/5")
HOURS = ("*", "*/2", "2", "1-3", "0,1,2,3", "23")
DAYS = ("*", "1-28", "29")


def ms_of(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def values(field: str, most: int) -> set[int]:
    """A field as it is read: only the forms these tests have."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = ("0", "", str(most)) if span == "*" else span.partition("-")
        found |= set(range(int(low), int(high or low) + 1, int(step or 1)))
    return found


def plain(fields: tuple[str, str, str], zone: str, begin: datetime, hours: int) -> list[int]:
    """Every slot of some hours, minute by minute. Times of day that clocks leave out come as soon
    as they are past it; those told twice come once; what runs every so often goes by real time."""
    minutes, hour_set = values(fields[0], 59), values(fields[1], 23)
    days = values(fields[2], 31)
    by_real_time = fields[0][0] == "*" or fields[1][0] == "*"
    at = ZoneInfo(zone)
    found: set[int] = set()
    for number in range(-180, hours * 60):
        now = begin + timedelta(minutes=number)
        local = now.astimezone(at)
        if by_real_time:
            if local.minute in minutes and local.hour in hour_set and local.day in days:
                found.add(ms_of(now))
            continue
        if local.fold:
            continue
        before = (now - timedelta(minutes=1)).astimezone(at).replace(tzinfo=None)
        told = local.replace(tzinfo=None)
        while told > before:  # the wall clock's minutes since the one before, left out ones too
            if told.minute in minutes and told.hour in hour_set and told.day in days:
                found.add(ms_of(now))
            told -= timedelta(minutes=1)
    return sorted(one for one in found if one > ms_of(begin))


@settings(max_examples=25)
@given(
    st.sampled_from(MINUTES),
    st.sampled_from(HOURS),
    st.sampled_from(DAYS),
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(0, 23),
)
def test_slots_are_those_of_a_plain_reading_across_changes_of_clocks(
    minute: str, hour: str, day: str, zone: str, change: datetime, skip: int
) -> None:
    begin = change + timedelta(hours=skip)
    wanted = plain((minute, hour, day), zone, begin, 36)
    cron = f"{minute} {hour} {day} * *"
    end = ms_of(begin) + 36 * 3_600_000
    found = []
    slot = CALENDAR.after(cron, zone, ms_of(begin))
    while 0 < slot < end:
        found.append(slot)
        slot = CALENDAR.after(cron, zone, slot)
    assert found == wanted
    for most in (1, 7):
        assert CALENDAR.newest(cron, zone, (ms_of(begin) + 1, end - 1), most) == wanted[-most:]


def test_a_time_that_clocks_leave_out_comes_when_they_are_past_it() -> None:
    night = ms_of(datetime(2026, 3, 29, tzinfo=UTC))
    slot = CALENDAR.after("30 2 * * *", "Europe/Paris", night)
    assert slot == ms_of(datetime(2026, 3, 29, 1, tzinfo=UTC))  # 03:00 there


def test_a_time_that_clocks_tell_twice_comes_once() -> None:
    night = ms_of(datetime(2026, 10, 24, 23, tzinfo=UTC))
    first = CALENDAR.after("30 2 * * *", "Europe/Paris", night)
    assert first == ms_of(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    for later_ms in (0, 1_800_000, 3_600_000):
        following = CALENDAR.after("30 2 * * *", "Europe/Paris", first + later_ms)
        assert following == ms_of(datetime(2026, 10, 26, 1, 30, tzinfo=UTC))


def test_seconds_stand_first_where_there_are_six_fields_and_words_stand_for_some() -> None:
    assert CALENDAR.after("*/10 * * * * *", "UTC", 1) == 10_000
    assert CALENDAR.after(" @Hourly ", "UTC", 1) == 3_600_000
    assert all(CALENDAR.fault(word, "UTC") is None for word in NICKNAMES)


@pytest.mark.parametrize(
    "cron",
    [
        *("", "x", "* * * *", "61 * * * *", "*/0 * * * *", "5-1 * * * *", "0 0 30 2 *"),
        *("0 0 * * MON#9", "0 0 * * MON#1/2", "9" * 5_000 + " * * * *", "0 0 * * L", "\0 " * 5),
    ],
)
def test_what_is_no_time_is_said_to_be_none(cron: str) -> None:
    assert "is no time that comes" in (CALENDAR.fault(cron, "UTC") or "")
    assert CALENDAR.after(cron, "Europe/Paris", 0) == 0
    assert CALENDAR.newest(cron, "UTC", (0, 1 << 40), 5) == []


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "Europe", "a\0b", "/etc"])
def test_a_zone_that_is_none_is_said_to_be_none(zone: str) -> None:
    assert "no time zone" in (CALENDAR.fault("0 3 * * *", zone) or "")
    assert CALENDAR.after("0 3 * * *", zone, 0) == 0
