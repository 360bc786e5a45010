"""FIFO queues as boto3 users have them: groups in order, nothing twice, receives repeated."""

import hashlib
import signal
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Lock
from typing import Any

import pytest

from tests.compat.clients import Queue, code_of, connected
from tests.compat.conftest import MakeQueue, Serve
from tests.compat.processes import Served, until


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [one["Body"] for one in messages]


def fill(queue: Queue, group: str, *texts: str) -> list[dict[str, Any]]:
    return [queue.send(text, MessageGroupId=group) for text in texts]


def batch(queue: Queue, *entries: dict[str, Any]) -> dict[str, Any]:
    whole = [{"Id": str(at), "MessageBody": str(at), **one} for at, one in enumerate(entries)]
    answer: dict[str, Any] = queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=whole)
    return answer


# Sending.


def test_a_message_tells_its_group_its_id_and_its_number(line: Queue) -> None:
    sent = line.send("hello", MessageGroupId="g", MessageDeduplicationId="d")
    assert len(sent["SequenceNumber"]) == 20
    (got,) = line.receive()
    attributes = got["Attributes"]
    assert attributes["MessageGroupId"] == "g"
    assert attributes["MessageDeduplicationId"] == "d"
    assert attributes["SequenceNumber"] == sent["SequenceNumber"]


def test_content_stands_for_an_id_that_is_not_given(line: Queue) -> None:
    line.send("hello", MessageGroupId="g")
    (got,) = line.receive()
    digest = hashlib.sha256(b"hello").hexdigest()
    assert got["Attributes"]["MessageDeduplicationId"] == digest
    again = line.send("other", MessageGroupId="g", MessageDeduplicationId=digest)
    assert again["MessageId"] == got["MessageId"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "MissingParameter"),
        ({"MessageGroupId": ""}, "InvalidParameterValue"),
        ({"MessageGroupId": "a b"}, "InvalidParameterValue"),
        ({"MessageGroupId": "ä"}, "InvalidParameterValue"),
        ({"MessageGroupId": "x" * 129}, "InvalidParameterValue"),
        ({"MessageGroupId": "g", "MessageDeduplicationId": ""}, "InvalidParameterValue"),
        ({"MessageGroupId": "g", "MessageDeduplicationId": "a b"}, "InvalidParameterValue"),
        ({"MessageGroupId": "g", "MessageDeduplicationId": "x" * 129}, "InvalidParameterValue"),
        ({"MessageGroupId": "g", "DelaySeconds": 1}, "InvalidParameterValue"),
    ],
)
def test_a_message_that_breaks_a_rule_of_fifo_queues_is_refused(
    line: Queue, given: dict[str, Any], code: str
) -> None:
    refused = code_of(line.sqs.send_message, QueueUrl=line.url, MessageBody="x", **given)
    assert refused == code
    assert line.counts() == (0, 0, 0)


def test_ids_may_have_every_letter_digit_and_punctuation_mark(line: Queue) -> None:
    every = "".join(chr(code) for code in range(0x21, 0x7F))
    line.send("x", MessageGroupId=every, MessageDeduplicationId=every[:64] * 2)
    (got,) = line.receive()
    assert got["Attributes"]["MessageGroupId"] == every


