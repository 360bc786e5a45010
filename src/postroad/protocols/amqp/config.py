"""What all AMQP sessions of a server share: users, vhosts, limits, and names that are made up.

The rule kept here: nothing of one connection's state is here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from postroad.limits import (
    AMQP_CHANNELS_MAX,
    AMQP_FRAME_BYTES_MAX,
    AMQP_FRAME_BYTES_MIN,
    AMQP_HEARTBEAT_S,
    AMQP_UNREAD_BYTES_MAX,
)
from postroad.protocols.amqp.naming import FreshNames

DEFAULT_VHOST: Final = "/"
GUEST: Final = "guest"
"""The user that exists where none was configured, for clients on this machine only."""

CONSUMER_TIMEOUT_MS: Final = 30 * 60 * 1_000


def _enough() -> bool:
    return False


@dataclass(slots=True)
class Counts:
    """What happened on all connections since the start."""

    channels_opened: int = 0
    channel_faults: int = 0
    connection_faults: int = 0
    logins_refused: int = 0
    heartbeats_missed: int = 0
    stalls: int = 0

    def figures(self) -> dict[str, float]:
        """Counters by the names of `postroad.metrics`."""
        return {
            "amqp_channels_opened_total": self.channels_opened,
            "amqp_channel_faults_total": self.channel_faults,
            "amqp_connection_faults_total": self.connection_faults,
            "amqp_logins_refused_total": self.logins_refused,
            "amqp_heartbeats_missed_total": self.heartbeats_missed,
            "amqp_stalls_total": self.stalls,
        }


@dataclass(slots=True)
class AmqpConfig:
    """Settings of the AMQP side of a server; one value for all its sessions.

    `users`: name -> password. `vhosts`: the names of those that exist. `secret_key`: the data
    directory's key, for names. `heartbeat_s`, `channels_max`, `frame_bytes_max`: what is offered.
    `consumer_timeout_ms`: how long a client may take to settle a delivery, 0 for ever.
    `unread_bytes_max`: what may be on its way to the consumers of a connection.
    `platform`: what runs here, in a word for clients. `short_of_space()`: whether the disk
    is so full that publishers should wait.
    """

    users: Mapping[str, str] = field(default_factory=lambda: {GUEST: GUEST})
    vhosts: tuple[str, ...] = (DEFAULT_VHOST,)
    secret_key: bytes = b""
    heartbeat_s: int = AMQP_HEARTBEAT_S
    channels_max: int = AMQP_CHANNELS_MAX
    frame_bytes_max: int = AMQP_FRAME_BYTES_MAX
    platform: str = "Postroad"
    consumer_timeout_ms: int = CONSUMER_TIMEOUT_MS
    unread_bytes_max: int = AMQP_UNREAD_BYTES_MAX
    short_of_space: Callable[[], bool] = _enough
    counts: Counts = field(default_factory=Counts, repr=False, compare=False)
    names: FreshNames = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Derive the names' key. Raises `ValueError` for bounds that nothing could go through."""
        for name in ("channels_max", "frame_bytes_max", "unread_bytes_max"):
            least = AMQP_FRAME_BYTES_MIN if name == "frame_bytes_max" else 1
            if getattr(self, name) < least:
                raise ValueError(f"`{name}` is at least {least:,}")
        self.names = FreshNames(self.secret_key)
