"""Names: those of a vhost as the core has them, and those the server makes up.

The rule kept here: two different names of any vhosts never meet in one name of the core, and no
name is a throw of dice.
"""

import base64
import hashlib
from typing import Final

_FRESH_BYTES: Final = 16


def core_name(vhost: str, name: str) -> str:
    """Return the core's name for `name` in `vhost`: in `/` the name itself."""
    if not name:
        return ""
    if vhost == "/":
        return "@" + name if name.startswith("@") else name
    return f"@{_escape(vhost)}/{name}"


def amqp_name(vhost: str, core: str) -> str | None:
    """Return the name in `vhost` of what the core calls `core`; `None`: it is in another one."""
    if vhost == "/":
        if not core.startswith("@"):
            return core
        return core[1:] if core.startswith("@@") else None
    start = f"@{_escape(vhost)}/"
    return core[len(start) :] if core.startswith(start) else None


def _escape(vhost: str) -> str:
    safe = vhost.replace("%", "%25").replace("/", "%2F")
    return "%40" + safe[1:] if safe.startswith("@") else safe


class FreshNames:
    """Names nobody else has: a keyed hash of a counter, so they cannot be guessed either."""

    def __init__(self, secret_key: bytes) -> None:
        """`secret_key`: the data directory's; with `now_ms` it keeps restarts apart."""
        self._key = hashlib.blake2b(secret_key, person=b"amqp names").digest()[:32]
        self._count = 0

    def fresh(self, start: str, now_ms: int) -> str:
        """Return a name of `start` (`amq.gen-`, `amq.ctag-`) and 22 characters."""
        self._count += 1
        counted = f"{now_ms} {self._count}".encode()
        digest = hashlib.blake2b(counted, key=self._key, digest_size=_FRESH_BYTES).digest()
        return start + base64.urlsafe_b64encode(digest).decode().rstrip("=")
