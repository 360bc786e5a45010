"""Times as people write them on a command line, `500ms`, `30s`, `5m`, `12h`, `14d`, and read them.

It stands under the commands. The rule kept here: a number without a unit is a mistake,
never a guess.
"""

import re
from datetime import UTC, datetime
from typing import Final

import typer

_DURATION: Final = re.compile(r"(\d+)(ms|s|m|h|d)")
_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def duration_ms(text: str) -> int:
    """Read a duration; raises the command line's own error."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"`{text}` is no duration; write one such as 500ms, 30s, 5m, 12h")
    return int(match[1]) * _MS[match[2]]


def duration_text(ms: int) -> str:
    """Write a duration in the largest unit that shows it whole."""
    for unit in ("d", "h", "m", "s"):
        if ms and ms % _MS[unit] == 0:
            return f"{ms // _MS[unit]}{unit}"
    return f"{ms}ms"


def instant_text(ms: int) -> str:
    """Write an instant, in ms since 1970, to the second."""
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
