"""Messages as a boto3 program sees them: send, receive, settle."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from postroad.limits import SQS_MESSAGE_BYTES_MAX
from postroad.model import commands
from postroad.model.message import plain_head
from postroad.model.replies import Why
from tests.wire.sqs.rig import Rig

TEXT = {"DataType": "String", "StringValue": "one"}
BYTES = {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"}


def code_of(refused: Any) -> str:
    return str(refused.value.response["Error"]["Code"])


def receive(sqs: Any, url: str, **given: Any) -> list[Any]:
    given.setdefault("MaxNumberOfMessages", 10)
    return list(sqs.receive_message(QueueUrl=url, **given).get("Messages", []))


def test_what_is_sent_is_received_with_the_same_id_and_sums(sqs: Any, mail: str) -> None:
    sent = sqs.send_message(
        QueueUrl=mail, MessageBody="grüße <&> \r\n", MessageAttributes={"a": TEXT, "b": BYTES}
    )
    (message,) = receive(sqs, mail, MessageAttributeNames=["All"])
    assert message["Body"] == "grüße <&> \r\n"
    assert message["MessageAttributes"] == {"a": TEXT, "b": BYTES}
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]


def test_a_message_without_attributes_has_no_sum_of_them(sqs: Any, mail: str) -> None:
    assert "MD5OfMessageAttributes" not in sqs.send_message(QueueUrl=mail, MessageBody="x")
    (message,) = receive(sqs, mail, MessageAttributeNames=["All"])
    assert set(message) == {"MessageId", "ReceiptHandle", "MD5OfBody", "Body"}


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], set()),
        (["General"], {"General"}),
        (["All"], {"Hello", "Help.Me", "General"}),
        ([".*"], {"Hello", "Help.Me", "General"}),
        (["Hel.*"], {"Hello", "Help.Me"}),
        (["Help.*"], {"Help.Me"}),
        (["Nothing", "Hello"], {"Hello"}),
        (["Nothing"], set()),
    ],
)
def test_a_receive_shows_the_attributes_it_names(
    sqs: Any, mail: str, names: list[str], shown: set[str]
) -> None:
    attributes = dict.fromkeys(("Hello", "Help.Me", "General"), TEXT)
    sqs.send_message(QueueUrl=mail, MessageBody="x", MessageAttributes=attributes)
    (message,) = receive(sqs, mail, MessageAttributeNames=names)
    assert set(message.get("MessageAttributes", {})) == shown
    assert ("MD5OfMessageAttributes" in message) == bool(shown)


@pytest.mark.parametrize("parameter", ["AttributeNames", "MessageSystemAttributeNames"])
def test_system_attributes_tell_the_life_of_a_message(
    rig: Rig, sqs: Any, mail: str, parameter: str
) -> None:
    trace = {"DataType": "String", "StringValue": "Root=1"}
    sent = sqs.send_message(
        QueueUrl=mail, MessageBody="x", MessageSystemAttributes={"AWSTraceHeader": trace}
    )
    assert "MD5OfMessageSystemAttributes" in sent
    rig.now_ms += 1_000
    receive(sqs, mail, VisibilityTimeout=1)
    rig.now_ms += 1_000
    (message,) = receive(sqs, mail, **{parameter: ["All"]})
    assert message["Attributes"] == {
        "SenderId": "000000000000",
        "SentTimestamp": "1700000000000",
        "ApproximateFirstReceiveTimestamp": "1700000001000",
        "ApproximateReceiveCount": "2",
        "AWSTraceHeader": "Root=1",
    }
    assert "MessageAttributes" not in message


def test_a_receive_shows_the_system_attributes_it_names(sqs: Any, mail: str) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="x")
    (message,) = receive(sqs, mail, AttributeNames=["SentTimestamp", "Policy", "SequenceNumber"])
    assert set(message["Attributes"]) == {"SentTimestamp"}
    with pytest.raises(ClientError) as refused:
        receive(sqs, mail, AttributeNames=["Colour"])
    assert code_of(refused) == "InvalidAttributeName"


def test_a_receive_asks_for_count_lease_and_wait(rig: Rig, sqs: Any, mail: str) -> None:
    receive(sqs, mail, MaxNumberOfMessages=7, VisibilityTimeout=11, WaitTimeSeconds=13)
    assert rig.core.seen[-1] == commands.Receive("mail", 7, 11_000, 13_000)
    sqs.receive_message(QueueUrl=mail)
    assert rig.core.seen[-1] == commands.Receive("mail", 1, None, None)
    # 0 would be a lease without an end.
    receive(sqs, mail, VisibilityTimeout=0)
    assert rig.core.seen[-1] == commands.Receive("mail", 10, 1, None)


def test_a_delay_is_the_message_s_own_or_the_queue_s(rig: Rig, sqs: Any, mail: str) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="x", DelaySeconds=900)
    assert rig.core.seen[-1] == commands.Publish(("mail",), [b"x"], None, [900_000])
    sqs.send_message(QueueUrl=mail, MessageBody="x", DelaySeconds=0)
    assert rig.core.seen[-1] == commands.Publish(("mail",), [b"x"], None, [0])
    sqs.send_message(QueueUrl=mail, MessageBody="x")
    assert rig.core.seen[-1] == commands.Publish(("mail",), [b"x"], None, None)


def test_a_deleted_message_is_gone_and_deleting_it_again_is_no_error(sqs: Any, mail: str) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="x")
    (message,) = receive(sqs, mail, VisibilityTimeout=0)
    for _ in range(2):
        sqs.delete_message(QueueUrl=mail, ReceiptHandle=message["ReceiptHandle"])
    assert receive(sqs, mail) == []


def test_each_receive_gives_another_handle_and_an_older_one_deletes_nothing(
    rig: Rig, sqs: Any, mail: str
) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="x")
    (first,) = receive(sqs, mail, VisibilityTimeout=5)
    rig.now_ms += 5_000
    (second,) = receive(sqs, mail, VisibilityTimeout=5)
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    assert first["MessageId"] == second["MessageId"]
    sqs.delete_message(QueueUrl=mail, ReceiptHandle=first["ReceiptHandle"])
    rig.now_ms += 5_000
    assert len(receive(sqs, mail)) == 1


@pytest.mark.parametrize("handle", ["nonsense", "A" * 52, "é"])
def test_a_handle_nobody_was_given_is_refused(sqs: Any, mail: str, handle: str) -> None:
    acts: list[Callable[[], Any]] = [
        lambda: sqs.delete_message(QueueUrl=mail, ReceiptHandle=handle),
        lambda: sqs.change_message_visibility(
            QueueUrl=mail, ReceiptHandle=handle, VisibilityTimeout=5
        ),
    ]
    for act in acts:
        with pytest.raises(ClientError) as refused:
            act()
        assert code_of(refused) == "ReceiptHandleIsInvalid"


def test_a_handle_of_a_queue_of_the_same_name_deleted_earlier_is_refused(
    sqs: Any, mail: str
) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="old")
    (old,) = receive(sqs, mail)
    sqs.delete_queue(QueueUrl=mail)
    sqs.create_queue(QueueName="mail")
    sqs.send_message(QueueUrl=mail, MessageBody="new")
    with pytest.raises(ClientError) as refused:
        sqs.delete_message(QueueUrl=mail, ReceiptHandle=old["ReceiptHandle"])
    assert code_of(refused) == "ReceiptHandleIsInvalid"
    (new,) = receive(sqs, mail)
    entries = [
        {"Id": "old", "ReceiptHandle": old["ReceiptHandle"]},
        {"Id": "new", "ReceiptHandle": new["ReceiptHandle"]},
    ]
    timed = [{**one, "VisibilityTimeout": 9} for one in entries]
    for answer in (
        sqs.change_message_visibility_batch(QueueUrl=mail, Entries=timed),
        sqs.delete_message_batch(QueueUrl=mail, Entries=entries),
    ):
        assert [one["Id"] for one in answer["Successful"]] == ["new"]
        assert [one["Code"] for one in answer["Failed"]] == ["ReceiptHandleIsInvalid"]


def test_a_timeout_of_0_gives_a_message_back_and_keeps_it_counted(
    rig: Rig, sqs: Any, mail: str
) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="x")
    (message,) = receive(sqs, mail)
    sqs.change_message_visibility(
        QueueUrl=mail, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    settled = rig.core.seen[-1]
    assert isinstance(settled, commands.Settle)
    assert (settled.outcome, settled.after_ms) == (commands.RETRY, 0)
    (again,) = receive(sqs, mail, AttributeNames=["ApproximateReceiveCount"])
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_another_timeout_counts_from_now(rig: Rig, sqs: Any, mail: str) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="x")
    (message,) = receive(sqs, mail, VisibilityTimeout=10)
    rig.now_ms += 9_000
    sqs.change_message_visibility(
        QueueUrl=mail, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=10
    )
    rig.now_ms += 9_999
    assert receive(sqs, mail) == []
    rig.now_ms += 1
    assert len(receive(sqs, mail)) == 1


def test_a_message_is_held_for_12_hours_at_most(rig: Rig, sqs: Any, mail: str) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="x")
    (message,) = receive(sqs, mail, VisibilityTimeout=40_000)
    rig.now_ms += 10_000
    handle = message["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=mail, ReceiptHandle=handle, VisibilityTimeout=43_190)
    with pytest.raises(ClientError) as refused:
        sqs.change_message_visibility(QueueUrl=mail, ReceiptHandle=handle, VisibilityTimeout=43_191)
    assert code_of(refused) == "InvalidParameterValue"
    batch = sqs.change_message_visibility_batch(
        QueueUrl=mail, Entries=[{"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 43_191}]
    )
    assert batch["Failed"][0]["Code"] == "InvalidParameterValue"


def test_a_lease_that_ended_cannot_be_changed(rig: Rig, sqs: Any, mail: str) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="x")
    (message,) = receive(sqs, mail, VisibilityTimeout=1)
    rig.now_ms += 2_000
    with pytest.raises(ClientError) as refused:
        sqs.change_message_visibility(
            QueueUrl=mail, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=5
        )
    assert code_of(refused) == "AWS.SimpleQueueService.MessageNotInflight"


def test_a_body_of_another_protocol_that_is_no_text_comes_in_base64(
    rig: Rig, sqs: Any, mail: str
) -> None:
    head = plain_head({"n": 5, "ok": True, "raw": b"\1", "odd": "\1", "none": None, "empty": ""})
    rig.core.ask(commands.Publish(("mail",), [b"\xff\x00", b"a\0"], [head, b""]), rig.now_ms)
    first, second = receive(sqs, mail, MessageAttributeNames=["All"])
    marked = {"DataType": "String", "StringValue": "base64"}
    assert first["Body"] == "/wA="
    assert first["MessageAttributes"] == {
        "n": {"DataType": "Number", "StringValue": "5"},
        "ok": {"DataType": "String", "StringValue": "true"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\1"},
        "odd": {"DataType": "Binary", "BinaryValue": b"\1"},
        "postroad.encoding": marked,
    }
    assert second["Body"] == "YQA="
    assert second["MessageAttributes"] == {"postroad.encoding": marked}


def test_a_message_of_1_mib_is_sent_and_a_larger_one_refused(sqs: Any, mail: str) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="x" * SQS_MESSAGE_BYTES_MAX)
    with pytest.raises(ClientError) as refused:
        sqs.send_message(QueueUrl=mail, MessageBody="x" * (SQS_MESSAGE_BYTES_MAX + 1))
    assert code_of(refused) == "InvalidParameterValue"
    with pytest.raises(ClientError) as refused:
        sqs.send_message(
            QueueUrl=mail,
            MessageBody="x" * (SQS_MESSAGE_BYTES_MAX - 5),
            MessageAttributes={"a": TEXT},
        )
    assert code_of(refused) == "InvalidParameterValue"


def test_a_message_of_1_mib_may_come_in_escapes_three_times_as_long(sqs: Any, mail: str) -> None:
    body = "é" * (SQS_MESSAGE_BYTES_MAX // 2)
    sqs.send_message(QueueUrl=mail, MessageBody=body)
    (got,) = sqs.receive_message(QueueUrl=mail)["Messages"]
    assert got["Body"] == body


def test_too_many_leased_is_told_to_a_short_poll_and_is_nothing_to_a_long_one(
    rig: Rig, sqs: Any, mail: str
) -> None:
    rig.core.refuse_with = Why.TOO_MANY_LEASED
    with pytest.raises(ClientError) as refused:
        receive(sqs, mail)
    assert code_of(refused) == "OverLimit"
    assert receive(sqs, mail, WaitTimeSeconds=5) == []


@pytest.mark.parametrize("why", list(Why))
def test_every_refusal_reaches_a_client_as_an_error_it_can_read(
    rig: Rig, sqs: Any, mail: str, why: Why
) -> None:
    rig.core.refuse_with = why
    with pytest.raises(ClientError) as refused:
        sqs.send_message(QueueUrl=mail, MessageBody="x")
    error: Any = refused.value.response["Error"]
    assert error["Code"]
    assert error["Message"]
    assert error["Type"] in ("Sender", "Receiver")


def test_a_message_from_the_dead_letters_tells_where_it_died(rig: Rig, sqs: Any, mail: str) -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = {
        "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead",
        "maxReceiveCount": 1,
    }
    sqs.set_queue_attributes(QueueUrl=mail, Attributes={"RedrivePolicy": json.dumps(policy)})
    sent = sqs.send_message(QueueUrl=mail, MessageBody="x")
    receive(sqs, mail, VisibilityTimeout=0)
    rig.now_ms += 5
    assert receive(sqs, mail) == []
    (message,) = receive(sqs, dead, AttributeNames=["All"])
    assert message["MessageId"] == sent["MessageId"]
    assert message["Attributes"]["SentTimestamp"] == "1700000000000"
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == (
        "arn:aws:sqs:us-east-1:000000000000:mail"
    )
