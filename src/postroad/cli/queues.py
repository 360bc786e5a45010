"""`postroad queue`: make, look at, empty, remove and redrive queues.

It stands over an open data directory. The rule kept here: what destroys messages asks first, unless
it was told `--yes`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from postroad.cli.directory import Directory, opened
from postroad.cli.durations import duration_text, instant_text
from postroad.cli.options import (
    DEFAULT_DATA,
    DataOption,
    JsonOption,
    Queue,
    YesOption,
    count_option,
    time_option,
    word_option,
)
from postroad.cli.output import body_text, delivery_json, print_json, print_table
from postroad.limits import PAGE_NAMES
from postroad.model.commands import (
    ChangeQueue,
    DeclareQueue,
    DeleteQueue,
    DescribeQueue,
    ListQueues,
    Peek,
    PurgeQueue,
)
from postroad.model.policy import KINDS, OVERFLOWS, QueueSettings
from postroad.model.replies import Declared, Described, Done, Listed, Peeked, Purged

app = typer.Typer(
    help="Make, look at, empty, remove and redrive queues.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

OverflowOption = Annotated[
    str | None, word_option("|".join(OVERFLOWS), "What gives way when full.")
]
KindOption = Annotated[str | None, word_option("|".join(KINDS), "In which order messages leave.")]
WaitOption = Annotated[int | None, time_option("Long-poll time of receives without their own.")]
KeepSettledOption = Annotated[int | None, time_option("How long what was settled can be put back.")]
ByContentOption = Annotated[
    bool | None, typer.Option("--dedup-by-content", help="The body stands for a missing id.")
]


@app.command("list")
def list_queues(
    prefix: Annotated[str, word_option("TEXT", "Only names that begin so.")] = "",
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """List the queues and what each holds."""
    with opened(data) as directory:
        found = [directory.ask(DescribeQueue(name), Described) for name in names(directory, prefix)]
    if as_json:
        print_json([described_json(one) for one in found])
        return
    columns = ("queue", "ready", "delayed", "leased", "dead")
    print_table(columns, [(q.name, q.ready, q.delayed, q.leased, q.dead) for q in found])


@app.command()
def show(name: Queue, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Show the settings and counts of one queue."""
    with opened(data) as directory:
        described = directory.ask(DescribeQueue(name), Described)
    shown = described_json(described)
    if as_json:
        print_json(shown)
        return
    print_table(("of the queue", ""), [(name, _shown(name, one)) for name, one in _rows(shown)])


