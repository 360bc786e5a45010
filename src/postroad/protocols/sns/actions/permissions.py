"""AddPermission and RemovePermission: statements in a topic's Policy.

The rule kept here: a policy is kept and shown; access is decided by the server's access keys.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from postroad.limits import SNS_POLICY_CHARS_MAX
from postroad.model.batch import Asking
from postroad.model.exchanges import ChangeExchange
from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.session import Script, Shape
from postroad.protocols.sns import inputs
from postroad.protocols.sns.actions.call import Call, done, find_topic, run
from postroad.protocols.sns.arns import Topic, read_topic
from postroad.protocols.sns.errors import bad
from postroad.protocols.sns.spec import EXTRA, INPUTS
from postroad.protocols.sns.topic_attributes import default_policy

_POLICY = EXTRA + "Policy"
Statements = list[Any]


def add_permission(_call: Call, given: inputs.AddPermission) -> Script | Fault:
    """A statement under a label that no other has."""
    topic = read_topic(given.TopicArn)
    if isinstance(topic, Fault):
        return topic
    for action in given.ActionName:
        if action not in INPUTS:
            return bad("ActionName", f"unknown action {action[:80]}")
    statement = {
        "Sid": given.Label,
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in given.AWSAccountId]},
        "Action": [f"SNS:{action}" for action in given.ActionName],
        "Resource": topic.arn,
    }

    def add(statements: Statements) -> Statements | Fault:
        if any(_label(one) == given.Label for one in statements):
            return bad("Statement already exists")
        return [*statements, statement]

    return _with_statements(_call, topic, add)


def remove_permission(call: Call, given: inputs.RemovePermission) -> Script | Fault:
    """The statement with a label is removed; one that is not there is gone already."""
    topic = read_topic(given.TopicArn)
    if isinstance(topic, Fault):
        return topic
    return _with_statements(
        call, topic, lambda statements: [one for one in statements if _label(one) != given.Label]
    )


def _with_statements(
    call: Call, topic: Topic, change: Callable[[Statements], Statements | Fault]
) -> Script:
    def program(tx: Asking) -> Shape | Fault:
        described = find_topic(tx, topic.name)
        if isinstance(described, Fault):
            return described
        text = described.extras.get(_POLICY) or default_policy(topic.arn, call.config.account)
        policy = msgspec.json.decode(text)
        statements = policy.get("Statement", [])
        changed = change(statements if isinstance(statements, list) else [statements])
        if isinstance(changed, Fault):
            return changed
        policy["Statement"] = changed
        text = msgspec.json.encode(policy).decode()
        if len(text) > SNS_POLICY_CHARS_MAX:
            return bad("Policy", "it is too long")
        return done(tx.ask(ChangeExchange(topic.name, extras={_POLICY: text})))

    return run(program)


def _label(statement: Any) -> str | None:
    return statement.get("Sid") if isinstance(statement, dict) else None
