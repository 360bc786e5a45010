"""`postroad plan`: what a load needs of disk, of bandwidth and of brokers, before there is one.

It stands alone, beside the other commands. The rule kept here: a sum shows what it was made of, and
what a message costs besides its bytes was measured, by a test that measures it again.
"""

from collections.abc import Iterator
from typing import Annotated, Final

import typer

from postroad.cli.durations import duration_text
from postroad.cli.options import JsonOption, count_option, time_option
from postroad.cli.output import print_json, print_table
from postroad.limits import JOURNAL_BYTES
from postroad.model.value import value
from postroad.server.kinds import size

STORED_EXTRA_BYTES: Final = 8
"""What a message takes in the store besides its body and headers; measured: 4."""
WRITTEN_TIMES: Final = 3
"""How often each byte of a long backlog is written: journal, store, room made for the journal;
measured: 2.6."""
ROOM_PERCENT: Final = 20
"""What a disk should have free beside what is kept."""
BROKER_RATE: Final = 100_000
"""Messages a second that one broker is asked to take; `postroad bench` tells what yours takes."""
BROKER_WRITES: Final = "400MB"
"""Bytes a second that one broker is asked to write."""
_DAY_MS: Final = 86_400_000


@value
class Load:
    """What is to be carried: messages a second, bytes of each, ms that they stay, readers of all of
    them, and how many times each is kept.
    """

    rate: int
    message_bytes: int
    retention_ms: int
    readers: int = 1
    copies: int = 1


@value
class Sums:
    """What a load comes to; bytes, and per second where it says so."""

    in_per_second: int
    out_per_second: int
    written_per_second: int
    messages: int
    stored: int
    disk: int
    brokers: int
    why: str


def sums(load: Load, *, broker_rate: int, broker_writes: int, broker_disk: int | None) -> Sums:
    """Return what a load comes to on brokers that take so much each."""
    a_second = load.rate * load.message_bytes
    messages = load.rate * load.retention_ms // 1_000
    stored = messages * (load.message_bytes + STORED_EXTRA_BYTES) * load.copies
    disk = stored * 100 // (100 - ROOM_PERCENT) + JOURNAL_BYTES * load.copies
    written = a_second * WRITTEN_TIMES * load.copies
    needs = [
        (-(-load.rate * load.copies // broker_rate), "messages a second"),
        (-(-written // broker_writes), "bytes written a second"),
        (load.copies, "copies"),
    ]
    if broker_disk is not None:
        needs.append((-(-disk // broker_disk), "disk"))
    brokers, why = max(needs, key=lambda need: need[0])
    return Sums(a_second, a_second * load.readers, written, messages, stored, disk, brokers, why)


def plan(  # noqa: PLR0913, PLR0917  (one parameter per option)
    rate: Annotated[int, typer.Option(min=1, metavar="COUNT", help="Messages a second.")],
    message_size: Annotated[
        str, typer.Option("--size", metavar="SIZE", help="Bytes of one, such as 1KB.")
    ],
    retention: Annotated[
        int | None, time_option("How long they stay, or may have to wait; a day without it.")
    ] = None,
    readers: Annotated[int, count_option("Groups that read all of them.")] = 1,
    copies: Annotated[int, count_option("Brokers that keep each message.")] = 1,
    broker_rate: Annotated[
        int, count_option("Messages a second that one broker takes.")
    ] = BROKER_RATE,
    broker_writes: Annotated[
        str, typer.Option(metavar="SIZE", help="Bytes a second that one broker writes.")
    ] = BROKER_WRITES,
    disk: Annotated[
        str | None, typer.Option(metavar="SIZE", help="The disk of one broker.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Work out what a load needs: bandwidth, disk, and how many brokers."""
    retention_ms = _DAY_MS if retention is None else retention
    load = Load(rate, _bytes("--size", message_size), retention_ms, readers, copies)
    result = sums(
        load,
        broker_rate=broker_rate,
        broker_writes=_bytes("--broker-writes", broker_writes),
        broker_disk=None if disk is None else _bytes("--disk", disk),
    )
    if as_json:
        print_json({name: getattr(result, name) for name in Sums.__match_args__})
        return
    print_table(("what", "how much", "because"), _rows(load, result))


def _rows(load: Load, result: Sums) -> Iterator[tuple[str, str, str]]:
    kept = duration_text(load.retention_ms)
    each = f"{load.message_bytes:,} bytes"
    yield "in", f"{bytes_text(result.in_per_second)}/s", f"{load.rate:,}/s of {each}"
    yield "out", f"{bytes_text(result.out_per_second)}/s", f"readers: {load.readers}"
    because = f"each byte up to {WRITTEN_TIMES} times, copies: {load.copies}"
    yield "written", f"{bytes_text(result.written_per_second)}/s", because
    yield "messages kept", f"{result.messages:,}", f"for {kept}"
    because = f"{each} and {STORED_EXTRA_BYTES} more, copies: {load.copies}"
    yield "stored", bytes_text(result.stored), because
    because = f"{ROOM_PERCENT} % free, {bytes_text(JOURNAL_BYTES)} of journal each"
    yield "disk", bytes_text(result.disk), because
    yield "brokers", f"{result.brokers:,}", f"for its {result.why}"


def bytes_text(count: int) -> str:
    """Write bytes for people, in units of 1,000."""
    shown = float(count)
    for unit in ("bytes", "KB", "MB", "GB", "TB", "PB"):
        if shown < 1_000 or unit == "PB":
            return f"{count:,} bytes" if unit == "bytes" else f"{shown:,.1f} {unit}"
        shown /= 1_000
    raise AssertionError


def _bytes(option: str, text: str) -> int:
    try:
        return int(str(size(1)(text)))
    except ValueError as error:
        raise typer.BadParameter(f"`{option}`: `{text}` is not good: {error}") from None
