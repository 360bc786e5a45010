"""`postroad push`: which queues are delivered to web addresses.

It stands over a broker: an open data directory, or the server that holds it. The rule kept here: a
secret is never shown, and need not stand on a command line where others may read it.
"""

from pathlib import Path
from typing import Annotated

import typer

from postroad.api.broker import Broker
from postroad.api.pushes import Push
from postroad.cli.directory import NoDirectory
from postroad.cli.options import DEFAULT_DATA, DataOption, JsonOption, Queue, count_option
from postroad.cli.output import print_json, print_table
from postroad.model.pushes import PushSettings

_DEFAULTS = PushSettings(url="")

app = typer.Typer(
    help="Deliver queues to web addresses, which a server does.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SecretOption = Annotated[
    str,
    typer.Option(
        metavar="WHSEC",
        envvar="POSTROAD_PUSH_SECRET",
        show_envvar=True,
        help="Sign requests with this secret: whsec_ and base64 of 24 to 64 random bytes.",
    ),
]
TimeoutOption = Annotated[
    float, typer.Option(metavar="SECONDS", help="How long an answer may take.")
]


@app.command("set")
def set_push(  # noqa: PLR0913, PLR0917  (one parameter per option)
    name: Queue,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are posted.")],
    concurrency: Annotated[
        int, count_option("Most requests under way at once.")
    ] = _DEFAULTS.concurrency,
    per_second: Annotated[int | None, count_option("Most requests a second.")] = None,
    timeout_s: TimeoutOption = _DEFAULTS.timeout_ms / 1_000,
    secret: SecretOption = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Deliver the messages of a queue to a web address, in place of how it was before."""
    with _broker(data) as broker:
        broker.push(
            name,
            url,
            concurrency=concurrency,
            per_second=per_second,
            timeout_s=timeout_s,
            secret=secret,
        )
    print(f"pushed: {name}")


@app.command("list")
def list_pushes(data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """List the queues that are delivered to web addresses."""
    with _broker(data) as broker:
        found = broker.pushes()
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    columns = ("queue", "url", "at once", "a second", "timeout", "signed")
    print_table(columns, [_row(one) for one in found])


@app.command("stop")
def stop_push(name: Queue, data: DataOption = DEFAULT_DATA) -> None:
    """Deliver a queue to no web address any more; its messages stay."""
    with _broker(data) as broker:
        was_pushed = broker.stop_push(name)
    print(f"stopped: {name}" if was_pushed else f"was not pushed: {name}")


def _broker(data: Path) -> Broker:
    if not data.is_dir():
        raise NoDirectory(f"there is no data directory `{data}`; name one with --data DIR")
    return Broker.open(data)


def _row(push: Push) -> tuple[str, ...]:
    if push.wrong:
        return push.queue, f"is no push: {push.wrong}", "", "", "", ""
    return (
        push.queue,
        push.url,
        str(push.concurrency),
        "" if push.per_second is None else str(push.per_second),
        f"{push.timeout_s:g} s",
        "yes" if push.signed else "no",
    )


def _as_json(push: Push) -> dict[str, object]:
    shown: dict[str, object] = {"queue": push.queue}
    if push.wrong:
        return {**shown, "wrong": push.wrong}
    return {
        **shown,
        "url": push.url,
        "concurrency": push.concurrency,
        "per_second": push.per_second,
        "timeout_s": push.timeout_s,
        "signed": push.signed,
    }
