"""A figure: what was measured, in which unit, in each run, and the target beside it.

The rule kept here: the value is the median of the runs; least and most stay visible.
"""

import statistics
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(slots=True)
class Figure:
    """One line of a report. `at_least`, `at_most`: the target, where there is one.

    `note`: what a reader must know to judge it. `full`: False where a smaller size than the
    target names was measured, so that it counts for nothing.
    """

    name: str
    unit: str
    runs: list[float]
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""
    full: bool = True
    variant: str = "compiled"
    commit: str = ""

    @property
    def value(self) -> float:
        """The median of the runs."""
        return statistics.median(self.runs)

    @property
    def verdict(self) -> str:
        """`met`, `NOT met`, or nothing without a target."""
        if self.at_least is None and self.at_most is None:
            return ""
        good = self.at_least is None or self.value >= self.at_least
        good = good and (self.at_most is None or self.value <= self.at_most)
        verdict = "met" if good else "NOT met"
        return verdict if self.full else f"({verdict}, at a smaller size)"

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_least is not None:
            return f">= {human(self.at_least)}"
        return "" if self.at_most is None else f"<= {human(self.at_most)}"

    def as_json(self) -> dict[str, Any]:
        """All of it, for the results file."""
        seen = {"median": self.value, "min": min(self.runs), "max": max(self.runs)}
        return asdict(self) | seen | {"target": self.target, "verdict": self.verdict}


FIELDS = tuple(one.name for one in fields(Figure))
"""What a figure is made from; the rest of a row is derived."""


def from_json(row: dict[str, Any]) -> Figure:
    """A figure that a scenario's process printed."""
    return Figure(**row)


def human(number: float) -> str:
    """A number with as many digits as matter."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"
