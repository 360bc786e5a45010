"""Whatever comes for SNS: an answer of the service, never a failure of the server."""

import random

import pytest

from postroad.protocols.aws.query import LIST, MAP, STRUCT, Member
from postroad.protocols.sns.wire import MEMBERS
from tests.wire.test_sns_session import QUEUE, TOPIC, Rig

TEXTS = [
    "",
    "x",
    "news",
    "news.fifo",
    "line.fifo",
    "\x00",
    "ä" * 300,
    "\U0001f4ee\ufffe",
    "-1",
    "true",
    "json",
    "sqs",
    "http",
    "http://h:1/x",
    "http://[",
    TOPIC,
    TOPIC + ":",
    TOPIC + ":00000000-0000-0000-0000-000000000001",
    TOPIC + ":" + "f" * 500,
    "arn:aws:sns:::",
    "arn:aws:sns:::%00%ff",
    "arn:aws:sns:r:a:line.fifo",
    QUEUE,
    QUEUE + ".fifo",
    "arn:aws:sqs:::" + "q" * 600,
    "{}",
    "[]",
    "null",
    '{"default": "\\ud800"}',
    '{"default": "a", "sqs": "b", "http": "c"}',
    '{"a": [{"prefix": "b"}]}',
    '{"a": [{"numeric": ["<", 1e400]}]}',
    '{"deadLetterTargetArn": "' + QUEUE + '"}',
    '{"deadLetterTargetArn": "\\ud800"}',
    '{"http": {"defaultHealthyRetryPolicy": null}}',
    '{"http": []}',
    '{"Statement": {"Sid": 1}}',
    '{"Statement": "x"}',
    "[" * 5_000,
    "MessageBody",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "DeliveryPolicy",
    "FifoTopic",
    "ContentBasedDeduplication",
    "Policy",
    "String",
    "Number",
    "Binary",
    "String.Array",
    "AAA=",
    "Publish",
    "1x" + "0" * 64,
]


GOOD = {
    "TopicArn": [TOPIC, TOPIC.replace("news", "line.fifo")],
    "Protocol": ["sqs", "http"],
    "Endpoint": [QUEUE, "http://h/"],
    "Message": ["x", '{"default": "d", "sqs": "s"}'],
    "AttributeName": ["FilterPolicy", "RedrivePolicy", "DeliveryPolicy", "Policy", "DisplayName"],
    "SubscriptionArn": [TOPIC],
    "DataType": ["String", "Number", "Binary", "String.Array"],
    "ActionName": ["Publish"],
    "MessageGroupId": ["a", "b"],
    "MessageDeduplicationId": ["1", "2"],
    "Id": ["a"],
    "Label": ["a"],
    "ResourceArn": [TOPIC],
    "NextToken": ["", "MQ=="],
}
SELDOM = ("PhoneNumber", "TargetArn", "Subject", "MessageStructure", "DataProtectionPolicy")


def filled(
    dice: random.Random, members: tuple[Member, ...], prefix: str, good: float
) -> dict[str, str]:
    """Parameters for some members, most of them where the service wants them; `good`: how likely
    a text is one that the service takes."""
    form: dict[str, str] = {}
    for member in members:
        if dice.random() < (0.8 if member.wire in SELDOM else 0.2 * (1 - good)):
            continue
        name = prefix + member.wire
        if member.kind in (LIST, MAP):
            name += f".{member.wrap}.{'1' if dice.random() < 0.9 else dice.choice(['x', '9' * 9])}"
            if member.kind == MAP:
                form[f"{name}.{member.key}"] = dice.choice(TEXTS)
                name += f".{member.content}"
        if member.kind == STRUCT or member.inner:
            form |= filled(dice, member.inner, name + ".", good)
        else:
            fitting = dice.random() < good
            form[name] = dice.choice(GOOD.get(member.wire, TEXTS) if fitting else TEXTS)
    return form


@pytest.mark.parametrize("seed", range(6))
def test_any_parameters_get_an_answer_of_the_service(seed: int) -> None:
    dice = random.Random(seed)
    rig = Rig()
    for name in ("mail", "mail.fifo"):
        rig.road.declare(name)
    rig.ask("CreateTopic", Name="news")
    fifo = {"Attributes.entry.1.key": "FifoTopic", "Attributes.entry.1.value": "true"}
    rig.ask("CreateTopic", Name="line.fifo", **fifo)
    served: set[str] = set()
    subscribed = {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE}
    for _ in range(800):
        action = dice.choice(sorted(MEMBERS))
        if action == "DeleteTopic" and dice.random() < 0.9:
            continue
        form = filled(dice, MEMBERS[action], "", dice.choice([0.0, 0.8, 1.0]))
        if "SubscriptionArn" in form and dice.random() < 0.8:
            rig.ask("CreateTopic", Name="news")
            told = rig.ask("Subscribe", **subscribed).body.decode()
            form["SubscriptionArn"] = told.partition("<SubscriptionArn>")[2].partition("<")[0]
        answer = rig.ask(action, **form)
        assert answer.status in (200, 400, 403, 404), (action, form, answer.body)
        if answer.status == 200:
            served.add(action)
    # Only where much is right does anything come as far as the core.
    assert len(served) >= len(MEMBERS) - 7, set(MEMBERS) - served
    rig.road.check()
