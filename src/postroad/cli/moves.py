"""`postroad queue move` and `put-back`: messages on their way elsewhere, or back from the past.

It stands over an open data directory, beside `queues`, whose command group it joins. The rule kept
here: what was chosen is moved in as many atomic steps as it takes, and a dry run changes nothing.
"""

from dataclasses import replace
from typing import Annotated

import typer

from postroad.cli.directory import Directory, opened
from postroad.cli.options import (
    DEFAULT_DATA,
    DataOption,
    Queue,
    count_option,
    time_option,
    word_option,
)
from postroad.engine.clock import SystemClock
from postroad.limits import MOVE_STEP_MESSAGES
from postroad.model.choices import Edit, Which
from postroad.model.commands import DescribeQueue, Move
from postroad.model.filters import ATTRIBUTES, BODY
from postroad.model.history import PutBack
from postroad.model.message import plain_head
from postroad.model.replies import Described, Moved

FilterOption = Annotated[
    str | None,
    typer.Option("--filter", metavar="JSON", help="Only messages whose headers pass this policy."),
]
BodyFilterOption = Annotated[
    str | None, word_option("JSON", "Only messages whose JSON body passes this policy.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say which it would be, and change nothing.")
]
SetHeaderOption = Annotated[
    list[str] | None, word_option("NAME=TEXT", "Set a header on the way; may be given again.")
]
RemoveHeaderOption = Annotated[
    list[str] | None, word_option("NAME", "Remove a header on the way; may be given again.")
]


def move(  # noqa: PLR0913, PLR0917  (one parameter per option)
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Where the messages are.")],
    target: Annotated[
        str | None,
        typer.Argument(help="Where they go; without it each goes back to where it came from."),
    ] = None,
    count: Annotated[
        int | None, count_option("Most messages to move; all of them without it.")
    ] = None,
    header_filter: FilterOption = None,
    body_filter: BodyFilterOption = None,
    set_header: SetHeaderOption = None,
    remove_header: RemoveHeaderOption = None,
    dry_run: DryRunOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Move ready messages to another queue, or dead letters back to where they came from."""
    which = _which(header_filter, body_filter)
    edit = _edit(set_header, remove_header)
    with opened(data) as directory:
        left = directory.ask(DescribeQueue(source), Described).ready if count is None else count
        step = Move(source, target, 0, None, ("ready",), 0, which, edit, dry_run)
        _take_steps(directory, step, left)


def put_back(  # noqa: PLR0913, PLR0917  (one parameter per option)
    name: Queue,
    count: Annotated[
        int | None, count_option("Most messages to put back; all of them without it.")
    ] = None,
    since: Annotated[int | None, time_option("Only what settled in this time.")] = None,
    header_filter: FilterOption = None,
    body_filter: BodyFilterOption = None,
    set_header: SetHeaderOption = None,
    remove_header: RemoveHeaderOption = None,
    dry_run: DryRunOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Publish settled messages again, at the end of the queue that keeps them."""
    with opened(data) as directory:
        from_ms = 0 if since is None else max(0, SystemClock().now_ms() - since)
        which = _which(header_filter, body_filter, from_ms)
        edit = _edit(set_header, remove_header)
        kept = directory.ask(DescribeQueue(name), Described).settled
        step = PutBack(name, 0, None, 0, which, edit, dry_run)
        _take_steps(directory, step, kept if count is None else min(count, kept))


def _take_steps(directory: Directory, step: Move | PutBack, left: int) -> None:
    moved = 0
    offsets: list[int] = []
    while left > 0:
        step = replace(step, count=min(left, MOVE_STEP_MESSAGES))
        taken = directory.ask(step, Moved)
        moved += taken.count
        left -= taken.count
        offsets.extend(taken.offsets)
        searching = step.which is not None or step.dry_run
        if (searching and not taken.next_offset) or not (taken.count or searching):
            break
        if searching:
            step = replace(step, start=taken.next_offset)
    for offset in offsets:
        print(offset)
    words = "would move" if step.dry_run else "moved"
    print(f"{words}: {moved:,} messages")


def _which(
    header_filter: str | None, body_filter: str | None, settled_from_ms: int = 0
) -> Which | None:
    if header_filter is not None and body_filter is not None:
        raise typer.BadParameter("give --filter or --body-filter, not both")
    if header_filter is None and body_filter is None and not settled_from_ms:
        return None
    scope = ATTRIBUTES if body_filter is None else BODY
    return Which(header_filter or body_filter or "", scope, settled_from_ms=settled_from_ms)


def _edit(set_header: list[str] | None, remove_header: list[str] | None) -> Edit | None:
    if not set_header and not remove_header:
        return None
    headers: dict[str, str] = {}
    for one in set_header or ():
        name, equals, text = one.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"a header is NAME=TEXT, not {one}")
        headers[name] = text
    return Edit(None, plain_head(dict(headers)), tuple(remove_header or ()))
