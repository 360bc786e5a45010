"""What is published and what arrives, as boto3 users have it."""

import json
from typing import Any

import pytest

from tests.compat.clients import Queue, code_of
from tests.compat.conftest import MakeQueue
from tests.compat.sns_clients import Topic, bodies, opened, text


def test_one_publish_reaches_every_queue(news: Topic, make_queue: MakeQueue) -> None:
    queues = [make_queue() for _ in range(3)]
    for queue in queues:
        news.subscribe(queue)
    sent = news.publish("hello")
    for queue in queues:
        assert opened(queue.one())["MessageId"] == sent["MessageId"]


def test_an_envelope_says_what_was_published(news: Topic, mail: Queue) -> None:
    news.subscribe(mail)
    sent = news.publish(
        'say "ä"',
        Subject="A subject",
        MessageAttributes={
            "s": text("x"),
            "n": text("1.5", "Number"),
            "a": text('["x", 1]', "String.Array"),
            "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )
    got = mail.one(MessageAttributeNames=["All"])
    assert "MessageAttributes" not in got
    found = opened(got)
    assert list(found) == [
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
        "UnsubscribeURL",
        "MessageAttributes",
    ]
    assert found["Type"] == "Notification"
    assert found["MessageId"] == sent["MessageId"]
    assert found["TopicArn"] == news.arn
    assert found["Subject"] == "A subject"
    assert found["Message"] == 'say "ä"'
    assert found["Timestamp"].endswith("Z")
    assert found["MessageAttributes"] == {
        "s": {"Type": "String", "Value": "x"},
        "n": {"Type": "Number", "Value": "1.5"},
        "a": {"Type": "String.Array", "Value": '["x", 1]'},
        "b": {"Type": "Binary", "Value": "AP8="},
    }
    news.publish("bare")
    assert not {"Subject", "MessageAttributes", "SequenceNumber"} & set(opened(mail.one()))


def test_raw_delivery_passes_text_and_attributes_on(news: Topic, mail: Queue) -> None:
    news.subscribe_raw(mail)
    attributes: dict[str, Any] = {
        "s": text("x"),
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    news.publish("hello", MessageAttributes=attributes, Subject="nobody sees it")
    got = mail.one(MessageAttributeNames=["All"])
    assert got["Body"] == "hello"
    assert got["MessageAttributes"] == attributes


def test_each_protocol_may_have_a_text_of_its_own(
    news: Topic, mail: Queue, make_queue: MakeQueue
) -> None:
    raw = make_queue()
    news.subscribe(mail)
    news.subscribe_raw(raw)
    news.publish(json.dumps({"default": "d", "sqs": "s", "http": "h"}), MessageStructure="json")
    news.publish(json.dumps({"default": "d", "email": "e"}), MessageStructure="json")
    assert [opened(one)["Message"] for one in mail.receive()] == ["s", "d"]
    assert bodies(raw) == ["s", "d"]


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("InvalidParameter", {"Message": ""}),
        ("InvalidParameter", {"Message": "x" * 262_145}),
        ("InvalidParameter", {"Message": "x", "Subject": ""}),
        ("InvalidParameter", {"Message": "x", "Subject": "x" * 101}),
        ("InvalidParameter", {"Message": "x", "Subject": "two\nlines"}),
        ("InvalidParameter", {"Message": "x", "MessageStructure": "json"}),
        ("InvalidParameter", {"Message": '{"sqs": "x"}', "MessageStructure": "json"}),
        ("InvalidParameter", {"Message": "x", "MessageStructure": "xml"}),
        ("InvalidParameter", {"Message": "x", "MessageDeduplicationId": "1"}),
        ("InvalidParameter", {"Message": "x", "MessageGroupId": "a b"}),
        ("ParameterValueInvalid", {"Message": "x", "MessageAttributes": {"a": text("", "String")}}),
        (
            "ParameterValueInvalid",
            {"Message": "x", "MessageAttributes": {"a": text("x", "Number")}},
        ),
        ("ParameterValueInvalid", {"Message": "x", "MessageAttributes": {"a": text("x", "Time")}}),
        ("ParameterValueInvalid", {"Message": "x", "MessageAttributes": {"a b": text("x")}}),
        (
            "ParameterValueInvalid",
            {"Message": "x", "MessageAttributes": {"a": text("{}", "String.Array")}},
        ),
    ],
)
def test_a_message_that_cannot_be_is_refused(
    news: Topic, mail: Queue, code: str, given: dict[str, Any]
) -> None:
    news.subscribe(mail)
    assert code_of(news.sns.publish, TopicArn=news.arn, **given) == code
    assert mail.counts() == (0, 0, 0)


def test_a_topic_that_is_not_there_takes_nothing(sns: Any) -> None:
    arn = "arn:aws:sns:us-east-1:000000000000:nothing"
    assert code_of(sns.publish, TopicArn=arn, Message="x") == "NotFound"
    assert code_of(sns.publish, TargetArn=arn, Message="x") == "NotFound"
    assert code_of(sns.publish, TopicArn="no arn", Message="x") == "InvalidParameter"
    assert code_of(sns.publish, Message="x") == "InvalidParameter"
    assert code_of(sns.publish, PhoneNumber="+491", Message="x") == "InvalidParameter"


def test_a_batch_tells_of_each_entry(news: Topic, mail: Queue) -> None:
    news.subscribe_raw(mail)
    answer = news.sns.publish_batch(
        TopicArn=news.arn,
        PublishBatchRequestEntries=[
            {"Id": "one", "Message": "1"},
            {"Id": "two", "Message": ""},
            {"Id": "three", "Message": "3", "MessageAttributes": {"a": text("b")}},
        ],
    )
    assert [one["Id"] for one in answer["Successful"]] == ["one", "three"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"]) == ("two", "InvalidParameter")
    assert failed["SenderFault"] is True
    assert bodies(mail) == ["1", "3"]


def test_a_batch_that_cannot_be_is_refused_whole(news: Topic, mail: Queue) -> None:
    news.subscribe(mail)

    def entries(*ids: str, message: str = "x") -> dict[str, Any]:
        return {"PublishBatchRequestEntries": [{"Id": one, "Message": message} for one in ids]}

    ids = [str(number) for number in range(11)]
    for code, given in (
        ("EmptyBatchRequest", entries()),
        ("TooManyEntriesInBatchRequest", entries(*ids)),
        ("BatchEntryIdsNotDistinct", entries("a", "a")),
        ("InvalidBatchEntryId", entries("a b")),
        ("BatchRequestTooLong", entries("a", "b", message="x" * 200_000)),
    ):
        assert code_of(news.sns.publish_batch, TopicArn=news.arn, **given) == code
    assert mail.counts() == (0, 0, 0)


def test_what_a_queue_is_too_small_for_goes_to_the_dead_letters(
    news: Topic, mail: Queue, make_queue: MakeQueue
) -> None:
    small, dead = make_queue(MaximumMessageSize="1024"), make_queue()
    redrive = json.dumps({"deadLetterTargetArn": dead.arn})
    news.subscribe_raw(small, RedrivePolicy=redrive)
    news.subscribe_raw(mail)
    long = "x" * 2_000
    news.publish(long)
    news.publish("short")
    assert bodies(mail) == [long, "short"]
    assert bodies(small) == ["short"]
    assert bodies(dead) == [long]


def test_a_queue_that_refuses_keeps_a_message_from_nobody_else(
    news: Topic, mail: Queue, make_queue: MakeQueue
) -> None:
    small = make_queue(MaximumMessageSize="1024")
    news.subscribe(small)
    news.subscribe(mail, FilterPolicy='{"a":["b"]}')
    news.publish("x" * 2_000, MessageAttributes={"a": text("b")})
    news.publish("y" * 2_000)
    assert small.counts() == (0, 0, 0)
    assert opened(mail.one())["Message"][0] == "x"
    assert mail.counts() == (0, 1, 0)
