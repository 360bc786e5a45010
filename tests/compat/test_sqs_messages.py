"""What boto3 users do with messages: send, receive, wait, keep, give back, delete."""

import hashlib
from typing import Any

import boto3
import pytest

from tests.compat.clients import (
    KEY_ID,
    SECRET,
    WAKE_MS_MAX,
    Background,
    Queue,
    code_of,
    waiting,
)
from tests.compat.conftest import MakeQueue
from tests.compat.processes import Served, until
from tests.compat.sockets import request, talk

OLD = "AWS.SimpleQueueService."


def test_a_message_comes_as_it_was_sent(mail: Queue) -> None:
    attributes = {
        "Priority": {"DataType": "String", "StringValue": "high"},
        "Weight": {"DataType": "Number.float", "StringValue": "1.50"},
        "Raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff\x10"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2-3"}}
    body = 'Grüße, 世界 \U0001f4ee\t"quoted"\nline'
    sent = mail.send(body, MessageAttributes=attributes, MessageSystemAttributes=trace)
    got = mail.one(MessageAttributeNames=["All"])
    assert got["Body"] == body
    assert got["MessageId"] == sent["MessageId"]
    assert got["MD5OfBody"] == sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert got["MessageAttributes"] == attributes
    assert got["Attributes"]["AWSTraceHeader"] == "Root=1-2-3"
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    first = int(got["Attributes"]["ApproximateFirstReceiveTimestamp"])
    assert first >= int(got["Attributes"]["SentTimestamp"])


def test_only_the_attributes_asked_for_are_shown(mail: Queue) -> None:
    text = {"DataType": "String", "StringValue": "x"}
    mail.send("x", MessageAttributes={"app.one": text, "app.two": text, "other": text})
    got = mail.one(MessageSystemAttributeNames=["SentTimestamp"], MessageAttributeNames=["app.*"])
    assert set(got["Attributes"]) == {"SentTimestamp"}
    assert set(got["MessageAttributes"]) == {"app.one", "app.two"}


def test_the_old_name_of_system_attributes_still_works(mail: Queue) -> None:
    mail.send("x")
    got = mail.sqs.receive_message(QueueUrl=mail.url, AttributeNames=["SenderId"])
    assert got["Messages"][0]["Attributes"] == {"SenderId": "000000000000"}


def test_a_receive_takes_one_message_unless_told_more(mail: Queue) -> None:
    for number in range(12):
        mail.send(str(number))
    (first,) = mail.sqs.receive_message(QueueUrl=mail.url)["Messages"]
    rest = mail.receive() + mail.receive()
    bodies = sorted([first["Body"], *(one["Body"] for one in rest)], key=int)
    assert bodies == [str(number) for number in range(12)]
    assert "Messages" not in mail.sqs.receive_message(QueueUrl=mail.url)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"MaxNumberOfMessages": 11}, "InvalidParameterValue"),
        ({"MaxNumberOfMessages": 0}, "InvalidParameterValue"),
        ({"WaitTimeSeconds": 21}, "InvalidParameterValue"),
        ({"VisibilityTimeout": 43_201}, "InvalidParameterValue"),
        ({"AttributeNames": ["Nonsense"]}, "InvalidAttributeName"),
    ],
)
def test_a_receive_out_of_range_leases_nothing(
    mail: Queue, given: dict[str, Any], code: str
) -> None:
    mail.send("x")
    assert code_of(mail.sqs.receive_message, QueueUrl=mail.url, **given) == code
    assert mail.counts() == (1, 0, 0)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"MessageBody": ""}, "MissingParameter"),
        ({"MessageBody": "bell \x07"}, "InvalidMessageContents"),
        ({"MessageBody": "x" * 1_048_577}, "InvalidParameterValue"),
        ({"MessageBody": "x", "DelaySeconds": 901}, "InvalidParameterValue"),
        ({"MessageBody": "x", "DelaySeconds": -1}, "InvalidParameterValue"),
        (
            {"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "Colour"}}},
            "InvalidParameterValue",
        ),
        ({"MessageBody": "x", "MessageDeduplicationId": "d"}, "InvalidParameterValue"),
    ],
)
def test_a_message_the_service_does_not_take_is_refused(
    mail: Queue, given: dict[str, Any], code: str
) -> None:
    assert code_of(mail.sqs.send_message, QueueUrl=mail.url, **given) == code
    assert mail.counts() == (0, 0, 0)


