"""`postroad replay`: let a reader's group read its topics anew.

It stands over the app, beside `work`. The rule kept here: the broker is the one that the app names,
and while somebody reads for the group nothing is changed.
"""

from datetime import datetime
from typing import Annotated

import typer

from postroad.errors import BadCommand, BadWorker
from postroad.model.topics import EARLIEST, LATEST

AppArgument = Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the app is.")]
GroupArgument = Annotated[str, typer.Argument(metavar="GROUP", help="The reader's group.")]
ToOption = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="PLACE",
        help="earliest, latest, an offset, or an instant such as 2026-05-01T12:00+02:00.",
    ),
]
PartitionOption = Annotated[
    int | None, typer.Option("--partition", min=0, metavar="NUMBER", help="That one alone.")
]


def replay(
    target: AppArgument, group: GroupArgument, to: ToOption, partition: PartitionOption = None
) -> None:
    """Let the group of a reader read its topics anew from a place on; stop its readers first."""
    from postroad.app.process import app_of

    place = place_of_text(to)
    app = app_of(target)
    reader = app.readers.get(group)
    if reader is None:
        known = ", ".join(f"`{name}`" for name in app.readers) or "no reader"
        raise BadWorker(f"group `{group}` has no reader in this app; it has {known}")
    try:
        reader.replay(to=place, partition=partition)
    finally:
        app.close()
    typer.echo(f"group {group} reads {', '.join(reader.topics)} anew from {to}")


def place_of_text(text: str) -> str | int | datetime:
    """A place in a topic, as it is typed. Raises `BadCommand`."""
    if text in (EARLIEST, LATEST):
        return text
    try:
        if text.isascii() and text.isdigit():
            return int(text)
        # An instant without its zone is one of this machine's clock.
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise BadCommand(
            f"`--to` is {EARLIEST}, {LATEST}, an offset or an instant, not {text[:40]!r}"
        ) from None
