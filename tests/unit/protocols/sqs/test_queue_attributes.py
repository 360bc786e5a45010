"""Queue attributes as texts, as settings, and as texts again."""

import json

import msgspec
import pytest

from postroad.model.policy import FIFO, QueueSettings
from postroad.model.replies import Described
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sqs.config import SqsConfig
from postroad.protocols.sqs.queue_attributes import (
    Wanted,
    all_attributes,
    bad_throughput,
    limits_throughput,
    read_attributes,
    redrive_allowed,
)
from postroad.protocols.sqs.spec import NUMBER, QUEUE_ATTRIBUTES, READ_ONLY

NUMBERS = [name for name, row in QUEUE_ATTRIBUTES.items() if row.kind == NUMBER]
ARN = "arn:aws:sqs:us-east-1:000000000000:dead"


def described(settings: QueueSettings | None = None, **extras: str) -> Described:
    return Described(
        7, "mail", settings or QueueSettings(), {f"sqs.{n}": t for n, t in extras.items()}, {},
        1_000_999, 2_000_999, ready=3, delayed=4, leased=5, dead=0, next_offset=12,
    )  # fmt: skip


def told(settings: QueueSettings | None = None, **extras: str) -> dict[str, str]:
    return all_attributes(SqsConfig(), "eu-west-1", described(settings, **extras))


def wanted(**attributes: str) -> Wanted:
    read = read_attributes(attributes, fifo=False)
    assert isinstance(read, Wanted), read
    return read


def refused(**attributes: str) -> Fault:
    read = read_attributes(attributes, fifo=False)
    assert isinstance(read, Fault)
    return read


def wanted_of_fifo(**attributes: str) -> Wanted:
    read = read_attributes(attributes, fifo=True)
    assert isinstance(read, Wanted), read
    return read


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_in_range_is_kept_and_told_again(name: str) -> None:
    row = QUEUE_ATTRIBUTES[name]
    for number in {row.low, row.high, row.default}:
        read = wanted(**{name: str(number)})
        settings = msgspec.structs.replace(QueueSettings(), **read.settings)
        extras = {key.removeprefix("sqs."): text or "" for key, text in read.extras.items()}
        assert told(settings, **extras)[name] == str(number)
        assert len(read.compare()) == 1


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_range_or_none_at_all_is_an_invalid_value(name: str) -> None:
    row = QUEUE_ATTRIBUTES[name]
    for text in (str(row.low - 1), str(row.high + 1), "", "x", "1.5", " 5", "\u0665", "9" * 5_000):
        assert refused(**{name: text}).kind.shape == "InvalidAttributeValue"


@pytest.mark.parametrize(
    "name", [n for n, row in QUEUE_ATTRIBUTES.items() if row.kind == READ_ONLY]
)
def test_what_can_only_be_read_cannot_be_set(name: str) -> None:
    assert refused(**{name: "5"}).kind.shape == "InvalidAttributeName"


@pytest.mark.parametrize("name", ["All", "Colour", ""])
def test_an_attribute_nobody_knows_is_an_invalid_name(name: str) -> None:
    assert refused(**{name: "5"}).kind.shape == "InvalidAttributeName"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("FifoQueue", "true"),
        ("ContentBasedDeduplication", "true"),
        ("DeduplicationScope", "queue"),
        ("FifoThroughputLimit", "perQueue"),
    ],
)
def test_attributes_of_fifo_queues_are_no_names_to_others(name: str, text: str) -> None:
    assert refused(**{name: text}).kind.shape == "InvalidAttributeName"
    wrong = read_attributes({name: "perhaps"}, fifo=True)
    assert isinstance(wrong, Fault)
    assert wrong.kind.shape == "InvalidAttributeValue"
    read = wanted_of_fifo(**{name: text})
    assert len(read.compare()) == 1
    settings = msgspec.structs.replace(QueueSettings(kind=FIFO), **read.settings)
    extras = {key.removeprefix("sqs."): kept or "" for key, kept in read.extras.items()}
    assert told(settings, **extras)[name] == text


@pytest.mark.parametrize(
    ("given", "scope", "limit", "right"),
    [
        ({"FifoThroughputLimit": "perMessageGroupId"}, "queue", "perQueue", False),
        ({"FifoThroughputLimit": "perMessageGroupId"}, "key", "perQueue", True),
        ({"FifoThroughputLimit": "perQueue"}, "queue", "perMessageGroupId", True),
        ({"DeduplicationScope": "queue"}, "key", "perMessageGroupId", False),
        ({"DeduplicationScope": "queue"}, "key", "perQueue", True),
        ({"DeduplicationScope": "messageGroup"}, "queue", "perMessageGroupId", True),
    ],
)
def test_a_limit_for_each_group_needs_ids_for_each_group(
    given: dict[str, str], scope: str, limit: str, *, right: bool
) -> None:
    now = described(QueueSettings(kind=FIFO, dedup_scope=scope), FifoThroughputLimit=limit)
    read = wanted_of_fifo(**given)
    assert limits_throughput(read)
    assert not limits_throughput(wanted(DelaySeconds="1"))
    assert (bad_throughput(read, now) is None) is right


