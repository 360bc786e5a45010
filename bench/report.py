"""Figures as a table for people and as files to keep.

The rule kept here: a figure never stands without its machine, commit and settings.
"""

import datetime
import json
import platform
from pathlib import Path
from typing import Any

from bench.figures import FIELDS, Figure, from_json, human

HEADS = ("figure", "variant", "unit", "median", "min - max", "target", "")


def table(figures: list[Figure]) -> str:
    """A Markdown table, wide enough to read as plain text."""
    rows = [HEADS, *(_row(one) for one in figures)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADS))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    notes = [f"- {one.name}: {one.note}" for one in figures if one.note]
    return "\n".join([*lines, "", *notes] if notes else lines)


def save(figures: list[Figure], facts: dict[str, Any], folder: Path) -> Path:
    """Write `<date>-<machine>.json` and `.md`. What was measured earlier that day stays, unless it
    was measured again; each figure has the commit it is of."""
    today = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"  # noqa: TID251  (a date of a file)
    stem = f"{today}-{platform.machine()}-{facts['machine']['cores']}cores"
    for one in figures:
        one.commit = facts["commit"]
    again = {(one.name, one.variant) for one in figures}
    kept = [
        one for one in _earlier(folder / f"{stem}.json") if (one.name, one.variant) not in again
    ]
    figures = [*kept, *figures]
    folder.mkdir(parents=True, exist_ok=True)
    rows = [one.as_json() for one in figures]
    body = json.dumps(facts | {"figures": rows}, indent=1)
    (folder / f"{stem}.json").write_text(body + "\n", encoding="utf-8")
    page = f"# Benchmarks, {today}\n\n{_facts(facts)}\n\n{table(figures)}\n"
    (folder / f"{stem}.md").write_text(page, encoding="utf-8")
    return folder / f"{stem}.md"


def _earlier(path: Path) -> list[Figure]:
    if not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return [from_json({name: row[name] for name in FIELDS}) for row in rows]


def _row(one: Figure) -> tuple[str, ...]:
    spread = f"{human(min(one.runs))} - {human(max(one.runs))}" if len(one.runs) > 1 else ""
    return one.name, one.variant, one.unit, human(one.value), spread, one.target, one.verdict


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    return "| " + " | ".join(cells) + " |"


def _facts(facts: dict[str, Any]) -> str:
    machine = facts["machine"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mb']:,} MB, "
        f"Linux {machine['kernel']}, {machine['disk']}, Python {machine['python']};\n"
        f"load average {machine['load']} when the last figures were taken: far above 1 means that\n"
        "neighbours had their share of the cores and the disk.\n"
        f"Last commit measured: {facts['commit']}; {facts['settings']}. "
        "Medians; peers measured in the same run."
    )