def test_the_largest_message_there_may_be_comes_back_whole(mail: Queue) -> None:
    body = "é" * (1_048_576 // 2)
    mail.send(body)
    assert mail.one()["Body"] == body


# Batches.


def test_a_batch_tells_of_each_entry(make_queue: MakeQueue) -> None:
    queue = make_queue(MaximumMessageSize="1024")
    answer = queue.sqs.send_message_batch(
        QueueUrl=queue.url,
        Entries=[
            {"Id": "good", "MessageBody": "a"},
            {"Id": "large", "MessageBody": "b" * 1_025},
            {"Id": "bell", "MessageBody": "\x07"},
            {"Id": "late", "MessageBody": "c", "DelaySeconds": 900},
        ],
    )
    assert sorted(one["Id"] for one in answer["Successful"]) == ["good", "late"]
    failed = {one["Id"]: one for one in answer["Failed"]}
    assert {name: one["Code"] for name, one in failed.items()} == {
        "large": "InvalidParameterValue",
        "bell": "InvalidMessageContents",
    }
    assert all(one["SenderFault"] for one in failed.values())
    assert queue.counts() == (1, 0, 1)


def test_ten_messages_go_and_are_deleted_in_one_batch_each(mail: Queue) -> None:
    sqs, url = mail.sqs, mail.url
    entries = [{"Id": str(one), "MessageBody": f"body {one}"} for one in range(10)]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]
    got = mail.receive(WaitTimeSeconds=20)
    assert [one["MessageId"] for one in got] == [one["MessageId"] for one in sent]
    deletes = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(got)]
    deletes[3]["ReceiptHandle"] = "nonsense"
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=deletes)
    assert len(answer["Successful"]) == 9
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"]) == ("3", "ReceiptHandleIsInvalid")
    assert mail.counts() == (0, 1, 0)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        (
            [{"Id": str(one), "MessageBody": "x"} for one in range(11)],
            "TooManyEntriesInBatchRequest",
        ),
        ([{"Id": "a", "MessageBody": "x"}] * 2, "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId"),
        (
            [{"Id": str(one), "MessageBody": "x" * 600_000} for one in range(2)],
            "BatchRequestTooLong",
        ),
    ],
)
def test_a_bad_batch_sends_nothing(mail: Queue, entries: list[Any], code: str) -> None:
    given = {"QueueUrl": mail.url, "Entries": entries}
    assert code_of(mail.sqs.send_message_batch, **given) == OLD + code
    assert mail.counts() == (0, 0, 0)


# Long polls.


def test_a_long_poll_is_woken_by_an_arrival(shared: Served, mail: Queue) -> None:
    poll = Background(mail.one)
    waiting(shared.url, 1)
    mail.send("arrived")
    assert poll.result()["Body"] == "arrived"


def test_a_long_poll_is_woken_by_the_end_of_a_delay(mail: Queue) -> None:
    mail.send("delayed", DelaySeconds=1)
    assert mail.receive() == []
    poll = Background(mail.one)
    assert poll.result()["Body"] == "delayed"


def test_a_long_poll_is_woken_by_the_end_of_a_lease(mail: Queue) -> None:
    mail.send("leased")
    mail.one(VisibilityTimeout=1)
    assert mail.receive() == []
    again = Background(mail.one).result()
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_long_poll_is_woken_when_a_message_is_given_back(shared: Served, mail: Queue) -> None:
    mail.send("given back")
    held = mail.one()
    poll = Background(mail.one)
    waiting(shared.url, 1)
    mail.change(held, 0)
    assert poll.result()["Body"] == "given back"


def test_whoever_waits_longest_is_served_first(shared: Served, mail: Queue) -> None:
    polls: list[Background[dict[str, Any]]] = []
    for number in range(3):
        polls.append(Background(mail.one))
        waiting(shared.url, number + 1)
    for number, poll in enumerate(polls):
        mail.send(str(number))
        assert poll.result()["Body"] == str(number)


def test_a_client_that_went_away_is_handed_nothing(shared: Served, mail: Queue) -> None:
    with talk(shared) as gone:
        gone.sendall(request("ReceiveMessage", {"QueueUrl": mail.url, "WaitTimeSeconds": 20}))
        waiting(shared.url, 1)
    waiting(shared.url, 0)
    mail.send("for the living")
    assert mail.counts() == (1, 0, 0)


# Visibility.


def test_a_lease_is_kept_by_changing_its_end(mail: Queue) -> None:
    mail.send("long work")
    held = mail.one(VisibilityTimeout=2)
    mail.change(held, 60)
    # One of another queue was leased later for as long; when it is back, the first lease would be.
    other = Queue(mail.sqs, mail.name + "-clock")
    other.send("tick")
    other.one(VisibilityTimeout=2)
    assert other.one()["Body"] == "tick"
    assert mail.receive() == []
    mail.delete(held)
    assert mail.counts() == (0, 0, 0)


def test_a_message_given_back_is_there_at_once_and_counted(mail: Queue) -> None:
    mail.send("x")
    for count in ("1", "2", "3"):
        held = mail.one()
        assert held["Attributes"]["ApproximateReceiveCount"] == count
        mail.change(held, 0)
    entry = {"Id": "a", "ReceiptHandle": mail.one()["ReceiptHandle"], "VisibilityTimeout": 0}
    answer = mail.sqs.change_message_visibility_batch(QueueUrl=mail.url, Entries=[entry])
    assert [one["Id"] for one in answer["Successful"]] == ["a"]
    assert mail.counts() == (1, 0, 0)


