"""What all native sessions of a server share: users, bounds, and what a client is told.

The rule kept here: nothing of one connection's state is here.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from postroad.limits import NATIVE_FRAME_BYTES_MAX, NATIVE_REQUESTS_MAX
from postroad.protocols.native.greeting import Report, Welcome
from postroad.protocols.native.spec import VERSION


@dataclass(slots=True)
class Counts:
    """What happened on all connections since the start."""

    requests: int = 0
    request_faults: int = 0
    connection_faults: int = 0
    logins_refused: int = 0

    def figures(self) -> dict[str, float]:
        """Counters by the names of `postroad.metrics`."""
        return {
            "native_requests_total": self.requests,
            "native_request_faults_total": self.request_faults,
            "native_connection_faults_total": self.connection_faults,
            "native_logins_refused_total": self.logins_refused,
        }


@dataclass(slots=True)
class NativeConfig:
    """Settings of the native side of a server; one value for all its sessions.

    `users`: name -> password; none: whoever comes is let in. `requests_max`, `frame_bytes_max`:
    what one client may have outstanding, and in one frame. `server`, `durability`, `compiled`,
    `report`: what clients are told.
    """

    users: Mapping[str, str] = field(default_factory=dict)
    requests_max: int = NATIVE_REQUESTS_MAX
    frame_bytes_max: int = NATIVE_FRAME_BYTES_MAX
    server: str = ""
    durability: str = ""
    compiled: bool = False
    report: Report = field(default_factory=Report)
    counts: Counts = field(default_factory=Counts, repr=False, compare=False)

    def lets_in(self, user: str, password: str) -> bool:
        """Whether a login is good; an unknown name takes as long as a wrong password."""
        if not self.users:
            return True
        known = self.users.get(user, "")
        right = hmac.compare_digest(_bytes(known), _bytes(password))
        return right and bool(known)

    def welcome(self, version: int = VERSION) -> Welcome:
        """What a client is told that was let in."""
        return Welcome(
            version=version,
            server=self.server,
            epoch=self.report.epoch,
            durability=self.durability,
            compiled=self.compiled,
            requests_max=self.requests_max,
            frame_bytes_max=self.frame_bytes_max,
            report=self.report,
        )


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
