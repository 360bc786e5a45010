"""What a server says when it is ready: where it listens, where the data is, what durable means.

It stands beside the start. The rule kept here: whatever is weaker than the default is said aloud.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from postroad import __version__
from postroad.net.listener import Address
from postroad.server.config import Settings
from postroad.server.driver import Driver

CLIENTS: Final = {
    "sqs": "Amazon SQS clients: http://",
    "amqp": "RabbitMQ clients: amqp://",
    "native": "Python clients: postroad://",
}
"""Protocol name -> how its users call it, up to the address."""
_HERE: Final = ("127.0.0.1", "::1", "localhost")


def banner(
    settings: Settings,
    driver: Driver,
    addresses: Mapping[str, Address],
    opened_s: float,
    remarks: Sequence[str] = (),
) -> str:
    """Return the lines that greet whoever started the server; `opened_s`: how long it took;
    `remarks`: more that its owner should know."""
    variant = "compiled" if driver.compiled else "pure Python"
    rows = [("postroad", f"{__version__} ({variant})")]
    for name, address in addresses.items():
        rows.append((name, f"{CLIENTS.get(name, name)}{address}"))
    rows.append(("data", str(settings.data.resolve())))
    rows.append(("durable", driver.durability))
    rows.append(("opened", _opened(driver, opened_s)))
    rows.extend(("warning", line) for line in (*warnings(settings, driver), *remarks))
    return "\n".join(f"{name:<9} {line}" for name, line in rows)


def warnings(settings: Settings, driver: Driver) -> list[str]:
    """Return what the owner of the data should know before relying on it."""
    lines = []
    if driver.report.torn_bytes:
        lines.append(
            f"the journal ended in {driver.report.torn_bytes:,} bytes that are no whole group and"
            " have been cut off: an append that a crash cut short, if the disk is sound"
        )
    if settings.sqs is None and settings.amqp is None and settings.native is None:
        lines.append("no protocol listens, so nobody can reach this server; give --sqs HOST:PORT")
    if settings.sync != "always":
        lines.append(
            f"sync = {settings.sync}: what is acknowledged can be lost when the machine fails"
        )
    if settings.sqs is not None and settings.sqs.host not in _HERE and not settings.sqs_keys:
        lines.append(
            f"{settings.sqs} is open to other machines and asks for no access key;"
            " set `sqs.keys` in the settings file"
        )
    native = settings.native
    if native is not None and native.host not in _HERE and not settings.native_users:
        lines.append(
            f"{native} is open to other machines and asks for no password;"
            " set `native.users` in the settings file"
        )
    return lines


def write_endpoints(file: Path, addresses: Mapping[str, Address]) -> None:
    """Write name -> "host:port" as a JSON object; a reader sees all of it or nothing.

    Raises `OSError`.
    """
    made = file.with_name(f".{file.name}.new")
    texts = {name: str(address) for name, address in addresses.items()}
    made.write_text(json.dumps(texts) + "\n", encoding="utf-8")
    made.replace(file)


def _opened(driver: Driver, opened_s: float) -> str:
    report = driver.report
    return (
        f"{report.messages:,} messages waiting, {report.groups:,} journal groups read"
        f" in {opened_s:.2f} s, epoch {report.epoch}"
    )
