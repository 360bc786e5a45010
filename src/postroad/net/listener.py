"""A port that accepts connections for one protocol.

It stands at the mouth of the road. The rule kept here: when a port cannot be had, the error says
which, why and what to do, in one line.
"""

import asyncio
import errno
import socket
from collections.abc import Callable

from postroad.errors import PostroadError
from postroad.limits import LISTEN_BACKLOG
from postroad.model.value import value
from postroad.net.hub import Hub
from postroad.net.tcp import Connection
from postroad.protocols.interface import Session


@value
class Address:
    """Where to listen; port 0 picks a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class CannotListen(PostroadError):  # noqa: N818  (the name is the sentence)
    """A port cannot be had."""

    def __init__(self, name: str, address: Address, error: OSError) -> None:
        """Name the protocol, the address, the reason and the way out."""
        super().__init__(f"cannot listen for {name} on {address}: {_reason(name, address, error)}")


class Listener:
    """One open port; `address` says where, with the port that was picked."""

    def __init__(self, name: str, address: Address, server: asyncio.Server) -> None:
        """Made by `open_listener`."""
        self.name = name
        self.address = address
        self._server = server

    def close(self) -> None:
        """Accept no more; connections that are open stay."""
        self._server.close()


async def open_listener(
    hub: Hub, name: str, address: Address, session: Callable[[], Session]
) -> Listener:
    """Open a port for the protocol `name`; `session()` makes the state of one connection.

    Raises `CannotListen`.
    """
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(
            lambda: Connection(hub, session()),
            address.host,
            address.port,
            backlog=LISTEN_BACKLOG,
        )
    except OSError as error:
        raise CannotListen(name, address, error) from error
    port = server.sockets[0].getsockname()[1]
    return Listener(name, Address(address.host, port), server)


def _reason(name: str, address: Address, error: OSError) -> str:
    other = f"or choose another with `--{name} {Address(address.host, 0)}` (0 picks a free one)"
    if error.errno == errno.EADDRINUSE:
        return f"another program uses that port; stop it {other}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"ports below 1024 need more rights; give them {other}"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address `{address.host}`; use 127.0.0.1, or 0.0.0.0 for all"
    return f"{error.strerror or error}"
