"""What both drivers say to a server, and what they make of what it says of itself.

It stands beside the drivers. The rule kept here: a program sees the same report as where the broker
is embedded.
"""

import msgspec

import postroad
from postroad.engine.recover import RecoveryReport
from postroad.errors import NotConnected, PostroadError
from postroad.protocols.native.client import Client, Terms
from postroad.remote.url import Endpoint


def terms_of(endpoint: Endpoint, timeout_ms: int) -> Terms:
    """What a client says of itself to an endpoint."""
    return Terms(
        endpoint.shown(),
        timeout_ms,
        f"postroad-python {postroad.__version__}",
        endpoint.user,
        endpoint.password,
    )


def report_of(client: Client) -> RecoveryReport:
    """What the start of the server found, as it said last."""
    assert client.welcome is not None, "a driver is made once it is welcome"
    return RecoveryReport(**msgspec.structs.asdict(client.welcome.report))


def no_connection(client: Client, endpoint: Endpoint, why: str) -> PostroadError:
    """Why the first connection came to nothing."""
    return client.fault or NotConnected(endpoint.shown(), why)
