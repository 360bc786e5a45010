"""Queues as a boto3 program sees them: make, change, list, tag, permit, redrive."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from postroad.model import commands
from postroad.model.policy import QueueSettings
from tests.wire.sqs.rig import Rig

ARN = "arn:aws:sqs:us-east-1:000000000000:"


def code_of(refused: Any) -> str:
    return str(refused.value.response["Error"]["Code"])


def attributes_of(sqs: Any, url: str, *names: str) -> dict[str, str]:
    names = names or ("All",)
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
    return dict(answer.get("Attributes", {}))


def redrive(name: str, count: int = 3) -> dict[str, str]:
    return {
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": ARN + name, "maxReceiveCount": count})
    }


def test_a_new_queue_has_the_service_s_defaults(rig: Rig, sqs: Any, mail: str) -> None:
    assert mail == "http://localhost:9324/000000000000/mail"
    assert attributes_of(sqs, mail) == {
        "VisibilityTimeout": "30",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "false",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "CreatedTimestamp": "1700000000",
        "LastModifiedTimestamp": "1700000000",
        "QueueArn": ARN + "mail",
    }
    assert rig.core.queues["mail"].settings.leased_max == 120_000


def test_attributes_given_are_told_again_and_may_be_named(sqs: Any) -> None:
    given = {
        "VisibilityTimeout": "0",
        "MaximumMessageSize": "1024",
        "MessageRetentionPeriod": "60",
        "DelaySeconds": "900",
        "ReceiveMessageWaitTimeSeconds": "20",
        "Policy": '{"Statement":[]}',
        "KmsMasterKeyId": "alias/one",
        "KmsDataKeyReusePeriodSeconds": "60",
        "SqsManagedSseEnabled": "true",
        "RedriveAllowPolicy": '{"redrivePermission":"denyAll"}',
    }
    url = sqs.create_queue(QueueName="full", Attributes=given)["QueueUrl"]
    assert attributes_of(sqs, url, *given) == given
    assert attributes_of(sqs, url, "FifoQueue") == {}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)
    with pytest.raises(ClientError) as refused:
        attributes_of(sqs, url, "Colour")
    assert code_of(refused) == "InvalidAttributeName"


def test_a_timeout_of_0_is_no_lease_without_an_end(rig: Rig, sqs: Any) -> None:
    sqs.create_queue(QueueName="zero", Attributes={"VisibilityTimeout": "0"})
    assert rig.core.queues["zero"].settings.lease_ms == 1


def test_making_a_queue_again_compares_only_what_is_given(sqs: Any, mail: str) -> None:
    sqs.set_queue_attributes(QueueUrl=mail, Attributes={"DelaySeconds": "5"})
    assert sqs.create_queue(QueueName="mail")["QueueUrl"] == mail
    same = {"DelaySeconds": "5", "VisibilityTimeout": "30"}
    assert sqs.create_queue(QueueName="mail", Attributes=same)["QueueUrl"] == mail
    for other in ({"DelaySeconds": "6"}, {"Policy": "{}"}, {"SqsManagedSseEnabled": "true"}):
        with pytest.raises(ClientError) as refused:
            sqs.create_queue(QueueName="mail", Attributes=other)
        assert code_of(refused) == "QueueAlreadyExists"
        assert isinstance(refused.value, sqs.exceptions.QueueNameExists)


@pytest.mark.parametrize("name", ["a b", "x" * 81, "a.b"])
def test_a_name_the_service_does_not_allow_is_refused(sqs: Any, name: str) -> None:
    with pytest.raises(ClientError) as refused:
        sqs.create_queue(QueueName=name)
    assert code_of(refused) == "InvalidParameterValue"


def test_a_queue_is_found_by_name_until_it_is_deleted(sqs: Any, mail: str) -> None:
    assert sqs.get_queue_url(QueueName="mail")["QueueUrl"] == mail
    owner = {"QueueName": "mail", "QueueOwnerAWSAccountId": "000000000000"}
    assert sqs.get_queue_url(**owner)["QueueUrl"] == mail
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="mail", QueueOwnerAWSAccountId="123456789012")
    sqs.delete_queue(QueueUrl=mail)
    acts: list[Callable[[], Any]] = [
        lambda: sqs.get_queue_url(QueueName="mail"),
        lambda: sqs.delete_queue(QueueUrl=mail),
        lambda: sqs.send_message(QueueUrl=mail, MessageBody="x"),
        lambda: sqs.receive_message(QueueUrl=mail),
        lambda: sqs.purge_queue(QueueUrl=mail),
        lambda: attributes_of(sqs, mail),
        lambda: sqs.set_queue_attributes(QueueUrl=mail, Attributes={"DelaySeconds": "5"}),
        lambda: sqs.list_queue_tags(QueueUrl=mail),
        lambda: sqs.tag_queue(QueueUrl=mail, Tags={"a": "b"}),
        lambda: sqs.untag_queue(QueueUrl=mail, TagKeys=["a"]),
        lambda: sqs.list_dead_letter_source_queues(QueueUrl=mail),
    ]
    for act in acts:
        with pytest.raises(sqs.exceptions.QueueDoesNotExist) as refused:
            act()
        assert code_of(refused) == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_queue_sqs_cannot_spell_is_not_listed_but_reached_escaped(rig: Rig, sqs: Any) -> None:
    rig.core.ask(commands.DeclareQueue("my.queue", QueueSettings()), rig.now_ms)
    assert "QueueUrls" not in sqs.list_queues()
    url = sqs.get_queue_url(QueueName="my%2Equeue")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert len(rig.core.queues["my.queue"].messages) == 1


def test_listing_goes_by_prefix_and_in_pages(rig: Rig, sqs: Any) -> None:
    for number in range(7):
        sqs.create_queue(QueueName=f"a{number}")
        rig.core.ask(commands.DeclareQueue(f"a{number}.x", QueueSettings()), rig.now_ms)
    sqs.create_queue(QueueName="b")
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix="a", PaginationConfig={"PageSize": 3}
    )
    found = [[url.rpartition("/")[2] for url in page.get("QueueUrls", [])] for page in pages]
    assert [one for page in found for one in page] == [f"a{n}" for n in range(7)]
    assert max(map(len, found)) == 3
    assert len(sqs.list_queues()["QueueUrls"]) == 8
    with pytest.raises(ClientError) as refused:
        sqs.list_queues(NextToken="x")
    assert code_of(refused) == "InvalidParameterValue"
    with pytest.raises(ClientError) as refused:
        sqs.list_queues(NextToken="%%", MaxResults=5)
    assert code_of(refused) == "InvalidParameterValue"


def test_a_queue_is_purged_once_a_minute(rig: Rig, sqs: Any, mail: str) -> None:
    sqs.send_message(QueueUrl=mail, MessageBody="x")
    sqs.purge_queue(QueueUrl=mail)
    assert attributes_of(sqs, mail, "ApproximateNumberOfMessages") == {
        "ApproximateNumberOfMessages": "0"
    }
    rig.now_ms += 59_999
    with pytest.raises(ClientError) as refused:
        sqs.purge_queue(QueueUrl=mail)
    assert code_of(refused) == "AWS.SimpleQueueService.PurgeQueueInProgress"
    rig.now_ms += 1
    sqs.purge_queue(QueueUrl=mail)


def test_a_deleted_name_rests_for_a_while_where_that_is_switched_on() -> None:
    rig = Rig(deleted_recently_ms=60_000)
    sqs = rig.client()
    url = sqs.create_queue(QueueName="mail")["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(ClientError) as refused:
        sqs.create_queue(QueueName="mail")
    assert code_of(refused) == "AWS.SimpleQueueService.QueueDeletedRecently"
    rig.now_ms += 60_000
    sqs.create_queue(QueueName="mail")


def test_changing_some_attributes_leaves_the_others(sqs: Any, mail: str) -> None:
    sqs.set_queue_attributes(QueueUrl=mail, Attributes={"DelaySeconds": "7", "Policy": "{}"})
    sqs.set_queue_attributes(QueueUrl=mail, Attributes={"VisibilityTimeout": "8"})
    names = ("DelaySeconds", "VisibilityTimeout", "Policy")
    assert attributes_of(sqs, mail, *names) == {
        "DelaySeconds": "7",
        "VisibilityTimeout": "8",
        "Policy": "{}",
    }
    sqs.set_queue_attributes(QueueUrl=mail, Attributes={"Policy": ""})
    assert "Policy" not in attributes_of(sqs, mail)


def test_a_dead_letter_queue_must_exist_and_allow_it(sqs: Any, mail: str) -> None:
    with pytest.raises(ClientError, match="does not exist") as refused:
        sqs.set_queue_attributes(QueueUrl=mail, Attributes=redrive("dead"))
    assert code_of(refused) == "InvalidParameterValue"
    deny = {"RedriveAllowPolicy": '{"redrivePermission":"denyAll"}'}
    dead = sqs.create_queue(QueueName="dead", Attributes=deny)["QueueUrl"]
    with pytest.raises(ClientError, match="does not allow it"):
        sqs.create_queue(QueueName="new", Attributes=redrive("dead"))
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": ""})
    sqs.set_queue_attributes(QueueUrl=mail, Attributes=redrive("dead"))
    assert json.loads(attributes_of(sqs, mail)["RedrivePolicy"]) == {
        "deadLetterTargetArn": ARN + "dead",
        "maxReceiveCount": 3,
    }
    sqs.set_queue_attributes(QueueUrl=mail, Attributes={"RedrivePolicy": ""})
    assert "RedrivePolicy" not in attributes_of(sqs, mail)


def test_a_dead_letter_queue_knows_its_sources(sqs: Any) -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == []
    urls = [
        sqs.create_queue(QueueName=f"q{n}", Attributes=redrive("dead"))["QueueUrl"]
        for n in range(5)
    ]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == urls
    pages = sqs.get_paginator("list_dead_letter_source_queues").paginate(
        QueueUrl=dead, PaginationConfig={"PageSize": 2}
    )
    assert [page["queueUrls"] for page in pages] == [urls[:2], urls[2:4], urls[4:]]


def test_tags_are_added_changed_and_removed(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="mail", tags={"a": "1", "b": "2"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"b": "3", "c": ""})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "1", "b": "3", "c": ""}
    sqs.untag_queue(QueueUrl=url, TagKeys=["a", "b", "c", "d"])
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)


@pytest.mark.parametrize(
    "tags",
    [
        {"": "x"},
        {"x" * 129: "x"},
        {"aws:x": "x"},
        {"x": "x" * 257},
        {f"t{n}": "x" for n in range(51)},
    ],
)
def test_bad_tags_are_refused(sqs: Any, mail: str, tags: dict[str, str]) -> None:
    acts: list[Callable[[], Any]] = [
        lambda: sqs.tag_queue(QueueUrl=mail, Tags=tags),
        lambda: sqs.create_queue(QueueName="new", tags=tags),
    ]
    for act in acts:
        with pytest.raises(ClientError) as refused:
            act()
        assert code_of(refused) == "InvalidParameterValue"


def test_a_queue_has_at_most_50_tags_in_all(sqs: Any, mail: str) -> None:
    sqs.tag_queue(QueueUrl=mail, Tags={f"t{n}": "x" for n in range(50)})
    sqs.tag_queue(QueueUrl=mail, Tags={"t0": "y"})
    with pytest.raises(ClientError):
        sqs.tag_queue(QueueUrl=mail, Tags={"more": "x"})


def test_a_permission_is_a_statement_in_the_policy(sqs: Any, mail: str) -> None:
    permit = {"QueueUrl": mail, "AWSAccountIds": ["123456789012"], "Actions": ["SendMessage"]}
    sqs.add_permission(Label="one", **permit)
    sqs.add_permission(Label="two", **permit)
    policy = json.loads(attributes_of(sqs, mail)["Policy"])
    assert policy["Statement"][0] == {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "SQS:SendMessage",
        "Resource": ARN + "mail",
    }
    with pytest.raises(ClientError, match="Already exists"):
        sqs.add_permission(Label="one", **permit)
    sqs.remove_permission(QueueUrl=mail, Label="one")
    with pytest.raises(ClientError, match="can't find label"):
        sqs.remove_permission(QueueUrl=mail, Label="one")
    sqs.remove_permission(QueueUrl=mail, Label="two")
    assert "Policy" not in attributes_of(sqs, mail)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Label": "a b"}, "InvalidParameterValue"),
        ({"Actions": ["Fly"]}, "InvalidParameterValue"),
        ({"Actions": ["SendMessage"] * 8}, "OverLimit"),
        ({"AWSAccountIds": ["me"]}, "InvalidParameterValue"),
    ],
)
def test_a_bad_permission_is_refused(sqs: Any, mail: str, given: dict[str, Any], code: str) -> None:
    good = {"Label": "one", "AWSAccountIds": ["123456789012"], "Actions": ["*"]}
    with pytest.raises(ClientError) as refused:
        sqs.add_permission(QueueUrl=mail, **{**good, **given})
    assert code_of(refused) == code


def test_a_policy_of_the_user_s_own_takes_permissions_too(sqs: Any, mail: str) -> None:
    own = {"Statement": {"Sid": "own", "Effect": "Deny"}}
    sqs.set_queue_attributes(QueueUrl=mail, Attributes={"Policy": json.dumps(own)})
    sqs.add_permission(QueueUrl=mail, Label="one", AWSAccountIds=["1" * 12], Actions=["*"])
    policy = json.loads(attributes_of(sqs, mail)["Policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["own", "one"]


def test_a_move_task_is_started_listed_and_cancelled(rig: Rig, sqs: Any) -> None:
    sqs.create_queue(QueueName="dead")
    sqs.create_queue(QueueName="mail", Attributes=redrive("dead"))
    handle = sqs.start_message_move_task(
        SourceArn=ARN + "dead", DestinationArn=ARN + "mail", MaxNumberOfMessagesPerSecond=500
    )["TaskHandle"]
    with pytest.raises(ClientError) as refused:
        sqs.start_message_move_task(SourceArn=ARN + "dead")
    assert code_of(refused) == "AWS.SimpleQueueService.UnsupportedOperation"
    (task,) = sqs.list_message_move_tasks(SourceArn=ARN + "dead")["Results"]
    assert task == {
        "TaskHandle": handle,
        "Status": "RUNNING",
        "SourceArn": ARN + "dead",
        "DestinationArn": ARN + "mail",
        "MaxNumberOfMessagesPerSecond": 500,
        "ApproximateNumberOfMessagesMoved": 0,
        "ApproximateNumberOfMessagesToMove": 0,
        "StartedTimestamp": rig.now_ms,
    }
    cancelled = sqs.cancel_message_move_task(TaskHandle=handle)
    assert cancelled["ApproximateNumberOfMessagesMoved"] == 2
    with pytest.raises(ClientError) as refused:
        sqs.cancel_message_move_task(TaskHandle=handle)
    assert code_of(refused) == "ResourceNotFoundException"
    sqs.start_message_move_task(SourceArn=ARN + "dead")
    first, second = sqs.list_message_move_tasks(SourceArn=ARN + "dead", MaxResults=10)["Results"]
    assert first["Status"] == "RUNNING"
    assert "DestinationArn" not in first
    assert second["Status"] == "CANCELLED"
    assert "TaskHandle" not in second


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"SourceArn": ARN + "none"}, "ResourceNotFoundException"),
        ({"SourceArn": "dead"}, "InvalidParameterValue"),
        ({"SourceArn": ARN + "mail"}, "InvalidParameterValue"),
        ({"DestinationArn": ARN + "none"}, "ResourceNotFoundException"),
        ({"DestinationArn": ARN + "dead"}, "InvalidParameterValue"),
        ({"MaxNumberOfMessagesPerSecond": 501}, "InvalidParameterValue"),
    ],
)
def test_a_bad_move_task_is_refused(sqs: Any, given: dict[str, Any], code: str) -> None:
    sqs.create_queue(QueueName="dead")
    sqs.create_queue(QueueName="mail", Attributes=redrive("dead"))
    with pytest.raises(ClientError) as refused:
        sqs.start_message_move_task(**{"SourceArn": ARN + "dead", **given})
    assert code_of(refused) == code


@pytest.mark.parametrize("handle", ["x", "é", "e30=", "eyJ0YXNrSWQiOiJ4Iiwic291cmNlQXJuIjoiYSJ9"])
def test_a_task_handle_that_is_none_is_refused(sqs: Any, handle: str) -> None:
    with pytest.raises(ClientError) as refused:
        sqs.cancel_message_move_task(TaskHandle=handle)
    assert code_of(refused) == "InvalidParameterValue"
