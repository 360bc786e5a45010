"""Query forms to typed inputs, and answers to XML.

The rule kept here: there is one form of request and one of answer, and both are read from the
tables in `spec`.
"""

from typing import Final

import msgspec
from msgspec import Struct

from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.inputs import Rule, members_of, rules_of
from postroad.protocols.aws.query import MalformedForm, Member, shape_form
from postroad.protocols.aws.session import Form, Shape
from postroad.protocols.aws.xml import encode_answer, encode_error
from postroad.protocols.http.wire import encode
from postroad.protocols.sns.errors import bad
from postroad.protocols.sns.spec import INPUTS, NAMESPACE, RESULTLESS, SPELLINGS

_XML: Final = b"text/xml"


def read_query(action: str, form: Form) -> Struct | Fault:
    """The input of an action from its parameters, with every rule kept."""
    try:
        shape = shape_form(form, MEMBERS[action])
        given = msgspec.convert(shape, INPUTS[action], strict=False)
    except (MalformedForm, msgspec.ValidationError) as error:
        return bad(str(error))
    for name, _ in RULES[action]:
        if not getattr(given, name):
            return bad(name, "no value for required parameter")
    return given


class Answering:
    """How a request is answered; each answer has a request id of its own."""

    __slots__ = ("action", "keep_alive", "request_id")

    def __init__(self, action: str, *, keep_alive: bool, request_id: str) -> None:
        self.action = action
        self.keep_alive = keep_alive
        self.request_id = request_id

    def answer(self, result: Shape | Fault) -> bytes:
        """The whole HTTP answer."""
        status = 200
        if isinstance(result, Fault):
            status = result.kind.status
            body = encode_error(result, namespace=NAMESPACE, request_id=self.request_id)
        else:
            body = encode_answer(
                self.action,
                result,
                spellings=SPELLINGS,
                namespace=NAMESPACE,
                request_id=self.request_id,
                resultless=self.action in RESULTLESS,
            )
        extra = b"x-amzn-RequestId: %b\r\n" % self.request_id.encode()
        return encode(status, _XML, body, extra=extra, keep_alive=self.keep_alive)


MEMBERS: Final[dict[str, tuple[Member, ...]]] = {
    action: members_of(struct) for action, struct in INPUTS.items()
}
RULES: Final[dict[str, tuple[tuple[str, Rule], ...]]] = {
    action: rules_of(struct) for action, struct in INPUTS.items()
}
