"""Options and arguments that several commands have.

It stands under the commands. The rule kept here: the same thing has the same name, form and help
wherever it is asked for.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from postroad.cli.durations import duration_ms

DEFAULT_DATA: Final = Path("./postroad-data")

DataOption = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar="POSTROAD_DATA", help="The data directory."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
Queue = Annotated[str, typer.Argument(metavar="QUEUE", help="The name of the queue.")]


def time_option(text: str) -> object:
    """Return an option that takes a duration such as `30s`."""
    return typer.Option(parser=duration_ms, metavar="TIME", help=text, show_default=False)


def count_option(text: str) -> object:
    """Return an option that takes a whole number from 1 on."""
    return typer.Option(min=1, metavar="COUNT", help=text)


def word_option(form: str, text: str) -> object:
    """Return an option that takes a text of the form shown."""
    return typer.Option(metavar=form, help=text)