@app.command()
def create(  # noqa: PLR0913, PLR0917  (one parameter per option)
    name: Queue,
    lease: Annotated[int | None, time_option("How long a received message stays leased.")] = None,
    delay: Annotated[
        int | None, time_option("How long each message waits before it is ready.")
    ] = None,
    retention: Annotated[int | None, time_option("Older messages leave.")] = None,
    wait: WaitOption = None,
    deliveries_max: Annotated[
        int | None, count_option("After so many failed deliveries a message is dead.")
    ] = None,
    dead_letter_queue: Annotated[
        str | None, word_option("QUEUE", "Where dead messages go.")
    ] = None,
    length_max: Annotated[int | None, count_option("Messages the queue may hold.")] = None,
    bytes_max: Annotated[int | None, count_option("Body bytes the queue may hold.")] = None,
    overflow: OverflowOption = None,
    kind: KindOption = None,
    dedup_window: Annotated[
        int | None, time_option("For so long no message is taken twice.")
    ] = None,
    dedup_by_content: ByContentOption = None,
    leased_max: Annotated[int | None, count_option("Most messages leased at once.")] = None,
    key_leased_max: Annotated[int | None, count_option("The same for each key.")] = None,
    per_second: Annotated[int | None, count_option("Most deliveries a second.")] = None,
    key_per_second: Annotated[int | None, count_option("The same for each key.")] = None,
    keep_settled: KeepSettledOption = None,
    expires: Annotated[
        int | None, time_option("The queue goes when nobody used it for so long.")
    ] = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Make a queue exist; a queue that exists with the settings given is fine."""
    given = {
        "lease_ms": lease,
        "delay_ms": delay,
        "retention_ms": retention,
        "wait_ms": wait,
        "deliveries_max": deliveries_max,
        "dead_letter_queue": dead_letter_queue,
        "length_max": length_max,
        "bytes_max": bytes_max,
        "overflow": overflow,
        "kind": kind,
        "dedup_window_ms": dedup_window,
        "dedup_by_content": dedup_by_content,
        "leased_max": leased_max,
        "key_leased_max": key_leased_max,
        "per_second": per_second,
        "key_per_second": key_per_second,
        "expires_ms": expires,
        "keep_settled_ms": keep_settled,
    }
    fields = {field: one for field, one in given.items() if one is not None}
    settings = msgspec.structs.replace(QueueSettings(), **fields)
    with opened(data, make=True) as directory:
        command = DeclareQueue(name, settings, compare=tuple(fields))
        declared = directory.ask(command, Declared)
    print(f"{'made' if declared.created else 'exists already'}: {name}")


@app.command()
def pause(name: Queue, data: DataOption = DEFAULT_DATA) -> None:
    """Deliver nothing from a queue until it is resumed."""
    _set_paused(name, data, paused=True)
    print(f"paused: {name}")


@app.command()
def resume(name: Queue, data: DataOption = DEFAULT_DATA) -> None:
    """Deliver from a paused queue again."""
    _set_paused(name, data, paused=False)
    print(f"resumed: {name}")


@app.command()
def delete(name: Queue, yes: YesOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Remove a queue and all it holds."""
    with opened(data) as directory:
        described = directory.ask(DescribeQueue(name), Described)
        _confirm(f"remove `{name}` and its {_held(described):,} messages?", yes)
        directory.ask(DeleteQueue(name), Done)
    print(f"removed: {name}")


@app.command()
def purge(name: Queue, yes: YesOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Drop every message a queue holds."""
    with opened(data) as directory:
        described = directory.ask(DescribeQueue(name), Described)
        _confirm(f"drop the {_held(described):,} messages of `{name}`?", yes)
        purged = directory.ask(PurgeQueue(name), Purged)
    print(f"dropped: {purged.count:,} messages")


@app.command()
def peek(
    name: Queue,
    count: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="COUNT", help="Most messages to show.")
    ] = 10,
    start: Annotated[
        int, typer.Option(min=0, metavar="OFFSET", help="The first one to look at.")
    ] = 0,
    state: Annotated[
        list[str] | None,
        word_option(
            "ready|delayed|leased|dead|settled", "Only messages in this state; may be given again."
        ),
    ] = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Look at messages without touching them."""
    with opened(data) as directory:
        peeked = directory.ask(Peek(name, start, count, tuple(state or ())), Peeked)
    if as_json:
        print_json([{"state": one.state, **delivery_json(one.message)} for one in peeked.messages])
        return
    columns = ("offset", "state", "deliveries", "body")
    print_table(
        columns,
        [
            (one.message.offset, one.state, one.message.delivery_count, body_text(one.message.body))
            for one in peeked.messages
        ],
    )


def names(directory: Directory, prefix: str) -> Iterator[str]:
    """Yield the names of all queues that begin with `prefix`, in order."""
    after, more = "", True
    while more:
        listed = directory.ask(ListQueues(prefix, after, PAGE_NAMES), Listed)
        yield from listed.names
        more = listed.more
        after = listed.names[-1] if listed.names else after


def described_json(described: Described) -> dict[str, object]:
    """Return a queue for programs."""
    settings = described.settings
    shown: dict[str, object] = {
        "name": described.name,
        "ready": described.ready,
        "delayed": described.delayed,
        "leased": described.leased,
        "dead": described.dead,
        "consumers": described.consumers,
        "created_ms": described.created_ms,
        "changed_ms": described.changed_ms,
    }
    fields = {name: getattr(settings, name) for name in settings.__struct_fields__}
    retry = fields.pop("retry")
    fields |= {f"retry_{name}": getattr(retry, name) for name in retry.__struct_fields__}
    return shown | {"settings": fields, "extras": described.extras, "labels": described.labels}


def _set_paused(name: str, data: Path, *, paused: bool) -> None:
    with opened(data) as directory:
        settings = QueueSettings(paused=paused)
        directory.ask(ChangeQueue(name, settings, only=("paused",)), Done)


def _rows(shown: dict[str, object]) -> Iterator[tuple[str, object]]:
    for name, one in shown.items():
        if isinstance(one, dict):
            yield from ((f"{name}.{inner}", value) for inner, value in one.items())
        else:
            yield name, one


def _shown(name: str, one: object) -> str:
    if isinstance(one, int) and name.startswith("settings."):
        if name.endswith(("_ms", "_ms_max")):
            return duration_text(one)
    elif isinstance(one, int) and name.endswith("_ms"):
        return instant_text(one)
    return "-" if one is None else str(one)


def _held(described: Described) -> int:
    return described.ready + described.delayed + described.leased + described.dead


def _confirm(question: str, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True, err=True)
