"""ReceiveMessage.

The rule kept here: whatever waits, waits in the core; here only words are turned.
"""

from collections.abc import Sequence

from postroad.model.commands import Receive
from postroad.model.replies import Received, Refused, Why
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sqs.actions.call import Call, Script
from postroad.protocols.sqs.errors import fault, refusal
from postroad.protocols.sqs.inputs import ReceiveMessage
from postroad.protocols.sqs.mapping import Reader, view_of
from postroad.protocols.sqs.spec import QUEUE_ATTRIBUTES, SYSTEM_ATTRIBUTES


def receive_message(call: Call, given: ReceiveMessage) -> Script:
    """Up to ten messages, at once or after a wait; with none the answer has no `Messages`."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    system = _system_names(given)
    if isinstance(system, Fault):
        return system
    reply = yield Receive(
        name,
        count=given.MaxNumberOfMessages or 1,
        lease_ms=_lease_ms(given.VisibilityTimeout),
        wait_ms=None if given.WaitTimeSeconds is None else given.WaitTimeSeconds * 1_000,
    )
    if isinstance(reply, Refused):
        # As the service has it: a long poll that meets the cap finds nothing, a short one is told.
        long_poll = bool(given.WaitTimeSeconds) and reply.why is Why.TOO_MANY_LEASED
        return {} if long_poll else refusal(reply)
    assert isinstance(reply, Received), reply
    deliveries = reply.messages
    if not deliveries:
        return {}
    view = view_of(system, given.MessageAttributeNames or ())
    region = call.region if view.system else ""
    reader = Reader(call.config, name, view, region=region, now_ms=call.now_ms)
    return {"Messages": [reader.message(one) for one in deliveries]}


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