def test_what_is_back_in_the_queue_cannot_be_kept_any_longer(mail: Queue) -> None:
    mail.send("x")
    held = mail.one(VisibilityTimeout=1)
    assert until(lambda: mail.counts() == (1, 0, 0), WAKE_MS_MAX)
    given = {"QueueUrl": mail.url, "ReceiptHandle": held["ReceiptHandle"]}
    code = code_of(mail.sqs.change_message_visibility, **given, VisibilityTimeout=30)
    assert code == OLD + "MessageNotInflight"
    entry = {"Id": "a", "ReceiptHandle": held["ReceiptHandle"], "VisibilityTimeout": 30}
    answer = mail.sqs.change_message_visibility_batch(QueueUrl=mail.url, Entries=[entry])
    assert [one["Code"] for one in answer["Failed"]] == [OLD + "MessageNotInflight"]
    assert mail.counts() == (1, 0, 0)


def test_a_lease_that_ended_can_still_delete_until_the_next_receive(mail: Queue) -> None:
    mail.send("x")
    held = mail.one(VisibilityTimeout=1)
    assert until(lambda: mail.counts() == (1, 0, 0), WAKE_MS_MAX)
    mail.delete(held)
    assert mail.counts() == (0, 0, 0)


def test_an_older_handle_deletes_nothing_once_another_was_given(mail: Queue) -> None:
    mail.send("x")
    first = mail.one()
    mail.change(first, 0)
    second = mail.one()
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    mail.delete(first)
    assert mail.counts() == (0, 1, 0)
    mail.delete(second)
    mail.delete(second)
    assert mail.counts() == (0, 0, 0)


def test_a_handle_of_another_queue_is_refused(mail: Queue, make_queue: MakeQueue) -> None:
    mail.send("x")
    handle = mail.one()["ReceiptHandle"]
    other = make_queue()
    given = {"QueueUrl": other.url, "ReceiptHandle": handle}
    assert code_of(other.sqs.delete_message, **given) == "ReceiptHandleIsInvalid"
    assert mail.counts() == (0, 1, 0)


def test_a_queue_s_delay_holds_for_messages_without_their_own(make_queue: MakeQueue) -> None:
    queue = make_queue(DelaySeconds="900")
    queue.send("the queue's")
    queue.send("its own", DelaySeconds=0)
    assert queue.one()["Body"] == "its own"
    assert queue.counts() == (0, 1, 1)


def test_a_timeout_of_0_leaves_a_message_for_the_next_receive(mail: Queue) -> None:
    mail.send("x")
    first = mail.one(VisibilityTimeout=0)
    again = mail.one()
    assert again["MessageId"] == first["MessageId"]
    name = "ApproximateFirstReceiveTimestamp"
    assert again["Attributes"][name] == first["Attributes"][name]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_long_poll_of_a_queue_that_is_deleted_is_told(shared: Served, mail: Queue) -> None:
    poll = Background(lambda: code_of(mail.receive, WaitTimeSeconds=20))
    waiting(shared.url, 1)
    mail.sqs.delete_queue(QueueUrl=mail.url)
    assert poll.result() == OLD + "NonExistentQueue"


def test_competing_consumers_share_the_work_and_each_message_is_one_s(mail: Queue) -> None:
    for start in range(0, 300, 10):
        entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(start, start + 10)]
        mail.sqs.send_message_batch(QueueUrl=mail.url, Entries=entries)

    def consume() -> list[int]:
        taken: list[int] = []
        while got := mail.receive(MaxNumberOfMessages=1):
            taken.append(int(got[0]["Body"]))
            mail.delete(got[0])
        return taken

    shares = [one.result() for one in [Background(consume) for _ in range(3)]]
    assert sorted(number for share in shares for number in share) == list(range(300))
    assert min(len(share) for share in shares) >= 30
    assert mail.counts() == (0, 0, 0)


def test_the_resource_style_of_boto3_works_as_well(shared: Served) -> None:
    service = boto3.resource(
        "sqs",
        endpoint_url=shared.url,
        region_name="us-east-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    )
    queue = service.create_queue(QueueName="resource", Attributes={"DelaySeconds": "0"})
    assert service.get_queue_by_name(QueueName="resource").url == queue.url
    queue.send_message(MessageBody="hello", MessageAttributes={})
    (message,) = queue.receive_messages(WaitTimeSeconds=20, AttributeNames=["All"])
    assert message.body == "hello"
    message.change_visibility(VisibilityTimeout=100)
    message.delete()
    queue.reload()
    assert queue.attributes["ApproximateNumberOfMessagesNotVisible"] == "0"
    service.meta.client.close()
