"""How a socket to a server is opened.

It stands below both drivers. The rule kept here: a path that is too long for the system's addresses
is reached through its directory.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from postroad.remote.url import Endpoint

_UNIX_PATH_BYTES_MAX: Final = 107
"""What the address of a unix socket has room for, its end left out."""


def dial(endpoint: Endpoint, timeout_s: float) -> socket.socket:
    """A connected socket that does not block. Raises `OSError`."""
    if endpoint.path:
        made = _unix(endpoint.path, timeout_s)
    else:
        made = socket.create_connection((endpoint.host, endpoint.port), timeout_s)
        keep_alive(made)
    made.setblocking(False)
    return made


def keep_alive(made: socket.socket) -> None:
    """Send small frames at once, and notice a peer that is gone though nobody sends."""
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


@contextmanager
def short_path(path: str) -> Iterator[str]:
    """A path to a socket that fits into an address, as long as this lasts."""
    if len(os.fsencode(path)) <= _UNIX_PATH_BYTES_MAX:
        yield path
        return
    folder, name = os.path.split(path)
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{name}"
    finally:
        os.close(opened)


def _unix(path: str, timeout_s: float) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.settimeout(timeout_s)
        with short_path(path) as short:
            made.connect(short)
    except BaseException:
        made.close()
        raise
    return made


def words(error: OSError) -> str:
    """What went wrong with a socket, for people."""
    if error.errno and not isinstance(error, socket.gaierror):
        # Event loops put words of their own around it.
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error) or type(error).__name__).lower()
