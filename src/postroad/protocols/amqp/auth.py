"""Who logs in: the two ways a client may tell its name and password.

It stands beside the handshake. The rule kept here: a wrong password and an unknown name cannot be
told apart, not even by the time it takes.
"""

import hmac
import struct
from collections.abc import Callable
from typing import Any, Final

from postroad.model.fields import read_table
from postroad.protocols.amqp.config import GUEST, AmqpConfig
from postroad.protocols.amqp.errors import COMMAND_INVALID, SYNTAX_ERROR, ConnectionFault


def log_in(config: AmqpConfig, args: dict[str, Any], *, loopback: bool) -> str | None:
    """Return the name of the user of a `connection.start-ok`; `None`: the login is refused. Raises
    `ConnectionFault` for what is no login at all. `guest` may come from this machine only."""
    mechanism = args["mechanism"]
    read = _MECHANISMS.get(mechanism)
    if read is None:
        text = f"unknown authentication mechanism '{mechanism[:80]}'"
        raise ConnectionFault(COMMAND_INVALID, text)
    name, password = read(_octets(args["response"]))
    known = config.users.get(name, "")
    if not hmac.compare_digest(known.encode(), password) or not known:
        return None
    return None if name == GUEST and not loopback else name


def _octets(given: str | bytes) -> bytes:
    return given.encode() if isinstance(given, str) else given


def _plain(response: bytes) -> tuple[str, bytes]:
    """Read a NUL, the name, a NUL and the password."""
    parts = response.split(b"\0")
    if len(parts) != 3 or parts[0]:
        raise ConnectionFault(SYNTAX_ERROR, "response of mechanism PLAIN invalid")
    return parts[1].decode(errors="replace"), parts[2]


def _amqplain(response: bytes) -> tuple[str, bytes]:
    """Read a field table without its length, with LOGIN and PASSWORD in it."""
    try:
        table, _ = read_table(struct.pack(">I", len(response)) + response, 0)
    except ValueError:
        table = {}
    name, password = table.get("LOGIN"), table.get("PASSWORD")
    if not isinstance(name, str | bytes) or not isinstance(password, str | bytes):
        raise ConnectionFault(SYNTAX_ERROR, "AMQPLAIN auth info is invalid")
    return _octets(name).decode(errors="replace"), _octets(password)


_MECHANISMS: Final[dict[str, Callable[[bytes], tuple[str, bytes]]]] = {
    "PLAIN": _plain,
    "AMQPLAIN": _amqplain,
}
