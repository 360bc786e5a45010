"""ReceiveMessage.

The rule kept here: whatever waits, waits in the core; here only words are turned.
"""

from collections.abc import Generator, Sequence

from postroad.model.commands import Command, Receive
from postroad.model.message import Delivery
from postroad.model.replies import Received, Refused, Reply, Why
from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.session import Script
from postroad.protocols.sqs.actions.call import Call
from postroad.protocols.sqs.actions.repeat import keep, repeat
from postroad.protocols.sqs.errors import fault, refusal
from postroad.protocols.sqs.inputs import ReceiveMessage
from postroad.protocols.sqs.mapping import Reader, view_of
from postroad.protocols.sqs.ordering import bad_attempt, is_fifo
from postroad.protocols.sqs.spec import QUEUE_ATTRIBUTES, SYSTEM_ATTRIBUTES

_Got = tuple[Sequence[Delivery], int]
"""Messages, and when they were received, in s."""


def receive_message(call: Call, given: ReceiveMessage) -> Script:
    """Up to ten messages, at once or after a wait; with none the answer has no `Messages`."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    system = _system_names(given)
    if isinstance(system, Fault):
        return system
    if given.ReceiveRequestAttemptId is None:
        got = yield from _receive(call, name, given)
    else:
        got = yield from _receive_once(call, name, given, given.ReceiveRequestAttemptId)
    if isinstance(got, Fault):
        return got
    deliveries, received_s = got
    if not deliveries:
        return {}
    view = view_of(system, given.MessageAttributeNames or ())
    region = call.region if view.system else ""
    reader = Reader(call.config, name, view, region=region, received_s=received_s)
    return {"Messages": [reader.message(one) for one in deliveries]}


def _receive_once(
    call: Call, name: str, given: ReceiveMessage, attempt_id: str
) -> Generator[Command, Reply, _Got | Fault]:
    """A receive that a client may ask for again under its id."""
    wrong = bad_attempt(name, attempt_id)
    if wrong is not None:
        return wrong
    again = yield from repeat(call, name, attempt_id, _lease_ms(given.VisibilityTimeout))
    if again is not None:
        return again
    got = yield from _receive(call, name, given)
    if not isinstance(got, Fault) and got[0]:
        keep(call, name, attempt_id, got[0])
    return got


def _receive(
    call: Call, name: str, given: ReceiveMessage
) -> Generator[Command, Reply, _Got | Fault]:
    reply = yield Receive(
        name,
        count=given.MaxNumberOfMessages or 1,
        lease_ms=_lease_ms(given.VisibilityTimeout),
        wait_ms=None if given.WaitTimeSeconds is None else given.WaitTimeSeconds * 1_000,
    )
    if isinstance(reply, Refused):
        # As the service has it, only a short poll of a standard queue is told that it met the cap.
        nothing = bool(given.WaitTimeSeconds) or is_fifo(name)
        return ([], 0) if nothing and reply.why is Why.TOO_MANY_LEASED else refusal(reply)
    assert isinstance(reply, Received), reply
    return reply.messages, call.now_ms // 1_000


def _lease_ms(timeout_s: int | None) -> int | None:
    if timeout_s is None:
        return None
    # In the core 0 is a lease without a deadline; here it is one that ends at once.
    return timeout_s * 1_000 or 1


def _system_names(given: ReceiveMessage) -> Sequence[str] | Fault:
    old, new = given.AttributeNames, given.MessageSystemAttributeNames
    if not old and not new:
        return ()
    names = [*(old or ()), *(new or ())]
    for name in names:
        known = name == "All" or name in SYSTEM_ATTRIBUTES or name in QUEUE_ATTRIBUTES
        if not known:
            return fault("InvalidAttributeName", f"Unknown Attribute {name[:80]}.")
    return names
