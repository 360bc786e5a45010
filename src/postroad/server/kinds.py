"""Kinds of settings: how each is read from text or TOML, and what is said when that fails.

It stands under the table of settings. The rule kept here: a reader raises `ValueError` with the
rest of the sentence "`x` is not good: ...".
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from postroad.net.listener import Address

Reader = Callable[[object], object]
"""Makes the value of a setting from a text (command line, environment) or a TOML value."""

_SIZE = re.compile(r"(\d+)\s*(B|[KMGT]i?B)?")
_FACTORS: Final[dict[str | None, int]] = {None: 1, "B": 1} | {
    f"{letter}{more}": base ** (power + 1)
    for power, letter in enumerate("KMGT")
    for more, base in (("B", 1_000), ("iB", 1_024))
}


def text(given: object) -> str:
    """Read a text of at least one character."""
    if not isinstance(given, str) or not given:
        raise ValueError("give a text")
    return given


def path(given: object) -> Path:
    """Read a path; a relative one starts at the working directory."""
    return Path(text(given)).expanduser()


def choice(*words: str) -> Reader:
    """Read one of a few words."""

    def read(given: object) -> str:
        if given not in words:
            raise ValueError(f"use one of {', '.join(words)}")
        return str(given)

    return read


def number(least: int, most: int) -> Reader:
    """Read a whole number in a range."""

    def read(given: object) -> int:
        digits = given if isinstance(given, str) else ""
        whole = int(digits) if digits.isascii() and digits.isdigit() else given
        if not isinstance(whole, int) or isinstance(whole, bool) or not least <= whole <= most:
            raise ValueError(f"give a whole number from {least:,} to {most:,}")
        return whole

    return read


def size(least: int) -> Reader:
    """Read a size in bytes, as a number or as `64MiB`."""

    def read(given: object) -> int:
        match = _SIZE.fullmatch(str(given))
        if isinstance(given, bool) or match is None:
            raise ValueError("give a size in bytes such as 67108864 or 64MiB")
        total = int(match[1]) * _FACTORS[match[2]]
        if total < least:
            raise ValueError(f"give at least {least:,} bytes")
        return total

    return read


def address(given: object) -> Address | None:
    """Read `HOST:PORT`, `[IPv6]:PORT` or `off`."""
    if given == "off":
        return None
    host, colon, port = text(given).rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("write an address of IP version 6 in brackets, such as [::1]:9324")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError("give HOST:PORT such as 127.0.0.1:9324 (port 0 picks a free one), or off")
    return Address(host, int(port))


def account(given: object) -> str:
    """Read an account of twelve digits."""
    if not isinstance(given, str) or not re.fullmatch(r"[0-9]{12}", given):
        raise ValueError("give twelve digits as a text")
    return given


def url(given: object) -> str:
    """Read the beginning of URLs, without a slash at the end."""
    if not isinstance(given, str) or not re.fullmatch(r"https?://[^/\s]+(/\S*)?", given):
        raise ValueError("give a URL such as https://queues.example.com")
    return given.rstrip("/")


def names(given: object) -> tuple[str, ...]:
    """Read names: a TOML array of texts, or texts with commas between."""
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, list):
        parts = []
    found = tuple(one.strip() if isinstance(one, str) else "" for one in parts)
    if not found or "" in found:
        raise ValueError("give names with commas between")
    return found


def keys(given: object) -> dict[str, str]:
    """Read access keys: a TOML table id = "secret", or `id:secret,id:secret`."""
    if isinstance(given, str):
        parts = [one.partition(":") for one in given.split(",")]
        pairs: Mapping[object, object] = {key.strip(): secret for key, _, secret in parts}
    elif isinstance(given, dict):
        pairs = given
    else:
        pairs = {}
    if not pairs or not all(
        key and secret and isinstance(secret, str) for key, secret in pairs.items()
    ):
        raise ValueError('give a table of id = "secret", or id:secret,id:secret')
    return {str(key): str(secret) for key, secret in pairs.items()}
