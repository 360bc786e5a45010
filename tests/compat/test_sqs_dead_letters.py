"""Messages nobody could handle: to the dead letters, looked at, and moved back."""

from typing import Any

import pytest

from tests.compat.clients import WAKE_MS_MAX, Queue, code_of
from tests.compat.conftest import MakeQueue
from tests.compat.processes import until


@pytest.fixture
def dead(mail: Queue, make_queue: MakeQueue) -> Queue:
    """The dead letters of `mail`, after two receives."""
    target = make_queue()
    mail.redrive_to(target, 2)
    return target


def fail(queue: Queue, times: int) -> dict[str, Any]:
    """Receive the one message and give it back; returns how it looked last."""
    for _ in range(times):
        message = queue.one()
        queue.change(message, 0)
    return message


def moved(queue: Queue, source_arn: str) -> dict[str, Any]:
    """The newest move task of a source, once it is over."""
    tasks: list[dict[str, Any]] = []

    def over() -> bool:
        found = queue.sqs.list_message_move_tasks(SourceArn=source_arn, MaxResults=10)
        tasks[:] = found["Results"]
        return tasks[0]["Status"] not in ("RUNNING", "CANCELLING")

    assert until(over, WAKE_MS_MAX)
    return tasks[0]


def test_what_fails_too_often_rests_in_the_dead_letters_as_itself(mail: Queue, dead: Queue) -> None:
    text = {"DataType": "String", "StringValue": "x"}
    sent = mail.send("poison", MessageAttributes={"a": text})
    mail.send("healthy")
    seen = 0
    while seen < 2:
        for one in mail.receive(WaitTimeSeconds=20):
            if one["Body"] == "poison":
                seen += 1
                last = one
                mail.change(one, 0)
            else:
                mail.delete(one)
    got = dead.one(MessageAttributeNames=["All"])
    assert got["Body"] == "poison"
    assert got["MessageId"] == sent["MessageId"]
    assert got["MessageAttributes"] == {"a": text}
    assert got["Attributes"]["SentTimestamp"] == last["Attributes"]["SentTimestamp"]
    assert got["Attributes"]["DeadLetterQueueSourceArn"] == mail.arn
    assert mail.counts() == (0, 0, 0)


def test_a_lease_that_ends_without_an_answer_is_a_failure(mail: Queue, dead: Queue) -> None:
    mail.send("hangs")
    for _ in range(2):
        mail.one(VisibilityTimeout=1)
    assert dead.one()["Body"] == "hangs"


def test_a_dead_letter_queue_knows_whose_it_is(mail: Queue, dead: Queue) -> None:
    answer = mail.sqs.list_dead_letter_source_queues(QueueUrl=dead.url)
    assert answer["queueUrls"] == [mail.url]
    assert mail.sqs.list_dead_letter_source_queues(QueueUrl=mail.url)["queueUrls"] == []


def test_all_dead_letters_go_back_where_they_came_from(
    mail: Queue, dead: Queue, make_queue: MakeQueue
) -> None:
    other = make_queue()
    other.redrive_to(dead, 1)
    sent = mail.send("of mail")
    fail(mail, 2)
    other.send("of other")
    fail(other, 1)
    assert until(lambda: dead.counts() == (2, 0, 0), WAKE_MS_MAX)
    handle = mail.sqs.start_message_move_task(SourceArn=dead.arn)["TaskHandle"]
    assert handle
    task = moved(mail, dead.arn)
    assert task["Status"] == "COMPLETED"
    assert task["ApproximateNumberOfMessagesMoved"] == 2
    assert task["SourceArn"] == dead.arn
    back = mail.one()
    assert (back["Body"], back["MessageId"]) == ("of mail", sent["MessageId"])
    assert back["Attributes"]["ApproximateReceiveCount"] == "1"
    assert other.one()["Body"] == "of other"
    assert dead.counts() == (0, 0, 0)


def test_dead_letters_can_go_to_a_queue_of_choice(
    mail: Queue, dead: Queue, make_queue: MakeQueue
) -> None:
    mail.send("x")
    fail(mail, 2)
    assert until(lambda: dead.counts() == (1, 0, 0), WAKE_MS_MAX)
    fixed = make_queue()
    mail.sqs.start_message_move_task(SourceArn=dead.arn, DestinationArn=fixed.arn)
    task = moved(mail, dead.arn)
    assert (task["Status"], task["DestinationArn"]) == ("COMPLETED", fixed.arn)
    assert fixed.one()["Body"] == "x"


def test_a_slow_move_can_be_stopped_and_what_moved_stays_moved(mail: Queue, dead: Queue) -> None:
    for number in range(20):
        mail.send(str(number))
    for _ in range(2):
        for _ in range(2):
            for one in mail.receive(WaitTimeSeconds=20):
                mail.change(one, 0)
    assert until(lambda: dead.counts() == (20, 0, 0), WAKE_MS_MAX)
    sqs = mail.sqs
    given = {"SourceArn": dead.arn, "MaxNumberOfMessagesPerSecond": 1}
    handle = sqs.start_message_move_task(**given)["TaskHandle"]
    code = code_of(sqs.start_message_move_task, **given)
    assert code == "AWS.SimpleQueueService.UnsupportedOperation"
    stopped = sqs.cancel_message_move_task(TaskHandle=handle)
    task = moved(mail, dead.arn)
    assert task["Status"] == "CANCELLED"
    assert "TaskHandle" not in task
    count = task["ApproximateNumberOfMessagesMoved"]
    assert stopped["ApproximateNumberOfMessagesMoved"] <= count < 20
    assert (mail.counts()[0], dead.counts()[0]) == (count, 20 - count)
    code = code_of(sqs.cancel_message_move_task, TaskHandle=handle)
    assert code == "ResourceNotFoundException"


def test_only_dead_letters_can_be_moved(mail: Queue) -> None:
    start = mail.sqs.start_message_move_task
    assert code_of(start, SourceArn=mail.arn) == "InvalidParameterValue"
    assert code_of(start, SourceArn=mail.arn + "-not") == "ResourceNotFoundException"
    assert code_of(start, SourceArn="nonsense") == "InvalidParameterValue"


def test_a_dead_letter_queue_may_name_who_may_use_it(mail: Queue, make_queue: MakeQueue) -> None:
    sqs = mail.sqs
    strict = make_queue(RedriveAllowPolicy='{"redrivePermission": "denyAll"}')
    policy = f'{{"deadLetterTargetArn": "{strict.arn}", "maxReceiveCount": 3}}'
    given = {"QueueUrl": mail.url, "Attributes": {"RedrivePolicy": policy}}
    assert code_of(sqs.set_queue_attributes, **given) == "InvalidParameterValue"
    allow = f'{{"redrivePermission": "byQueue", "sourceQueueArns": ["{mail.arn}"]}}'
    sqs.set_queue_attributes(QueueUrl=strict.url, Attributes={"RedriveAllowPolicy": allow})
    sqs.set_queue_attributes(**given)
    assert strict.arn in mail.attributes("RedrivePolicy")["RedrivePolicy"]


def test_a_message_in_the_dead_letters_can_be_deleted_for_good(mail: Queue, dead: Queue) -> None:
    mail.send("x")
    fail(mail, 2)
    dead.delete(dead.one())
    assert dead.counts() == mail.counts() == (0, 0, 0)