def test_without_content_to_stand_for_it_an_id_must_be_given(make_fifo: MakeQueue) -> None:
    line = make_fifo(ContentBasedDeduplication="false")
    call = line.sqs.send_message
    code = code_of(call, QueueUrl=line.url, MessageBody="x", MessageGroupId="g")
    assert code == "InvalidParameterValue"
    entries = [
        {"Id": "a", "MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "1"},
        {"Id": "b", "MessageBody": "b", "MessageGroupId": "g"},
    ]
    code = code_of(line.sqs.send_message_batch, QueueUrl=line.url, Entries=entries)
    assert code == "InvalidParameterValue"
    assert line.counts() == (0, 0, 0)


def test_the_delay_of_a_fifo_queue_is_the_queue_s_own(make_fifo: MakeQueue) -> None:
    line = make_fifo(DelaySeconds="1")
    line.send("x", MessageGroupId="g", DelaySeconds=0)
    assert line.counts() == (0, 0, 1)
    assert line.one()["Body"] == "x"


def test_a_batch_is_in_order_and_what_is_wrong_fails_alone(line: Queue) -> None:
    answer = batch(
        line,
        {"MessageGroupId": "g"},
        {"MessageGroupId": "g", "DelaySeconds": 5},
        {"MessageGroupId": "a b"},
        {"MessageGroupId": "g"},
        {"MessageGroupId": "g", "MessageBody": "0"},
    )
    assert [one["Id"] for one in answer["Successful"]] == ["0", "3", "4"]
    assert [one["Id"] for one in answer["Failed"]] == ["1", "2"]
    assert {one["Code"] for one in answer["Failed"]} == {"InvalidParameterValue"}
    first, second, twin = answer["Successful"]
    assert first["SequenceNumber"] < second["SequenceNumber"]
    assert twin["MessageId"] == first["MessageId"]
    assert twin["SequenceNumber"] == first["SequenceNumber"]
    assert bodies(line.receive()) == ["0", "3"]


def test_a_batch_with_a_message_without_a_group_fails_as_a_whole(line: Queue) -> None:
    entries = [
        {"Id": "a", "MessageBody": "a", "MessageGroupId": "g"},
        {"Id": "b", "MessageBody": "b"},
    ]
    code = code_of(line.sqs.send_message_batch, QueueUrl=line.url, Entries=entries)
    assert code == "InvalidParameterValue"
    assert line.counts() == (0, 0, 0)


@pytest.mark.parametrize(
    ("scope", "count"), [("queue", 1), ("messageGroup", 2)], ids=["queue", "group"]
)
def test_an_id_counts_for_the_queue_or_for_each_group(
    make_fifo: MakeQueue, scope: str, count: int
) -> None:
    line = make_fifo(DeduplicationScope=scope)
    first = line.send("a", MessageGroupId="g1", MessageDeduplicationId="d")
    second = line.send("b", MessageGroupId="g2", MessageDeduplicationId="d")
    assert len({first["MessageId"], second["MessageId"]}) == count
    assert line.counts() == (count, 0, 0)


def test_an_id_is_known_after_its_message_was_deleted(line: Queue) -> None:
    (sent,) = fill(line, "g", "x")
    line.delete(line.one())
    (again,) = fill(line, "g", "x")
    assert again["MessageId"] == sent["MessageId"]
    assert line.counts() == (0, 0, 0)


# Groups.


def test_a_receive_may_take_many_of_one_group_and_others_are_not_held_up(line: Queue) -> None:
    fill(line, "a", "a1", "a2")
    fill(line, "b", "b1")
    assert bodies(line.receive(MaxNumberOfMessages=2)) == ["a1", "a2"]
    fill(line, "a", "a3")
    assert bodies(line.receive()) == ["b1"]
    assert line.receive() == []


def test_a_group_goes_on_from_its_oldest_when_its_leases_are_over(line: Queue) -> None:
    fill(line, "g", "1", "2", "3", "4")
    first, second = line.receive(MaxNumberOfMessages=2)
    line.delete(first)
    assert line.receive() == []
    line.change(second, 0)
    assert bodies(line.receive()) == ["2", "3", "4"]


def test_a_long_poll_wakes_when_a_group_is_free_again(line: Queue) -> None:
    fill(line, "g", "1", "2")
    (first,) = line.receive(MaxNumberOfMessages=1, VisibilityTimeout=1)
    (again,) = line.receive(MaxNumberOfMessages=1, WaitTimeSeconds=20)
    assert again["MessageId"] == first["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


# Handles.


def test_a_handle_of_a_fifo_queue_is_over_with_its_lease(line: Queue) -> None:
    fill(line, "g", "x")
    (message,) = line.receive(VisibilityTimeout=1)
    assert until(lambda: line.counts() == (1, 0, 0), 10_000)
    handle = {"QueueUrl": line.url, "ReceiptHandle": message["ReceiptHandle"]}
    assert code_of(line.sqs.delete_message, **handle) == "InvalidParameterValue"
    change = line.sqs.change_message_visibility
    assert code_of(change, **handle, VisibilityTimeout=0) == "InvalidParameterValue"
    assert code_of(change, **handle, VisibilityTimeout=60) == "InvalidParameterValue"
    entry = {"Id": "a", "ReceiptHandle": message["ReceiptHandle"]}
    answer = line.sqs.delete_message_batch(QueueUrl=line.url, Entries=[entry])
    (failed,) = answer["Failed"]
    assert failed["Code"] == "ReceiptHandleIsInvalid"
    assert failed["Message"] == "The receipt handle has expired."
    answer = line.sqs.change_message_visibility_batch(
        QueueUrl=line.url, Entries=[{**entry, "VisibilityTimeout": 5}]
    )
    assert answer["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    assert line.counts() == (1, 0, 0)


def test_a_message_may_be_deleted_twice(line: Queue) -> None:
    fill(line, "g", "x")
    message = line.one()
    line.delete(message)
    line.delete(message)
    line.delete_all([message])


# Receives repeated.


def test_a_receive_asked_for_again_is_answered_the_same_and_its_leases_begin_anew(
    line: Queue,
) -> None:
    fill(line, "a", "1", "2")
    fill(line, "b", "3")
    once = {"ReceiveRequestAttemptId": "try-1", "VisibilityTimeout": 5}
    first = line.receive(MaxNumberOfMessages=2, **once)
    assert bodies(first) == ["1", "2"]
    again = line.receive(**{**once, "VisibilityTimeout": 600})
    assert again == first
    assert bodies(line.receive(ReceiveRequestAttemptId="try-2")) == ["3"]
    assert line.counts() == (0, 3, 0)
    # The leases are the longer ones now, and the handles of the first answer still good.
    line.delete_all(first)
    assert line.counts() == (0, 1, 0)


def test_a_receive_whose_messages_were_changed_is_not_repeated(line: Queue) -> None:
    fill(line, "a", "1", "2")
    once = {"ReceiveRequestAttemptId": "once"}
    first, second = line.receive(**once)
    line.delete(first)
    assert line.receive(**once) == []
    line.change(second, 0)
    (again,) = line.receive(**once)
    assert again["Body"] == "2"
    assert again["ReceiptHandle"] != second["ReceiptHandle"]
    line.change(again, 60)
    assert line.receive(**once) == []


def test_a_receive_whose_leases_are_over_is_a_new_one(line: Queue) -> None:
    fill(line, "a", "1")
    once = {"ReceiveRequestAttemptId": "once"}
    (first,) = line.receive(VisibilityTimeout=1, **once)
    (again,) = line.receive(WaitTimeSeconds=20)
    assert again["MessageId"] == first["MessageId"]
    assert line.receive(**once) == []


def test_an_attempt_id_is_for_fifo_queues_and_has_their_form(line: Queue, mail: Queue) -> None:
    call = line.sqs.receive_message
    for queue, text in ((mail, "x"), (line, ""), (line, "a b"), (line, "x" * 129)):
        code = code_of(call, QueueUrl=queue.url, ReceiveRequestAttemptId=text)
        assert code == "InvalidParameterValue"


# Dead letters.


def test_the_dead_letters_of_a_fifo_queue_are_a_fifo_queue_and_of_no_other(
    line: Queue, mail: Queue, make_queue: MakeQueue, make_fifo: MakeQueue
) -> None:
    def refused(source: Queue, target: Queue) -> bool:
        policy = f'{{"deadLetterTargetArn": "{target.arn}", "maxReceiveCount": 1}}'
        call = source.sqs.set_queue_attributes
        attributes = {"RedrivePolicy": policy}
        code = code_of(call, QueueUrl=source.url, Attributes=attributes)
        return code == "InvalidParameterValue"

    assert refused(line, mail)
    assert refused(mail, line)
    line.redrive_to(make_fifo(), 1)
    mail.redrive_to(make_queue(), 1)


def test_what_dies_leaves_its_group_free_and_keeps_its_group_and_order(
    line: Queue, make_fifo: MakeQueue
) -> None:
    dead = make_fifo()
    line.redrive_to(dead, 1)
    sent = fill(line, "g", "1", "2", "3")
    for one in line.receive(MaxNumberOfMessages=2):
        line.change(one, 0)
    assert bodies(line.receive(WaitTimeSeconds=20)) == ["3"]
    buried = dead.receive(WaitTimeSeconds=20)
    assert bodies(buried) == ["1", "2"]
    assert [one["MessageId"] for one in buried] == [one["MessageId"] for one in sent[:2]]
    for one in buried:
        assert one["Attributes"]["MessageGroupId"] == "g"
        assert one["Attributes"]["DeadLetterQueueSourceArn"] == line.arn
    numbers = [one["Attributes"]["SequenceNumber"] for one in buried]
    assert numbers == sorted(numbers)
    assert dead.receive() == []


def test_a_move_task_takes_fifo_messages_back_in_order_though_their_ids_are_known(
    line: Queue, mail: Queue, make_fifo: MakeQueue
) -> None:
    dead = make_fifo()
    line.redrive_to(dead, 1)
    fill(line, "g", "1", "2", "3")
    for one in line.receive():
        line.change(one, 0)
    assert until(lambda: dead.counts() == (3, 0, 0), 10_000)
    start = line.sqs.start_message_move_task
    code = code_of(start, SourceArn=dead.arn, DestinationArn=mail.arn)
    assert code == "InvalidParameterValue"
    start(SourceArn=dead.arn)
    assert until(lambda: line.counts() == (3, 0, 0), 10_000)
    got = line.receive()
    assert bodies(got) == ["1", "2", "3"]
    assert {one["Attributes"]["MessageGroupId"] for one in got} == {"g"}


# Many consumers.


def test_workers_take_turns_at_each_group_and_lose_no_order(line: Queue, shared: Served) -> None:
    groups = [f"group-{number}" for number in range(6)]
    for number in range(10):
        batch(line, *({"MessageGroupId": one, "MessageBody": f"{one} {number}"} for one in groups))
    done: dict[str, list[int]] = {group: [] for group in groups}
    held: set[str] = set()
    lock = Lock()

    def work(seed: int) -> None:
        dice = Random(seed)
        with connected(shared.url) as sqs:
            mine = line.through(sqs)
            while sum(map(len, done.values())) < 60:
                got = mine.receive(MaxNumberOfMessages=dice.randint(1, 10), WaitTimeSeconds=1)
                mine_now = {one["Attributes"]["MessageGroupId"] for one in got}
                with lock:
                    assert not held & mine_now
                    held.update(mine_now)
                for one in got:
                    group, number = one["Body"].split()
                    done[group].append(int(number))
                with lock:
                    held.difference_update(mine_now)
                mine.delete_all(got)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert done == {group: list(range(10)) for group in groups}


def test_a_kill_costs_a_fifo_queue_no_order_and_no_known_id(serve: Serve) -> None:
    served = serve()
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    with connected(served.url) as sqs:
        line = Queue(sqs, "line.fifo", **attributes)
        sent = fill(line, "g", "1", "2", "3", "4")
        line.delete(line.receive(MaxNumberOfMessages=1)[0])
    served.stop(signal.SIGKILL)
    with connected(serve().url) as sqs:
        line = Queue(sqs, "line.fifo", **attributes)
        again = fill(line, "g", "1", "2", "3", "4", "5")
        assert [one["MessageId"] for one in again[:4]] == [one["MessageId"] for one in sent]
        assert again[4]["SequenceNumber"] > sent[3]["SequenceNumber"]
        assert bodies(line.receive()) == ["2", "3", "4", "5"]
