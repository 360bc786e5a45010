"""Batches as a boto3 program sees them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from postroad.limits import SQS_MESSAGE_BYTES_MAX
from postroad.model import commands
from tests.wire.sqs.rig import Rig

TEXT = {"DataType": "String", "StringValue": "one"}
BYTES = {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"}


def code_of(refused: Any) -> str:
    return str(refused.value.response["Error"]["Code"])


def receive(sqs: Any, url: str, **given: Any) -> list[Any]:
    given.setdefault("MaxNumberOfMessages", 10)
    return list(sqs.receive_message(QueueUrl=url, **given).get("Messages", []))


def test_a_batch_is_one_publish_and_tells_of_each_bad_entry_alone(
    rig: Rig, sqs: Any, mail: str
) -> None:
    entries = [
        {"Id": "good", "MessageBody": "x", "MessageAttributes": {"a": TEXT}},
        {"Id": "control", "MessageBody": "\x01"},
        {"Id": "late", "MessageBody": "x", "DelaySeconds": 901},
        {"Id": "fifo", "MessageBody": "x", "MessageDeduplicationId": "d"},
        {"Id": "also_good", "MessageBody": "y", "DelaySeconds": 5},
    ]
    answer = sqs.send_message_batch(QueueUrl=mail, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["good", "also_good"]
    assert {one["Id"]: one["Code"] for one in answer["Failed"]} == {
        "control": "InvalidMessageContents",
        "late": "InvalidParameterValue",
        "fifo": "InvalidParameterValue",
    }
    assert all(one["SenderFault"] for one in answer["Failed"])
    published = rig.core.seen[-1]
    assert isinstance(published, commands.Publish)
    assert published.bodies == [b"x", b"y"]
    assert published.delays_ms == [None, 5_000]
    rig.now_ms += 5_000
    received = {one["Body"]: one["MessageId"] for one in receive(sqs, mail)}
    assert received == {
        "x": answer["Successful"][0]["MessageId"],
        "y": answer["Successful"][1]["MessageId"],
    }


def test_batches_of_deletes_and_changes_tell_of_each_entry(rig: Rig, sqs: Any, mail: str) -> None:
    entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(4)]
    sqs.send_message_batch(QueueUrl=mail, Entries=entries)
    held = [one["ReceiptHandle"] for one in receive(sqs, mail, VisibilityTimeout=100)]
    changed = sqs.change_message_visibility_batch(
        QueueUrl=mail,
        Entries=[
            {"Id": "a", "ReceiptHandle": held[0], "VisibilityTimeout": 0},
            {"Id": "b", "ReceiptHandle": held[1], "VisibilityTimeout": 50},
            {"Id": "c", "ReceiptHandle": held[2], "VisibilityTimeout": 43_201},
            {"Id": "d", "ReceiptHandle": "x", "VisibilityTimeout": 0},
            {"Id": "e", "ReceiptHandle": held[3]},
        ],
    )
    assert [one["Id"] for one in changed["Successful"]] == ["a", "b"]
    assert {one["Id"]: one["Code"] for one in changed["Failed"]} == {
        "c": "InvalidParameterValue",
        "d": "ReceiptHandleIsInvalid",
        "e": "MissingParameter",
    }
    assert [one["Body"] for one in receive(sqs, mail)] == ["0"]
    rig.now_ms += 100_000
    late = sqs.change_message_visibility_batch(
        QueueUrl=mail, Entries=[{"Id": "b", "ReceiptHandle": held[1], "VisibilityTimeout": 5}]
    )
    assert late["Failed"][0]["Code"] == "AWS.SimpleQueueService.MessageNotInflight"
    deleted = sqs.delete_message_batch(
        QueueUrl=mail,
        Entries=[{"Id": "b", "ReceiptHandle": held[1]}, {"Id": "x", "ReceiptHandle": "x"}],
    )
    assert deleted["Successful"] == [{"Id": "b"}]
    assert deleted["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    assert {one["Body"] for one in receive(sqs, mail)} == {"0", "2", "3"}


def batches(sqs: Any, url: str, ids: list[str]) -> list[Any]:
    return [
        lambda: sqs.send_message_batch(
            QueueUrl=url, Entries=[{"Id": one, "MessageBody": "x"} for one in ids]
        ),
        lambda: sqs.delete_message_batch(
            QueueUrl=url, Entries=[{"Id": one, "ReceiptHandle": "x"} for one in ids]
        ),
        lambda: sqs.change_message_visibility_batch(
            QueueUrl=url,
            Entries=[{"Id": n, "ReceiptHandle": "x", "VisibilityTimeout": 1} for n in ids],
        ),
    ]


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([str(n) for n in range(11)], "TooManyEntriesInBatchRequest"),
        (["a", "b", "a"], "BatchEntryIdsNotDistinct"),
        (["a b"], "InvalidBatchEntryId"),
        ([""], "InvalidBatchEntryId"),
        (["x" * 81], "InvalidBatchEntryId"),
    ],
)
def test_a_bad_batch_is_refused_as_a_whole(sqs: Any, mail: str, ids: list[str], code: str) -> None:
    for act in batches(sqs, mail, ids):
        with pytest.raises(ClientError) as refused:
            act()
        assert code_of(refused) == f"AWS.SimpleQueueService.{code}"


def test_a_batch_is_1_mib_at_most(sqs: Any, mail: str) -> None:
    half = "x" * (SQS_MESSAGE_BYTES_MAX // 2)
    entries = [{"Id": "a", "MessageBody": half}, {"Id": "b", "MessageBody": half}]
    assert len(sqs.send_message_batch(QueueUrl=mail, Entries=entries)["Successful"]) == 2
    entries[1]["MessageBody"] = half + "x"
    with pytest.raises(ClientError) as refused:
        sqs.send_message_batch(QueueUrl=mail, Entries=entries)
    assert code_of(refused) == "AWS.SimpleQueueService.BatchRequestTooLong"


def test_a_message_larger_than_its_queue_allows_fails_alone_in_a_batch(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    with pytest.raises(ClientError) as refused:
        sqs.send_message(QueueUrl=url, MessageBody="x" * 1_025)
    assert code_of(refused) == "InvalidParameterValue"
    entries = [{"Id": "a", "MessageBody": "x" * 1_025}, {"Id": "b", "MessageBody": "x" * 1_024}]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["b"]
    assert [one["Id"] for one in answer["Failed"]] == ["a"]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries[:1])
    assert [one["Id"] for one in answer["Failed"]] == ["a"]
