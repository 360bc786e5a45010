"""Where a server is, as text and as parts.

It stands at the entrance of the remote drivers. The rule kept here: a password is never shown.
"""

from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from postroad.errors import BadUrl
from postroad.model.value import value
from postroad.protocols.native.spec import SOCKET_NAME

PORT: Final = 7420
_TCP: Final = "postroad"
_UNIX: Final = "postroad+unix"


@value
class Endpoint:
    """A host and port, or (`path` not empty) a unix socket; who connects."""

    host: str = ""
    port: int = PORT
    path: str = ""
    user: str = ""
    password: str = ""

    def shown(self) -> str:
        """The address for people."""
        if self.path:
            return f"`{self.path}`"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"`{host}:{self.port}`"


def socket_of(directory: Path) -> Endpoint:
    """Where the server that holds a data directory listens for programs of this machine."""
    return Endpoint(path=str(directory.absolute() / SOCKET_NAME))


def endpoint_of(url: str) -> Endpoint:
    """The parts of `postroad://user:password@host:7420` or `postroad+unix:///path`. Raises
    `BadUrl`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrl(_without_password(url), str(error).lower()) from None
    if parts.query or parts.fragment:
        raise BadUrl(_without_password(url), "nothing follows the address")
    user = unquote(parts.username or "")
    password = unquote(parts.password or "")
    if parts.scheme == _UNIX:
        return Endpoint(path=_path(url, parts), user=user, password=password)
    if parts.scheme != _TCP:
        raise BadUrl(_without_password(url), f"it does not begin with `{_TCP}://`")
    if not parts.hostname:
        raise BadUrl(_without_password(url), "it names no host")
    if parts.path.strip("/"):
        raise BadUrl(_without_password(url), "nothing follows the port")
    try:
        parts.hostname.encode("idna")
    except UnicodeError:
        raise BadUrl(_without_password(url), "no host has such a name") from None
    return Endpoint(parts.hostname, PORT if port is None else port, "", user, password)


def _path(url: str, parts: SplitResult) -> str:
    if parts.hostname:
        why = "the path of a socket begins with a third slash"
        raise BadUrl(_without_password(url), why)
    if not parts.path.strip("/"):
        raise BadUrl(_without_password(url), "it names no file")
    path = unquote(parts.path)
    if "\0" in path:
        raise BadUrl(_without_password(url), "no file has such a name")
    return path


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    scheme, slashes, _ = head.partition("://")
    return f"{scheme}{slashes}...@{tail}" if at else url