def test_a_truth_is_true_or_false() -> None:
    assert wanted(SqsManagedSseEnabled="True").extras == {"sqs.SqsManagedSseEnabled": "true"}
    assert refused(SqsManagedSseEnabled="yes").kind.shape == "InvalidAttributeValue"
    assert told()["SqsManagedSseEnabled"] == "false"


def test_a_policy_is_a_json_object_and_an_empty_one_removes_it() -> None:
    assert wanted(Policy='{"a":1}').extras == {"sqs.Policy": '{"a":1}'}
    assert wanted(Policy="").extras == {"sqs.Policy": None}
    for text in ("[]", "{", "x", "[" * 5_000, json.dumps({"a": "x" * 70_000})):
        assert refused(Policy=text).kind.shape == "InvalidAttributeValue"


@pytest.mark.parametrize("count", ["3", '"3"'])
def test_a_redrive_policy_is_two_settings_of_the_core(count: str) -> None:
    text = f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":{count}}}'
    read = wanted(RedrivePolicy=text)
    assert read.settings == {"dead_letter_queue": "dead", "deliveries_max": 3}
    assert read.dead_letters == "dead"
    assert set(read.compare()) == {"dead_letter_queue", "deliveries_max"}
    settings = msgspec.structs.replace(QueueSettings(), **read.settings)
    assert json.loads(told(settings)["RedrivePolicy"]) == {
        "deadLetterTargetArn": ARN.replace("us-east-1", "eu-west-1"),
        "maxReceiveCount": 3,
    }


def test_an_empty_redrive_policy_removes_it() -> None:
    read = wanted(RedrivePolicy="")
    assert read.settings == {"dead_letter_queue": None, "deliveries_max": None}
    assert "RedrivePolicy" not in told()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        f'{{"deadLetterTargetArn":"{ARN}"}}',
        f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":0}}',
        f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":1001}}',
        f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":"many"}}',
        f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":1.5}}',
        '{"deadLetterTargetArn":"dead","maxReceiveCount":3}',
        '{"maxReceiveCount":3}',
    ],
)
def test_any_other_redrive_policy_is_an_invalid_parameter(text: str) -> None:
    assert refused(RedrivePolicy=text).kind.code == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ('{"redrivePermission":"allowAll"}', True),
        ('{"redrivePermission":"denyAll"}', False),
        (f'{{"redrivePermission":"byQueue","sourceQueueArns":["{ARN}"]}}', False),
        (
            '{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:x:000000000000:a"]}',
            True,
        ),
    ],
)
def test_a_queue_says_whose_dead_letters_it_takes(text: str, *, allowed: bool) -> None:
    assert wanted(RedriveAllowPolicy=text).extras == {"sqs.RedriveAllowPolicy": text}
    assert redrive_allowed(described(None, RedriveAllowPolicy=text), "a") is allowed
    assert redrive_allowed(described(), "a")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"redrivePermission":"some"}',
        '{"redrivePermission":"byQueue"}',
        '{"redrivePermission":"byQueue","sourceQueueArns":[5]}',
        f'{{"redrivePermission":"denyAll","sourceQueueArns":["{ARN}"]}}',
        json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [ARN] * 11}),
    ],
)
def test_any_other_redrive_allow_policy_is_an_invalid_parameter(text: str) -> None:
    assert refused(RedriveAllowPolicy=text).kind.code == "InvalidParameterValue"


def test_a_queue_of_another_protocol_has_attributes_too() -> None:
    attributes = told(QueueSettings(lease_ms=1_500))
    assert attributes["VisibilityTimeout"] == "1"
    assert attributes["MessageRetentionPeriod"] == "1209600"
    assert attributes["MaximumMessageSize"] == "1048576"
    assert attributes["ApproximateNumberOfMessages"] == "3"
    assert attributes["ApproximateNumberOfMessagesDelayed"] == "4"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "5"
    assert attributes["CreatedTimestamp"] == "1000"
    assert attributes["LastModifiedTimestamp"] == "2000"
    assert attributes["QueueArn"] == "arn:aws:sqs:eu-west-1:000000000000:mail"
