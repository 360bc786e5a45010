"""`postroad schedule`: messages that the broker publishes at their times.

It stands over a broker: an open data directory, or the server that holds it. The rule kept here:
times are told in UTC, whatever zone a schedule is read in.
"""

from pathlib import Path
from typing import Annotated

import typer

from postroad.api.broker import Broker
from postroad.api.schedules import ScheduleOptions
from postroad.cli.directory import NoDirectory
from postroad.cli.durations import duration_text, instant_text
from postroad.cli.options import (
    DEFAULT_DATA,
    DataOption,
    JsonOption,
    YesOption,
    time_option,
    word_option,
)
from postroad.cli.output import body_text, print_json, print_table
from postroad.limits import PRIORITY_MAX
from postroad.model.schedules import MISSED, ScheduleInfo

app = typer.Typer(
    help="Have messages published at their times: cron and intervals.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the schedule.")]
CronOption = Annotated[str | None, word_option("CRON", "Five fields, such as `0 3 * * *`.")]
ZoneOption = Annotated[str, word_option("ZONE", "The time zone that cron is read in.")]
EveryOption = Annotated[str | None, word_option("TIME", "Instead of cron: each so long.")]
MissedOption = Annotated[
    str, word_option("|".join(MISSED), "What becomes of slots that nobody could fire.")
]
JitterOption = Annotated[int | None, time_option("Fire later by a share of this, always the same.")]
TtlOption = Annotated[int | None, time_option("Each message is gone after so long.")]
PriorityOption = Annotated[int, typer.Option(min=0, max=PRIORITY_MAX, help="Of each message.")]


@app.command("list")
def list_schedules(
    prefix: Annotated[str, word_option("TEXT", "Only names that begin so.")] = "",
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """List schedules, when each fires next, and how it fared."""
    with _broker(data) as broker:
        found = broker.schedules(prefix)
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    columns = ("schedule", "to", "when", "next", "fired", "failed", "passed", "failure")
    print_table(columns, [_row(one) for one in found])


@app.command("set")
def set_schedule(  # noqa: PLR0913, PLR0917  (one parameter per option)
    name: Name,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="Where messages are published.")],
    body: Annotated[str, typer.Argument(metavar="BODY", help="What each says.")] = "",
    cron: CronOption = None,
    zone: ZoneOption = "UTC",
    every: EveryOption = None,
    missed: MissedOption = MISSED[0],
    jitter: JitterOption = None,
    ttl: TtlOption = None,
    priority: PriorityOption = 0,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Publish a message to a queue at each time, in place of how it was before."""
    options: ScheduleOptions = {"queue": queue, "body": body, "zone": zone, "missed": missed}
    options |= {"jitter_ms": jitter or 0, "ttl_ms": ttl, "priority": priority}
    if cron is not None:
        options["cron"] = cron
    if every is not None:
        options["every"] = every
    with _broker(data) as broker:
        declared = broker.schedule(name, **options)
    late = f", and up to {duration_text(jitter)} later" if jitter else ""
    print(f"next: {_instant(declared.next_ms)}{late}")


@app.command()
def pause(name: Name, data: DataOption = DEFAULT_DATA) -> None:
    """Fire nothing until it is resumed."""
    with _broker(data) as broker:
        broker.pause_schedule(name)
    print(f"paused: {name}")


@app.command()
def resume(name: Name, data: DataOption = DEFAULT_DATA) -> None:
    """Go on with the first time after now."""
    with _broker(data) as broker:
        broker.resume_schedule(name)
    print(f"resumed: {name}")


@app.command()
def fire(name: Name, data: DataOption = DEFAULT_DATA) -> None:
    """Publish its message now, beside its times."""
    with _broker(data) as broker:
        broker.fire(name)
    print(f"fired: {name}")


@app.command()
def delete(name: Name, yes: YesOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Forget a schedule; messages it published stay."""
    if not yes:
        typer.confirm(f"delete schedule `{name}`?", abort=True, err=True)
    with _broker(data) as broker:
        broker.unschedule(name)
    print(f"deleted: {name}")


def _broker(data: Path) -> Broker:
    if not data.is_dir():
        raise NoDirectory(f"there is no data directory `{data}`; name one with --data DIR")
    return Broker.open(data)


def _row(info: ScheduleInfo) -> tuple[object, ...]:
    settings = info.settings
    when = settings.cron or f"every {duration_text(settings.every_ms)}"
    zone = f" ({settings.zone})" if settings.cron and settings.zone != "UTC" else ""
    counts = (info.fired, info.failed, info.passed)
    shown_next = "paused" if info.paused else _instant(info.due_ms)
    target = f"{settings.target_kind} {settings.target}"
    return info.name, target, when + zone, shown_next, *counts, info.failure


def _as_json(info: ScheduleInfo) -> dict[str, object]:
    settings = info.settings
    return {
        "name": info.name,
        settings.target_kind: settings.target,
        "body": body_text(settings.body),
        "cron": settings.cron or None,
        "zone": settings.zone if settings.cron else None,
        "every_ms": settings.every_ms or None,
        "missed": settings.missed,
        "jitter_ms": settings.jitter_ms or None,
        "ttl_ms": settings.ttl_ms,
        "priority": settings.priority,
        "paused": info.paused,
        "next_ms": info.next_ms or None,
        "due_ms": info.due_ms or None,
        "slot_ms": info.slot_ms or None,
        "fired": info.fired,
        "failed": info.failed,
        "passed": info.passed,
        "failure": info.failure,
    }


def _instant(ms: int) -> str:
    return instant_text(ms) if ms else "never"
