"""What all SQS sessions of a server share: settings, keys, and a little that is known for now.

The rule kept here: what is remembered here may be lost at any time; it only saves work, or is
allowed to be volatile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from postroad.limits import (
    HTTP_BODY_BYTES_MAX,
    SQS_DELETED_NAMES_MAX,
    SQS_LEASED_MAX,
    SQS_PURGE_INTERVAL_MS,
)
from postroad.protocols.aws.signature import Keyring
from postroad.protocols.sqs.attempts import Attempts
from postroad.protocols.sqs.receipts import Names


class Memory:
    """Queue names by address, names deleted lately, receives by attempt id; each bounded."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.deleted_ms: dict[str, int] = {}
        self.attempts = Attempts()

    def know_deleted(self, name: str, now_ms: int) -> None:
        """Remember when a queue was deleted; the oldest is forgotten when there are too many."""
        self.deleted_ms.pop(name, None)
        if len(self.deleted_ms) >= SQS_DELETED_NAMES_MAX:
            del self.deleted_ms[next(iter(self.deleted_ms))]
        self.deleted_ms[name] = now_ms


@dataclass(slots=True)
class SqsConfig:
    """Settings of the SQS side of a server; one value for all its sessions.

    `keys`: access key id -> secret; without any, signatures are not checked. `secret_key`: the
    data directory's key for handles and ids. `external_url`: what queue addresses begin with
    (None: `http://` and the Host header). `purge_interval_ms`: 0 allows a purge at any time.
    `deleted_recently_ms`: how long a deleted name may not be used again (AWS: 60,000).
    """

    region: str = "us-east-1"
    account: str = "000000000000"
    keys: Mapping[str, str] = field(default_factory=dict)
    secret_key: bytes = b""
    external_url: str | None = None
    leased_max: int = SQS_LEASED_MAX
    body_bytes_max: int = HTTP_BODY_BYTES_MAX
    purge_interval_ms: int = SQS_PURGE_INTERVAL_MS
    deleted_recently_ms: int = 0
    names: Names = field(init=False, repr=False, compare=False)
    keyring: Keyring = field(init=False, repr=False, compare=False)
    memory: Memory = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.names = Names(self.secret_key)
        self.keyring = Keyring(self.keys, "sqs")
        self.memory = Memory()
