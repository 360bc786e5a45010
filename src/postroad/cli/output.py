"""What the commands print: tables for people, JSON for programs.

It stands under the commands. The rule kept here: a value is shown the same way wherever it is
shown.
"""

import base64
import json
from collections.abc import Iterable, Sequence

from postroad.model.message import Delivery, headers_of


def print_json(shown: object) -> None:
    """Print one JSON value on one line."""
    print(json.dumps(shown, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their column names."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    lines = list(rows)
    for index, column in enumerate(columns):
        is_number = bool(lines) and isinstance(lines[0][index], int)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in lines:
        # As plain text: a message body is not to be read as markup.
        cells = [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row]
        table.add_row(*(Text(cell) for cell in cells))
    Console(soft_wrap=False).print(table)


def body_text(body: bytes, *, length_max: int = 200) -> str:
    """Return a body for people: text where it is text, cut to a length."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.hex(" ")
    shown = "".join(char if char.isprintable() else " " for char in text[: length_max + 1])
    return shown if len(shown) <= length_max else shown[:length_max] + "…"


def delivery_json(delivery: Delivery) -> dict[str, object]:
    """Return a message for programs; a body that is no text comes as base64."""
    shown: dict[str, object] = {
        "offset": delivery.offset,
        "delivery_count": delivery.delivery_count,
        "published_ms": delivery.published_ms,
        "headers": {name: _plain(one) for name, one in headers_of(delivery.head).items()},
    }
    try:
        shown["body"] = delivery.body.decode()
    except UnicodeDecodeError:
        shown["body_base64"] = _plain(delivery.body)
    return shown


def _plain(one: object) -> object:
    return base64.b64encode(one).decode() if isinstance(one, bytes) else one
