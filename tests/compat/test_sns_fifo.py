"""FIFO topics, as boto3 users have them: order by group, and nothing twice."""

import json
from typing import Any

import pytest

from tests.compat.clients import Queue, code_of
from tests.compat.conftest import MakeQueue, MakeTopic
from tests.compat.sns_clients import Topic, bodies, opened


@pytest.fixture
def ledger(make_topic: MakeTopic, sns: Any) -> Topic:
    """A FIFO topic whose content stands for ids."""
    made = make_topic()
    sns.delete_topic(TopicArn=made.arn)
    return Topic(sns, made.name + ".fifo", FifoTopic="true", ContentBasedDeduplication="true")


def test_all_of_a_group_arrive_in_order(ledger: Topic, line: Queue) -> None:
    ledger.subscribe_raw(line)
    for number in range(5):
        ledger.publish(str(number), MessageGroupId="a")
    assert bodies(line) == ["0", "1", "2", "3", "4"]


def test_an_envelope_tells_the_sequence_number_that_the_publisher_was_told(
    ledger: Topic, line: Queue
) -> None:
    ledger.subscribe(line)
    numbers = [ledger.publish(one, MessageGroupId="a")["SequenceNumber"] for one in "xyz"]
    assert numbers == sorted(set(numbers))
    assert {len(one) for one in numbers} == {20}
    got = line.receive()
    assert [opened(one)["SequenceNumber"] for one in got] == numbers
    assert {one["Attributes"]["MessageGroupId"] for one in got} == {"a"}
    assert all(one["Attributes"]["MessageDeduplicationId"] for one in got)


def test_nothing_is_published_twice(ledger: Topic, line: Queue, mail: Queue) -> None:
    ledger.subscribe_raw(line)
    ledger.subscribe_raw(mail)
    first = ledger.publish("x", MessageGroupId="a")
    again = ledger.publish("x", MessageGroupId="a")
    other = ledger.publish("x", MessageGroupId="a", MessageDeduplicationId="mine")
    assert again["MessageId"] == first["MessageId"]
    assert again["SequenceNumber"] == first["SequenceNumber"]
    assert other["MessageId"] != first["MessageId"]
    assert bodies(line) == ["x", "x"]
    # A standard queue knows no ids: the topic does.
    assert mail.counts() == (2, 0, 0)


def test_who_subscribes_later_gets_no_repetition(ledger: Topic, line: Queue) -> None:
    ledger.publish("x", MessageGroupId="a")
    ledger.subscribe_raw(line)
    ledger.publish("x", MessageGroupId="a")
    assert line.counts() == (0, 0, 0)


def test_ids_may_count_for_each_group(ledger: Topic, make_fifo: MakeQueue) -> None:
    line = make_fifo(DeduplicationScope="messageGroup")
    ledger.subscribe_raw(line)
    ledger.sns.set_topic_attributes(
        TopicArn=ledger.arn, AttributeName="FifoThroughputScope", AttributeValue="MessageGroup"
    )
    for group in ("a", "b", "a"):
        ledger.publish("x", MessageGroupId=group)
    assert bodies(line) == ["x", "x"]


def test_a_message_needs_a_group_and_an_id(ledger: Topic, line: Queue) -> None:
    ledger.subscribe_raw(line)
    assert code_of(ledger.publish, message="x") == "InvalidParameter"
    ledger.sns.set_topic_attributes(
        TopicArn=ledger.arn, AttributeName="ContentBasedDeduplication", AttributeValue="false"
    )
    assert code_of(ledger.publish, message="x", MessageGroupId="a") == "InvalidParameter"
    given = {"MessageGroupId": "a", "MessageDeduplicationId": "1"}
    assert ledger.publish("x", **given)["SequenceNumber"]
    answer = ledger.sns.publish_batch(
        TopicArn=ledger.arn,
        PublishBatchRequestEntries=[
            {"Id": "good", "Message": "y", "MessageGroupId": "a", "MessageDeduplicationId": "2"},
            {"Id": "again", "Message": "y", "MessageGroupId": "a", "MessageDeduplicationId": "2"},
            {"Id": "bad", "Message": "z", "MessageGroupId": "a"},
        ],
    )
    good, again = answer["Successful"]
    assert good["MessageId"] == again["MessageId"]
    assert [one["Id"] for one in answer["Failed"]] == ["bad"]
    assert bodies(line) == ["x", "y"]


def test_endpoints_over_http_and_standard_dead_letters_are_refused(
    ledger: Topic, line: Queue, mail: Queue
) -> None:
    given: dict[str, Any] = {"TopicArn": ledger.arn}
    http = {"Protocol": "http", "Endpoint": "http://127.0.0.1:9/"}
    assert code_of(ledger.sns.subscribe, **given, **http) == "InvalidParameter"
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": mail.arn})}
    sqs = {"Protocol": "sqs", "Endpoint": line.arn}
    assert code_of(ledger.sns.subscribe, **given, **sqs, Attributes=redrive) == "InvalidParameter"
