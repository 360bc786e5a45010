"""FIFO queues as boto3 users make and set them."""

from typing import Any

import pytest

from tests.compat.clients import Queue, code_of


def test_a_fifo_queue_tells_its_attributes_and_a_standard_one_has_none_of_them(
    line: Queue, mail: Queue
) -> None:
    names = {"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}
    found = line.attributes()
    assert found["FifoQueue"] == "true"
    assert found["ContentBasedDeduplication"] == "true"
    assert found["DeduplicationScope"] == "queue"
    assert found["FifoThroughputLimit"] == "perQueue"
    assert not names & set(mail.attributes())


@pytest.mark.parametrize(
    ("name", "attributes", "code"),
    [
        ("plain", {"FifoQueue": "true"}, "InvalidParameterValue"),
        ("line.fifo", {}, "InvalidParameterValue"),
        ("line.fifo", {"FifoQueue": "false"}, "InvalidParameterValue"),
        ("x" * 76 + ".fifo", {"FifoQueue": "true"}, "InvalidParameterValue"),
        ("plain", {"FifoQueue": "false"}, "InvalidAttributeName"),
        ("plain", {"ContentBasedDeduplication": "true"}, "InvalidAttributeName"),
        ("plain", {"DeduplicationScope": "queue"}, "InvalidAttributeName"),
        ("plain", {"FifoThroughputLimit": "perQueue"}, "InvalidAttributeName"),
        (
            "line.fifo",
            {"FifoQueue": "true", "ContentBasedDeduplication": "yes"},
            "InvalidAttributeValue",
        ),
        ("line.fifo", {"FifoQueue": "true", "DeduplicationScope": "all"}, "InvalidAttributeValue"),
        (
            "line.fifo",
            {"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"},
            "InvalidAttributeValue",
        ),
    ],
)
def test_a_queue_is_fifo_by_its_name_and_its_attribute_alike(
    sqs: Any, name: str, attributes: dict[str, str], code: str
) -> None:
    assert code_of(sqs.create_queue, QueueName=name, Attributes=attributes) == code


def test_a_fifo_queue_made_again_is_the_same_and_stays_what_it_is(line: Queue, mail: Queue) -> None:
    same = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    again = line.sqs.create_queue(QueueName=line.name, Attributes=same)
    assert again["QueueUrl"] == line.url
    defaults = {**same, "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}
    line.sqs.create_queue(QueueName=line.name, Attributes=defaults)
    other = {"FifoQueue": "true", "ContentBasedDeduplication": "false"}
    code = code_of(line.sqs.create_queue, QueueName=line.name, Attributes=other)
    assert code == "QueueAlreadyExists"

    def changed(queue: Queue, text: str) -> str:
        call = queue.sqs.set_queue_attributes
        return code_of(call, QueueUrl=queue.url, Attributes={"FifoQueue": text})

    line.sqs.set_queue_attributes(QueueUrl=line.url, Attributes={"FifoQueue": "true"})
    assert changed(line, "false") == "InvalidAttributeValue"
    assert changed(mail, "true") == "InvalidAttributeName"


def test_high_throughput_is_two_attributes_of_which_one_needs_the_other(line: Queue) -> None:
    def change(**attributes: str) -> None:
        line.sqs.set_queue_attributes(QueueUrl=line.url, Attributes=attributes)

    def refused(**attributes: str) -> bool:
        call = line.sqs.set_queue_attributes
        return code_of(call, QueueUrl=line.url, Attributes=attributes) == "InvalidAttributeValue"

    assert refused(FifoThroughputLimit="perMessageGroupId")
    change(DeduplicationScope="messageGroup")
    change(FifoThroughputLimit="perMessageGroupId")
    assert refused(DeduplicationScope="queue")
    found = line.attributes("DeduplicationScope", "FifoThroughputLimit")
    assert found == {
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    }
    change(DeduplicationScope="queue", FifoThroughputLimit="perQueue")
    assert line.attributes("DeduplicationScope")["DeduplicationScope"] == "queue"
