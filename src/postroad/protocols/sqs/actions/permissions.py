"""AddPermission and RemovePermission: statements in a queue's Policy.

The rule kept here: a policy is kept and shown; access is decided by the server's access keys.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from postroad.limits import SQS_POLICY_ACTIONS_MAX, SQS_POLICY_CHARS_MAX
from postroad.model.commands import ChangeQueue
from postroad.model.replies import Described
from postroad.protocols.aws.faults import Fault, invalid
from postroad.protocols.aws.session import Script
from postroad.protocols.sqs import inputs
from postroad.protocols.sqs.actions.call import Call, describe, done
from postroad.protocols.sqs.addresses import is_word
from postroad.protocols.sqs.errors import fault
from postroad.protocols.sqs.spec import EXTRA, PERMITTED_ACTIONS

_POLICY = EXTRA + "Policy"
Policy = dict[str, Any]


def add_permission(call: Call, given: inputs.AddPermission) -> Script:
    """A statement under a label that no other has."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    wrong = _bad_permission(given)
    if wrong is not None:
        return wrong
    described = yield from describe(name)
    if isinstance(described, Fault):
        return described
    policy = _policy_of(described, call.arn(name))
    statements = _statements(policy)
    if any(_label(one) == given.Label for one in statements):
        return invalid("Label", given.Label, "Already exists.")
    policy["Statement"] = [*statements, _statement(given, call.arn(name))]
    text = msgspec.json.encode(policy).decode()
    if len(text) > SQS_POLICY_CHARS_MAX:
        return fault("OverLimit", "The policy of the queue is too large.")
    reply = yield ChangeQueue(name, extras={_POLICY: text})
    return done(reply)


def remove_permission(call: Call, given: inputs.RemovePermission) -> Script:
    """The statement with a label is removed, and with the last one the policy."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    described = yield from describe(name)
    if isinstance(described, Fault):
        return described
    policy = _policy_of(described, call.arn(name))
    statements = _statements(policy)
    left = [one for one in statements if _label(one) != given.Label]
    if len(left) == len(statements):
        return invalid("Label", given.Label, "can't find label.")
    policy["Statement"] = left
    text = msgspec.json.encode(policy).decode() if left else None
    reply = yield ChangeQueue(name, extras={_POLICY: text})
    return done(reply)


def _bad_permission(given: inputs.AddPermission) -> Fault | None:
    if not is_word(given.Label):
        return invalid(
            "Label", given.Label, "It has 1 to 80 letters, digits, hyphens, underscores."
        )
    if len(given.Actions) > SQS_POLICY_ACTIONS_MAX:
        return fault(
            "OverLimit",
            f"{len(given.Actions)} Actions were found, maximum allowed is"
            f" {SQS_POLICY_ACTIONS_MAX}.",
        )
    for action in given.Actions:
        if action not in PERMITTED_ACTIONS:
            return invalid(
                "ActionName", f"SQS:{action}", f"Please provide one of {PERMITTED_ACTIONS}."
            )
    for account in given.AWSAccountIds:
        if len(account) != 12 or not account.isascii() or not account.isdigit():
            return invalid("PrincipalId", f"[{account}]", "Unable to verify.")
    return None


def _policy_of(described: Described, arn: str) -> Policy:
    text = described.extras.get(_POLICY)
    if text:
        policy: Policy = msgspec.json.decode(text)
        return policy
    return {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}


def _statements(policy: Policy) -> list[Any]:
    """A policy may have one statement without a list around it."""
    statements = policy.get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def _label(statement: Any) -> str | None:
    return statement.get("Sid") if isinstance(statement, dict) else None


def _statement(given: inputs.AddPermission, arn: str) -> Policy:
    return {
        "Sid": given.Label,
        "Effect": "Allow",
        "Principal": {
            "AWS": _one_or_all([f"arn:aws:iam::{account}:root" for account in given.AWSAccountIds])
        },
        "Action": _one_or_all([f"SQS:{action}" for action in given.Actions]),
        "Resource": arn,
    }


def _one_or_all(texts: Sequence[str]) -> str | Sequence[str]:
    return texts[0] if len(texts) == 1 else texts
