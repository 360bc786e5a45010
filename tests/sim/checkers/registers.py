"""A value that clients write and read: what a read may show.

One rule: a read shows what some write put there that was not over, and replaced by another that
was done, before the read was asked. A write that was never answered may be so or not.
"""

from typing import Any

from tests.sim.copies import FOREVER_MS

NEVER = 1 << 62
ABSENT = None


class Write:
    """A write from the event it was asked in to the event it was answered in. `sure`: it was done.
    `low_ms`, `high_ms`: when the value ends by itself, at the earliest and at the latest."""

    __slots__ = ("asked", "done", "high_ms", "low_ms", "refused", "sure", "value")

    def __init__(self, value: Any, asked: int, low_ms: int = FOREVER_MS) -> None:
        self.value = value
        self.asked = asked
        self.done = NEVER
        self.sure = False
        self.refused = False
        self.low_ms = low_ms
        self.high_ms = FOREVER_MS

    def __repr__(self) -> str:
        word = "done" if self.sure else "in doubt"
        return f"<{self.value!r} {self.asked}-{self.done} {word}>"


class Register:
    """All writes that may still be seen."""

    __slots__ = ("writes",)

    def __init__(self, value: Any = ABSENT) -> None:
        first = Write(value, -1)
        first.done = -1
        first.sure = True
        self.writes = [first]

    def write(self, value: Any, event: int, low_ms: int = FOREVER_MS) -> Write:
        """A write was asked."""
        one = Write(value, event, low_ms)
        self.writes.append(one)
        return one

    def confirm(self, one: Write, event: int, high_ms: int = FOREVER_MS) -> None:
        """A write was answered."""
        one.done = event
        one.sure = True
        one.high_ms = high_ms
        # What was over before this one was asked, nobody who asks from here on may see.
        floor = max(w.asked for w in self.writes if w.sure and w.done <= event)
        if len(self.writes) > 12:
            self.writes = [w for w in self.writes if w.done >= floor or w is one]

    def refuse(self, one: Write) -> None:
        """A write was refused."""
        one.refused = True
        self.writes.remove(one)

    def doubt(self, one: Write, event: int) -> None:
        """A write may or may not have been done; after this event nothing more becomes of it."""
        one.done = event

    def floor(self, event: int) -> int:
        """When the latest write was asked of those that were done before an event."""
        return max((w.asked for w in self.writes if w.sure and w.done < event), default=-1)

    def may_be(self, asked: int, asked_ms: int, now_ms: int) -> list[Any]:
        """What a read that was asked in this event may show now."""
        floor = self.floor(asked)
        values: list[Any] = []
        for one in self.writes:
            if one.done < floor:
                continue
            if one.high_ms > asked_ms:
                values.append(one.value)
            if one.low_ms <= now_ms:
                values.append(ABSENT)
        return values

    def settle(self, value: Any, event: int, end_ms: int = FOREVER_MS) -> None:
        """All is known: this is what it holds, with nothing on its way."""
        one = Write(value, event)
        one.done = event
        one.sure = True
        one.low_ms = one.high_ms = end_ms
        self.writes = [one]
