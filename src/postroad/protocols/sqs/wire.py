"""Bytes to typed inputs, and answers to bytes, in JSON 1.0 and in the Query form.

The rule kept here: both forms end in the same input values and begin from the same plain answers.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from postroad.protocols.aws.faults import INVALID_PARAMETER, MALFORMED_INPUT, Fault
from postroad.protocols.aws.inputs import members_of
from postroad.protocols.aws.query import MalformedForm, Member, shape_form
from postroad.protocols.aws.session import Shape
from postroad.protocols.aws.xml import encode_answer, encode_error
from postroad.protocols.http.wire import encode
from postroad.protocols.sqs.spec import INPUTS, NAMESPACE, RESULTLESS, SPELLINGS

_JSON: Final = b"application/x-amz-json-1.0"
_XML: Final = b"text/xml"
_encode_json: Final = msgspec.json.Encoder().encode


def read_json(action: str, body: bytes) -> Struct | Fault:
    """The input of an action from a JSON body; none is an empty one."""
    try:
        return _JSON_READERS[action](body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Fault(MALFORMED_INPUT, f"The request body is not valid: {error}")


def read_query(action: str, parameters: dict[str, str]) -> Struct | Fault:
    """The input of an action from its Query parameters."""
    try:
        shape = shape_form(parameters, MEMBERS[action])
        return msgspec.convert(shape, INPUTS[action], strict=False)
    except MalformedForm as error:
        return Fault(MALFORMED_INPUT, str(error))
    except msgspec.ValidationError as error:
        return Fault(INVALID_PARAMETER, f"One or more parameters are invalid. Reason: {error}")


class Answering:
    """How a request is answered; each answer has a request id of its own."""

    __slots__ = ("action", "keep_alive", "request_id", "xml")

    def __init__(self, action: str, *, xml: bool, keep_alive: bool, request_id: str) -> None:
        self.action = action
        self.xml = xml
        self.keep_alive = keep_alive
        self.request_id = request_id

    def answer(self, result: Shape | Fault) -> bytes:
        """The whole HTTP answer."""
        if type(result) is dict:
            if self.xml:
                body = encode_answer(
                    self.action,
                    result,
                    spellings=SPELLINGS[self.action],
                    namespace=NAMESPACE,
                    request_id=self.request_id,
                    resultless=self.action in RESULTLESS,
                )
                return self._encode(200, _XML, body, b"")
            return self._encode(200, _JSON, _encode_json(result), b"")
        assert isinstance(result, Fault)
        return self._error(result)

    def _error(self, fault: Fault) -> bytes:
        kind = fault.kind
        if self.xml:
            body = encode_error(fault, namespace=NAMESPACE, request_id=self.request_id)
            return self._encode(kind.status, _XML, body, b"")
        whose = "Sender" if kind.sender else "Receiver"
        body = _encode_json({"__type": f"{kind.space}#{kind.shape}", "message": fault.text})
        extra = f"x-amzn-query-error: {kind.code};{whose}\r\n".encode()
        return self._encode(kind.status, _JSON, body, extra)

    def _encode(self, status: int, content_type: bytes, body: bytes, extra: bytes) -> bytes:
        extra = b"x-amzn-RequestId: %b\r\n%b" % (self.request_id.encode(), extra)
        return encode(status, content_type, body, extra=extra, keep_alive=self.keep_alive)


_JSON_READERS: Final[dict[str, Callable[[bytes], Struct]]] = {
    action: msgspec.json.Decoder(struct).decode for action, struct in INPUTS.items()
}
MEMBERS: Final[dict[str, tuple[Member, ...]]] = {
    action: members_of(struct) for action, struct in INPUTS.items()
}
