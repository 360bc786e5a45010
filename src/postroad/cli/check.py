"""`postroad check`: say what a data directory holds, or where it is damaged.

It stands over the server's reading of a journal. The rule kept here: nothing in the directory is
changed.
"""

from pathlib import Path
from typing import Annotated

import typer

from postroad.cli.directory import NoDirectory
from postroad.cli.options import JsonOption
from postroad.cli.output import print_json, print_table


def check(
    data: Annotated[Path, typer.Argument(metavar="DIR", help="The data directory.")],
    records: Annotated[
        bool, typer.Option("--records", help="Show every record, not only counts.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the whole journal; explain every record, or name the file and byte of the damage."""
    from postroad.server.check import findings, summary

    if not data.is_dir():
        raise NoDirectory(f"there is no data directory `{data}`")
    found = findings(data)
    if records:
        for one in found:
            if as_json:
                print_json(one.as_json())
            else:
                for line in one.lines():
                    print(line)
        return
    whole = summary(found)
    if as_json:
        print_json(whole.as_json())
        return
    print(whole.line())
    print_table(("record", "count"), sorted(whole.records.items()))


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)
