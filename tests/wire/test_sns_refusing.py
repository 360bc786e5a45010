"""What queues refuse of an SNS topic's messages: it goes to dead letters, and costs nobody else."""

import json

import pytest

from postroad.limits import SNS_REFUSING_FEW
from postroad.model.commands import DeclareQueue
from postroad.model.policy import QueueSettings
from tests.wire.test_sns_session import TOPIC, Rig, bodies


@pytest.fixture
def rig() -> Rig:
    return Rig()


def subscribe(rig: Rig, queue: str, **settings: object) -> None:
    rig.road.ask(DeclareQueue(queue, QueueSettings(**settings)))  # type: ignore[arg-type]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{queue}"
    policy = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:000000000000:{queue}-dead"})
    rig.road.ask(DeclareQueue(f"{queue}-dead"))
    given = {
        "Attributes.entry.1.key": "RawMessageDelivery",
        "Attributes.entry.1.value": "true",
        "Attributes.entry.2.key": "RedrivePolicy",
        "Attributes.entry.2.value": policy,
    }
    made = rig.ask("Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=arn, **given)
    assert made.status == 200, made.body


@pytest.mark.parametrize("full", [1, SNS_REFUSING_FEW + 1])
def test_what_full_queues_refuse_goes_to_the_dead_letters_of_each(rig: Rig, full: int) -> None:
    rig.ask("CreateTopic", Name="news")
    names = [f"full{at}" for at in range(full)]
    for name in names:
        subscribe(rig, name, length_max=1)
    subscribe(rig, "roomy")
    batch: dict[str, str] = {"TopicArn": TOPIC}
    for at in range(1, 4):
        batch[f"PublishBatchRequestEntries.member.{at}.Id"] = f"e{at}"
        batch[f"PublishBatchRequestEntries.member.{at}.Message"] = f"m{at}"
    done = rig.ask("PublishBatch", **batch)
    assert done.status == 200
    assert b"<Code>" not in done.body
    assert bodies(rig, "roomy") == [b"m1", b"m2", b"m3"]
    assert bodies(rig, "roomy-dead") == []
    for name in names:
        assert bodies(rig, name) == [b"m1"]
        assert bodies(rig, f"{name}-dead") == [b"m2", b"m3"]


def test_a_publish_to_very_many_with_one_that_is_full_makes_as_many_facts_as_any(
    rig: Rig,
) -> None:
    rig.ask("CreateTopic", Name="news")
    for at in range(200):
        subscribe(rig, f"q{at}", **({"length_max": 1} if at == 100 else {}))
    facts: list[int] = []
    for message in ("1", "2", "3"):
        before = len(rig.road.steps)
        rig.ask("Publish", TopicArn=TOPIC, Message=message)
        (step,) = rig.road.steps[before:]
        facts.append(len(step))
    assert bodies(rig, "q100") == [b"1"]
    assert bodies(rig, "q100-dead") == [b"2", b"3"]
    assert bodies(rig, "q199") == [b"1", b"2", b"3"]
    # The first two define who gets it; from then on it is the message, and its copy.
    assert facts[2] < 500 < facts[1]
