"""`postroad check`: say what a data directory holds, or where it is damaged.

It stands over the server's reading of a journal. The rule kept here: nothing in the directory is
changed.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from postroad.cli.directory import NoDirectory
from postroad.cli.options import JsonOption
from postroad.cli.output import print_json, print_table
from postroad.errors import PostroadError
from postroad.server.check import Explained, findings, is_data, rehearsed, summary


class Damaged(PostroadError):  # noqa: N818  (the name is the sentence)
    """The journal is not what was written."""


def check(
    data: Annotated[Path, typer.Argument(metavar="DIR", help="The data directory.")],
    records: Annotated[
        bool, typer.Option("--records", help="Show every record, not only counts.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the whole journal; explain every record, or name the file and byte of the damage."""
    if not is_data(data):
        raise NoDirectory(f"there is no data directory `{data}`")
    damage = _show_all(findings(data), as_json) if records else _show_counts(data, as_json)
    if damage:
        more = f" (and {len(damage) - 1:,} more places)" if len(damage) > 1 else ""
        raise Damaged(f"{damage[0]}{more}; restore the directory from a copy")


def _show_counts(data: Path, as_json: bool) -> list[str]:
    whole = summary(findings(data))
    # With a damaged journal there is no start to rehearse.
    start = None if whole.damage else rehearsed(data)
    damage = whole.damage + (start.damage if start else [])
    if as_json:
        found = {"messages": start.report.messages, "blocks": start.blocks} if start else {}
        print_json(whole.as_json() | found | {"damage": damage})
        return damage
    print(whole.line())
    if start is not None:
        print(start.line())
    print_table(("record", "count"), list(whole.records.items()))
    return damage


def _show_all(found: Iterable[Explained], as_json: bool) -> list[str]:
    damage: list[str] = []
    for one in found:
        damage.extend(one.damages())
        if as_json:
            print_json(one.as_json())
        else:
            print("\n".join(one.lines()))
    return damage


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)
