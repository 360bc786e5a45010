"""`postroad send` and `postroad receive`: messages by hand.

It stands over an open data directory. The rule kept here: `send` returns only when all is durable.
"""

import sys
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import typer

from postroad.cli.directory import opened
from postroad.cli.options import (
    DEFAULT_DATA,
    DataOption,
    JsonOption,
    Queue,
    time_option,
    word_option,
)
from postroad.cli.output import body_text, delivery_json, print_json, print_table
from postroad.limits import PRIORITY_MAX, SEND_STEP_MESSAGES
from postroad.model.commands import Publish, Receive, Settle
from postroad.model.message import Delivery, HeaderValue, plain_head
from postroad.model.replies import Published, Received, Settled


def send(  # noqa: PLR0913, PLR0917  (one parameter per option)
    queue: Queue,
    bodies: Annotated[
        list[str],
        typer.Argument(
            metavar="BODY...|-", help="Messages; `-` sends each line of the standard input."
        ),
    ],
    header: Annotated[
        list[str] | None,
        word_option("NAME=VALUE", "A header for each message; may be given again."),
    ] = None,
    delay: Annotated[
        int | None, time_option("When they become ready; the queue's own delay without it.")
    ] = None,
    key: Annotated[str | None, word_option("KEY", "The ordering key of each message.")] = None,
    priority: Annotated[
        int, typer.Option(min=0, max=PRIORITY_MAX, metavar="LEVEL", help="Higher ones leave first.")
    ] = 0,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Send messages; done when they are durable."""
    head = plain_head(_headers(header or []), key, None, priority)
    sent = 0
    with opened(data) as directory:
        waiting = _bodies(bodies)
        while step := list(islice(waiting, SEND_STEP_MESSAGES)):
            heads = [head] * len(step) if head else None
            delays = None if delay is None else [delay] * len(step)
            keys = None if key is None else [key] * len(step)
            levels = [priority] * len(step) if priority else None
            command = Publish((queue,), step, heads, delays, None, keys, levels)
            directory.ask(command, Published)
            sent += len(step)
    print(f"sent: {sent:,}")


def receive(
    queue: Queue,
    count: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="COUNT", help="Most messages to take.")
    ] = 1,
    wait: Annotated[int | None, time_option("How long to wait for the first.")] = None,
    ack: Annotated[
        bool,
        typer.Option(
            "--ack",
            help="Settle them: they are gone. Without it they come back when their lease ends.",
        ),
    ] = False,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Receive messages and show them."""
    with opened(data) as directory:
        messages = directory.ask(Receive(queue, count, None, wait or 0), Received).messages
        # Shown before they are settled: what could not be shown must not be gone.
        _show(messages, as_json=as_json)
        sys.stdout.flush()
        if ack and messages:
            settle = Settle(
                queue,
                [one.offset for one in messages],
                [one.lease for one in messages],
                [one.delivery_count for one in messages],
            )
            directory.ask(settle, Settled)


def add_to(app: typer.Typer) -> None:
    """Add both commands."""
    app.command("send")(send)
    app.command("receive")(receive)


def _show(messages: list[Delivery], *, as_json: bool) -> None:
    if as_json:
        for one in messages:
            print_json(delivery_json(one))
    elif not messages:
        print("no message is ready", file=sys.stderr)
    else:
        rows = [(one.offset, one.delivery_count, body_text(one.body)) for one in messages]
        print_table(("offset", "deliveries", "body"), rows)


def _bodies(given: list[str]) -> Iterator[bytes]:
    for body in given:
        if body == "-":
            yield from (line.rstrip(b"\r\n") for line in sys.stdin.buffer)
        else:
            yield body.encode()


def _headers(given: list[str]) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"`{one}` is no header; write NAME=VALUE")
        headers[name] = text
    return headers
