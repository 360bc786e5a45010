"""Errors as AWS services give them, and those that every service has.

The rule kept here: an error is a value with a kind from a table and one line for a person.
"""

from typing import Final

from postroad.model.value import value

CORAL: Final = "com.amazon.coral.service"


@value
class FaultKind:
    """`shape`: its name in the JSON protocol; `code`: in the Query protocol, which is also what
    SDKs show (header `x-amzn-query-error`); `status`: of HTTP; `sender`: whose fault it is."""

    shape: str
    code: str
    status: int = 400
    sender: bool = True
    space: str = CORAL


@value
class Fault:
    """One error that a client gets: its kind, and what was wrong in one line."""

    kind: FaultKind
    text: str


MISSING_PARAMETER: Final = FaultKind("MissingRequiredParameterException", "MissingParameter")
INVALID_PARAMETER: Final = FaultKind("InvalidParameterValueException", "InvalidParameterValue")
MALFORMED_INPUT: Final = FaultKind("SerializationException", "MalformedInput")
MALFORMED_QUERY: Final = FaultKind("MalformedQueryStringException", "MalformedQueryString", 404)
MISSING_ACTION: Final = FaultKind("MissingActionException", "MissingAction")
INVALID_ACTION: Final = FaultKind("UnknownOperationException", "InvalidAction")
MISSING_TOKEN: Final = FaultKind(
    "MissingAuthenticationTokenException", "MissingAuthenticationToken", 403
)
INVALID_TOKEN: Final = FaultKind("UnrecognizedClientException", "InvalidClientTokenId", 403)
INCOMPLETE_SIGNATURE: Final = FaultKind("IncompleteSignatureException", "IncompleteSignature")
BAD_SIGNATURE: Final = FaultKind("InvalidSignatureException", "SignatureDoesNotMatch", 403)
INTERNAL: Final = FaultKind("InternalFailureException", "InternalFailure", 500, sender=False)
UNAVAILABLE: Final = FaultKind(
    "ServiceUnavailableException", "ServiceUnavailable", 503, sender=False
)


def missing(name: str) -> Fault:
    """A required parameter is not there."""
    return Fault(MISSING_PARAMETER, f"The request must contain the parameter {name}.")


def invalid(name: str, given: object, reason: str) -> Fault:
    """A parameter's value is not acceptable; a long value is shortened."""
    text = str(given)
    if len(text) > 256:
        text = text[:256] + "..."
    return Fault(
        INVALID_PARAMETER, f"Value {text} for parameter {name} is invalid. Reason: {reason}"
    )
