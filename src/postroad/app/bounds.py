"""Whether a number that somebody set is one, and makes sense.

It stands below the options of workers and readers. The rule kept here: what was set is named in the
error, whatever was given instead of a number.
"""

from typing import TypeGuard

from postroad.errors import BadSettings, BadWorker
from postroad.limits import DURATION_MS_MAX

SECONDS_MAX = DURATION_MS_MAX / 1_000


def is_number(given: object) -> TypeGuard[float]:
    """Whether this is a number, and no truth value that Python takes for one."""
    return isinstance(given, int | float) and not isinstance(given, bool)


def is_count(given: object) -> TypeGuard[int]:
    """Whether this is a whole number."""
    return isinstance(given, int) and not isinstance(given, bool)


def check_count(what: str, given: object, least: int, most: int) -> None:
    """Raise `BadWorker` about `what` where this is no whole number from `least` to `most`."""
    if not is_count(given) or not least <= given <= most:
        raise BadWorker(f"{what} is from {least:,} to {most:,}, not {given!r}")


def check_seconds(what: str, given: object, least: float) -> None:
    """Raise `BadWorker` about `what` where this is no number of seconds, `least` or more."""
    if not is_number(given) or not least <= given <= SECONDS_MAX:
        said = "0 or more" if not least else "above 0"
        raise BadWorker(f"{what} is a number of seconds {said}, not {given!r}")


def patience(name: str, given: object) -> float | None:
    """How long to wait for something, in seconds, 0 for not at all; `None`: without end. Raises
    `BadSettings`.
    """
    if given is None:
        return None
    if not is_number(given) or not 0 <= given <= SECONDS_MAX:
        raise BadSettings(f"`{name}` is a number of seconds 0 or more, or None, not {given!r}")
    return float(given)
