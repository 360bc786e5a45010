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


def filled(dice: random.Random, members: tuple[Member, ...], prefix: str) -> dict[str, str]:
    """Parameters for some members, most of them where the service wants them."""
    form: dict[str, str] = {}
    for member in members:
        if dice.random() < 0.25:
            continue
        name = prefix + member.wire
        if member.kind in (LIST, MAP):
            name += f".{member.wrap}.{dice.choice(['1', '1', '1', 'x', '999999999'])}"
            if member.kind == MAP:
                form[f"{name}.{member.key}"] = dice.choice(TEXTS)
                name += f".{member.content}"
        if member.kind == STRUCT or member.inner:
            form |= filled(dice, member.inner, name + ".")
        else:
            form[name] = dice.choice(TEXTS)
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
    for _ in range(400):
        action = dice.choice(sorted(MEMBERS))
        if action == "DeleteTopic" and dice.random() < 0.9:
            continue
        form = filled(dice, MEMBERS[action], "")
        for name, good in (("TopicArn", TOPIC), ("Protocol", "sqs"), ("Endpoint", QUEUE)):
            if name in form and dice.random() < 0.7:
                form[name] = good
        answer = rig.ask(action, **form)
        assert answer.status in (200, 400, 403, 404), (action, form, answer.body)
    rig.road.check()
