"""What can be wrong with a connection or a request, as numbers that stay.

It stands beside the session, which says them, and the client, which reads them. The rule kept here:
what the broker refuses is a reply like any other (`Refused` with its `Why`); a fault is about the
protocol itself.
"""

from enum import IntEnum
from typing import Final


class FaultCode(IntEnum):
    """Why something could not be taken; `FAULTS` says it in words."""

    NOT_POSTROAD = 1
    VERSION = 2
    LOGIN = 3
    BAD_FRAME = 4
    TOO_LARGE = 5
    OUT_OF_ORDER = 6
    TOO_MANY = 7
    LATE = 8
    UNKNOWN = 20
    BAD_PAYLOAD = 21
    NOT_SENT = 22


FAULTS: Final[dict[FaultCode, str]] = {
    FaultCode.NOT_POSTROAD: "What came first was not the magic: another protocol, or a stray peer.",
    FaultCode.VERSION: "The client speaks no version that the server speaks; the text names both.",
    FaultCode.LOGIN: "There is no such user, or the password is another.",
    FaultCode.BAD_FRAME: "A frame of a kind that clients do not send, or one that does not decode.",
    FaultCode.TOO_LARGE: "A frame is longer than `frame_bytes_max`.",
    FaultCode.OUT_OF_ORDER: "A request before HELLO, a second HELLO, or a number still in use.",
    FaultCode.TOO_MANY: "More requests are outstanding than `requests_max`.",
    FaultCode.LATE: "HELLO did not come in time, or nothing from a client that waits.",
    FaultCode.UNKNOWN: "No command has this tag; a newer server may know it.",
    FaultCode.BAD_PAYLOAD: "The payload of a request is not what its tag says.",
    FaultCode.NOT_SENT: "It was done, but its answer fits into no frame, or cannot be written.",
}
"""Those below 20 are about the connection, which closes; the others about one request."""


class Broken(Exception):  # noqa: N818  (the name is the sentence)
    """The connection must close."""

    def __init__(self, code: FaultCode, text: str) -> None:
        """Say why, for the peer."""
        super().__init__(text)
        self.code = code
        self.text = text
