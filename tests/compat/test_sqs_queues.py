"""What boto3 users do with queues: make, find, set, tag, permit, purge, delete."""

import json
from typing import Any

import pytest

from tests.compat.clients import Queue, code_of
from tests.compat.conftest import MakeQueue

OLD = "AWS.SimpleQueueService."


def test_a_new_queue_has_the_attributes_of_the_service(mail: Queue) -> None:
    found = mail.attributes()
    assert found.pop("CreatedTimestamp").isdigit()
    assert found.pop("LastModifiedTimestamp").isdigit()
    assert found == {
        "VisibilityTimeout": "30",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "false",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{mail.name}",
    }


def test_attributes_are_changed_one_by_one(mail: Queue) -> None:
    for name, text in (("VisibilityTimeout", "43200"), ("DelaySeconds", "900")):
        mail.sqs.set_queue_attributes(QueueUrl=mail.url, Attributes={name: text})
    assert mail.attributes("VisibilityTimeout", "DelaySeconds", "MaximumMessageSize") == {
        "VisibilityTimeout": "43200",
        "DelaySeconds": "900",
        "MaximumMessageSize": "1048576",
    }


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
        ({"VisibilityTimeout": "-1"}, "InvalidAttributeValue"),
        ({"DelaySeconds": "901"}, "InvalidAttributeValue"),
        ({"MessageRetentionPeriod": "59"}, "InvalidAttributeValue"),
        ({"MaximumMessageSize": "1023"}, "InvalidAttributeValue"),
        ({"ReceiveMessageWaitTimeSeconds": "21"}, "InvalidAttributeValue"),
        ({"ApproximateNumberOfMessages": "3"}, "InvalidAttributeName"),
        ({"Colour": "red"}, "InvalidAttributeName"),
        ({"RedrivePolicy": "nonsense"}, "InvalidParameterValue"),
        ({"FifoQueue": "true"}, "InvalidAttributeName"),
    ],
)
def test_an_attribute_out_of_range_is_refused_and_changes_nothing(
    mail: Queue, attributes: dict[str, str], code: str
) -> None:
    before = mail.attributes()
    given = {"QueueUrl": mail.url, "Attributes": {"DelaySeconds": "7", **attributes}}
    assert code_of(mail.sqs.set_queue_attributes, **given) == code
    assert mail.attributes() == before


def test_a_queue_is_made_again_only_with_what_it_has(mail: Queue) -> None:
    again = mail.sqs.create_queue(QueueName=mail.name, Attributes={"VisibilityTimeout": "30"})
    assert again["QueueUrl"] == mail.url
    given = {"QueueName": mail.name, "Attributes": {"VisibilityTimeout": "31"}}
    assert code_of(mail.sqs.create_queue, **given) == "QueueAlreadyExists"


def test_an_unknown_queue_has_the_code_that_programs_compare_with(mail: Queue) -> None:
    sqs = mail.sqs
    url = mail.url + "-that-is-not"
    code = OLD + "NonExistentQueue"
    assert code_of(sqs.get_queue_url, QueueName="that-is-not") == code
    assert code_of(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All"]) == code
    assert code_of(sqs.send_message, QueueUrl=url, MessageBody="x") == code
    assert code_of(sqs.receive_message, QueueUrl=url) == code
    assert code_of(sqs.purge_queue, QueueUrl=url) == code
    assert code_of(sqs.delete_queue, QueueUrl=url) == code
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="that-is-not")


def test_a_queue_is_reached_whatever_host_its_address_names(mail: Queue) -> None:
    elsewhere = f"https://sqs.eu-west-1.amazonaws.com/123456789012/{mail.name}"
    mail.sqs.send_message(QueueUrl=elsewhere, MessageBody="x")
    assert mail.one()["Body"] == "x"


def test_queues_are_listed_by_prefix_and_in_pages(sqs: Any) -> None:
    names = [f"paged-{number:02}" for number in range(25)]
    for name in names:
        sqs.create_queue(QueueName=name)
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix="paged-", PaginationConfig={"PageSize": 10}
    )
    listed = [[url.rpartition("/")[2] for url in page["QueueUrls"]] for page in pages]
    assert [len(page) for page in listed] == [10, 10, 5]
    assert [name for page in listed for name in page] == names
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="none-begins-so")


def test_tags_are_told_again(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="tagged", tags={"team": "a", "cost": "1"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"team": "b", "new": ""})
    sqs.untag_queue(QueueUrl=url, TagKeys=["cost", "unknown"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "b", "new": ""}


def test_permissions_are_statements_of_the_policy(mail: Queue) -> None:
    sqs, url = mail.sqs, mail.url
    given = {"QueueUrl": url, "Label": "other-team", "AWSAccountIds": ["111122223333"]}
    sqs.add_permission(**given, Actions=["SendMessage", "ReceiveMessage"])
    (statement,) = json.loads(mail.attributes("Policy")["Policy"])["Statement"]
    assert statement["Sid"] == "other-team"
    assert statement["Action"] == ["SQS:SendMessage", "SQS:ReceiveMessage"]
    assert statement["Resource"] == mail.arn
    again = code_of(sqs.add_permission, **given, Actions=["SendMessage"])
    assert again == "InvalidParameterValue"
    sqs.remove_permission(QueueUrl=url, Label="other-team")
    assert mail.attributes("Policy") == {}


def test_a_purge_drops_all_and_a_second_one_has_to_wait(mail: Queue) -> None:
    for number in range(3):
        mail.send(str(number))
    held = mail.receive(MaxNumberOfMessages=1)[0]
    mail.send("delayed", DelaySeconds=900)
    assert mail.counts() == (2, 1, 1)
    mail.sqs.purge_queue(QueueUrl=mail.url)
    assert mail.counts() == (0, 0, 0)
    mail.delete(held)
    code = code_of(mail.sqs.purge_queue, QueueUrl=mail.url)
    assert code == OLD + "PurgeQueueInProgress"
    mail.send("after")
    assert mail.one()["Body"] == "after"


def test_a_deleted_queue_is_gone_and_one_made_anew_is_empty(mail: Queue) -> None:
    mail.send("x")
    held = mail.one()
    mail.sqs.delete_queue(QueueUrl=mail.url)
    assert code_of(mail.receive) == OLD + "NonExistentQueue"
    anew = Queue(mail.sqs, mail.name)
    anew.send("y")
    given = {"QueueUrl": anew.url, "ReceiptHandle": held["ReceiptHandle"]}
    assert code_of(anew.sqs.delete_message, **given) == "ReceiptHandleIsInvalid"
    assert anew.one()["Body"] == "y"


def test_a_queue_s_wait_holds_for_receives_without_their_own(make_queue: MakeQueue) -> None:
    queue = make_queue(ReceiveMessageWaitTimeSeconds="20")
    queue.send("late", DelaySeconds=1)
    (message,) = queue.receive()
    assert message["Body"] == "late"


@pytest.mark.parametrize("name", ["", "a b", "x" * 81, "dot.ted"])
def test_a_name_the_service_does_not_take_is_refused(sqs: Any, name: str) -> None:
    code = code_of(sqs.create_queue, QueueName=name)
    assert code in ("InvalidParameterValue", "MissingParameter"), code
