"""What all SNS sessions of a server share: settings, keys, and the maker of names.

The rule kept here: nothing of it must outlive the process; what must is in the core.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from postroad.protocols.aws.signature import Keyring
from postroad.protocols.sns.names import Names


@dataclass(slots=True)
class SnsConfig:
    """Settings of the SNS side of a server; one value for all its sessions.

    `keys`: access key id -> secret; without any, signatures are not checked. `secret_key`: the
    data directory's key for ids and tokens. `external_url`: what addresses in messages begin with
    (None: `http://` and the Host header).
    """

    region: str = "us-east-1"
    account: str = "000000000000"
    keys: Mapping[str, str] = field(default_factory=dict)
    secret_key: bytes = b""
    external_url: str | None = None
    names: Names = field(init=False, repr=False, compare=False)
    keyring: Keyring = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.names = Names(self.secret_key)
        self.keyring = Keyring(self.keys, "sns")
