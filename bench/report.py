"""Figures as a table for people and as files to keep.

The rule kept here: a figure never stands without its machine, commit and settings.
"""

import datetime
import json
import platform
from pathlib import Path
from typing import Any

from bench.figures import Figure, human

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
    """Write `<date>-<machine>.json` and `.md`; a second run of a day adds its time."""
    now = datetime.datetime.now(datetime.UTC)  # noqa: TID251  (a date of a file)
    stem = f"{now:%Y-%m-%d}-{platform.machine()}-{facts['machine']['cores']}cores"
    if (folder / f"{stem}.json").exists():
        stem = f"{now:%Y-%m-%d-%H%M}-{platform.machine()}-{facts['machine']['cores']}cores"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [one.as_json() for one in figures]
    body = json.dumps(facts | {"figures": rows}, indent=1)
    (folder / f"{stem}.json").write_text(body + "\n", encoding="utf-8")
    page = f"# Benchmarks, {now:%Y-%m-%d}\n\n{_facts(facts)}\n\n{table(figures)}\n"
    (folder / f"{stem}.md").write_text(page, encoding="utf-8")
    return folder / f"{stem}.md"


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
        f"Linux {machine['kernel']}, {machine['disk']}, Python {machine['python']}.\n"
        f"Commit {facts['commit']}; {facts['settings']}. Medians; peers measured in the same run."
    )
