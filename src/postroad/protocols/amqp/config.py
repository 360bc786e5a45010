"""What all AMQP sessions of a server share: users, vhosts, limits, and names that are made up.

The rule kept here: nothing of one connection's state is here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from postroad.protocols.amqp.naming import FreshNames

DEFAULT_VHOST: Final = "/"
GUEST: Final = "guest"
"""The user that exists where none was configured, for clients on this machine only."""


def _enough() -> bool:
    return False


@dataclass(slots=True)
class AmqpConfig:
    """Settings of the AMQP side of a server; one value for all its sessions.

    `users`: name -> password. `vhosts`: the names of those that exist. `secret_key`: the data
    directory's key, for names. `heartbeat_s`: what is offered. `short_of_space()`: whether the disk
    is so full that publishers should wait.
    """

    users: Mapping[str, str] = field(default_factory=lambda: {GUEST: GUEST})
    vhosts: tuple[str, ...] = (DEFAULT_VHOST,)
    secret_key: bytes = b""
    heartbeat_s: int = 60
    channels_max: int = 2_047
    frame_bytes_max: int = 131_072
    short_of_space: Callable[[], bool] = _enough
    names: FreshNames = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Derive the names' key."""
        self.names = FreshNames(self.secret_key)
