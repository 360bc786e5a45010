"""A unix socket in a data directory: how programs on this machine reach who holds it.

It stands beside the ports. The rule kept here: the file is the owner's alone from before it can be
connected to, and gone when the server is.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

from postroad.limits import LISTEN_BACKLOG, SOCKET_PATH_BYTES_MAX
from postroad.net.hub import Hub
from postroad.net.tcp import Connection
from postroad.protocols.interface import Session


class SocketFile:
    """An open unix socket."""

    def __init__(self, file: Path, server: asyncio.Server) -> None:
        """Made by `open_socket_file`."""
        self.file = file
        self._server = server

    def close(self) -> None:
        """Accept no more; connections that are open stay."""
        self._server.close()
        with contextlib.suppress(OSError):
            self.file.unlink(missing_ok=True)


async def open_socket_file(hub: Hub, file: Path, session: Callable[[], Session]) -> SocketFile:
    """Open a unix socket; one that a crash left behind is replaced, so the caller must hold the
    directory's lock. `session()` makes the state of one connection. Raises `OSError`.
    """
    loop = asyncio.get_running_loop()
    listening = _bound(file)
    server = await loop.create_unix_server(
        lambda: Connection(hub, session()), sock=listening, backlog=LISTEN_BACKLOG
    )
    return SocketFile(file, server)


def short_path(file: Path) -> str:
    """A path of the file that the system takes for a socket. Raises `OSError` where there is
    none."""
    for path in (str(file), os.path.relpath(file)):
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
            return path
    raise OSError(f"its path is longer than the {SOCKET_PATH_BYTES_MAX} bytes of a socket's")


def _bound(file: Path) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no unix sockets")
    path = short_path(file)
    file.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
        # Nobody can connect before it listens, so that nobody comes in between.
        file.chmod(0o600)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
