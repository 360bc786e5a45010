"""FIFO queues on the wire: what is asked of the core, and in which order."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from postroad.limits import SQS_ATTEMPT_MS, SQS_DEDUP_WINDOW_MS
from postroad.model import commands
from postroad.model.message import plain_head
from postroad.model.policy import DEDUP_QUEUE, FIFO
from tests.wire.sqs.rig import Rig

HEAD = "POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.SendMessage\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def line(sqs: Any) -> str:
    """The address of a FIFO queue where content stands for ids."""
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    return str(sqs.create_queue(QueueName="line.fifo", Attributes=attributes)["QueueUrl"])


def send(sqs: Any, url: str, body: str, **given: Any) -> Any:
    return sqs.send_message(QueueUrl=url, MessageBody=body, **{"MessageGroupId": "g", **given})


def receive(sqs: Any, url: str, **given: Any) -> list[dict[str, Any]]:
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **given)
    messages: list[dict[str, Any]] = got.get("Messages", [])
    return messages


def test_a_fifo_queue_is_a_kind_of_the_core_with_a_window_of_five_minutes(
    rig: Rig, line: str
) -> None:
    settings = rig.core.queues["line.fifo"].settings
    assert settings.kind == FIFO
    assert settings.dedup_window_ms == SQS_DEDUP_WINDOW_MS
    assert settings.dedup_by_content
    assert settings.dedup_scope == DEDUP_QUEUE
    assert settings.leased_max == rig.config.leased_max
    assert line.endswith("/line.fifo")


def test_a_group_is_a_key_and_an_id_an_id_of_the_core(rig: Rig, sqs: Any, line: str) -> None:
    entries = [
        {"Id": "a", "MessageBody": "1", "MessageGroupId": "g1"},
        {
            "Id": "b",
            "MessageBody": "2",
            "MessageGroupId": "g2",
            "MessageDeduplicationId": "d",
            "DelaySeconds": 0,
        },
    ]
    sqs.send_message_batch(QueueUrl=line, Entries=entries)
    published = rig.core.seen[-1]
    assert isinstance(published, commands.Publish)
    assert published.keys == ["g1", "g2"]
    assert published.dedup_ids == [None, "d"]
    assert published.delays_ms is None


def test_a_group_of_a_standard_queue_is_a_key_too(rig: Rig, sqs: Any, mail: str) -> None:
    send(sqs, mail, "x", DelaySeconds=5)
    published = rig.core.seen[-1]
    assert isinstance(published, commands.Publish)
    assert published.keys == ["g"]
    assert published.delays_ms == [5_000]


def test_an_id_is_known_for_five_minutes(rig: Rig, sqs: Any, line: str) -> None:
    first = send(sqs, line, "x")
    rig.now_ms += SQS_DEDUP_WINDOW_MS - 1
    assert send(sqs, line, "x")["MessageId"] == first["MessageId"]
    rig.now_ms += 1
    assert send(sqs, line, "x")["MessageId"] != first["MessageId"]


def test_sends_on_one_connection_keep_their_order_whatever_must_be_looked_up(
    rig: Rig, sqs: Any, line: str
) -> None:
    def request(text: str) -> bytes:
        body = f'{{"QueueUrl":"{line}","MessageGroupId":"g",{text}}}'
        return (HEAD % len(body)).encode() + body.encode()

    session = rig.new_session()
    data = request('"MessageBody":"1"') + request('"MessageBody":"2","MessageDeduplicationId":"d"')
    output = session.receive(data, rig.now_ms)
    ((number, first),) = output.asks
    assert isinstance(first, commands.DescribeQueue)
    bodies: list[bytes] = []
    asks: list[tuple[int, commands.Command]] = [(number, first)]
    while asks:
        number, command = asks.pop(0)
        if isinstance(command, commands.Publish):
            bodies += command.bodies
        asks += rig.answer(session, number, rig.core.ask(command, rig.now_ms)).asks
    assert bodies == [b"1", b"2"]


def test_an_attempt_is_repeated_for_five_minutes_and_its_leases_begin_anew(
    rig: Rig, sqs: Any, line: str
) -> None:
    for text in "123":
        send(sqs, line, text)
    given = {"ReceiveRequestAttemptId": "a", "AttributeNames": ["All"], "VisibilityTimeout": 600}
    first = receive(sqs, line, **given)
    for _ in range(2):
        rig.now_ms += SQS_ATTEMPT_MS // 2 - 1
        assert receive(sqs, line, **given) == first
    rig.now_ms += 2
    assert receive(sqs, line, **given) == []
    held = list(rig.core.queues["line.fifo"].messages.values())
    assert {one.due_ms for one in held} == {rig.now_ms - 2 + 600_000}


def test_an_attempt_without_a_timeout_begins_the_queue_s_own_leases(
    rig: Rig, sqs: Any, line: str
) -> None:
    send(sqs, line, "x")
    receive(sqs, line, ReceiveRequestAttemptId="a")
    rig.now_ms += 20_000
    assert len(receive(sqs, line, ReceiveRequestAttemptId="a")) == 1
    (held,) = rig.core.queues["line.fifo"].messages.values()
    assert held.due_ms == rig.now_ms + 30_000


def test_an_attempt_at_an_earlier_queue_of_the_name_is_a_new_receive(
    rig: Rig, sqs: Any, line: str
) -> None:
    send(sqs, line, "old")
    receive(sqs, line, ReceiveRequestAttemptId="a")
    sqs.delete_queue(QueueUrl=line)
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    sqs.create_queue(QueueName="line.fifo", Attributes=attributes)
    send(sqs, line, "new")
    (message,) = receive(sqs, line, ReceiveRequestAttemptId="a")
    assert message["Body"] == "new"


def test_deletes_in_a_fifo_queue_are_strict_and_in_others_not(
    rig: Rig, sqs: Any, line: str, mail: str
) -> None:
    for url, strict in ((line, True), (mail, False)):
        send(sqs, url, "x")
        (message,) = receive(sqs, url)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        settled = rig.core.seen[-1]
        assert isinstance(settled, commands.Settle)
        assert settled.strict is strict


def test_a_message_of_another_protocol_shows_its_key_as_a_group_if_it_can(
    rig: Rig, sqs: Any, line: str
) -> None:
    heads = [plain_head(None, key, "d") for key in ("user 5", "\x01")]
    rig.core.ask(commands.Publish(("line.fifo",), [b"a", b"b"], heads), rig.now_ms)
    shown = [one["Attributes"] for one in receive(sqs, line, AttributeNames=["All"])]
    assert [one.get("MessageGroupId") for one in shown] == ["user 5", None]
    assert [one["MessageDeduplicationId"] for one in shown] == ["d", "d"]


def test_a_form_may_ask_for_a_fifo_queue_too(rig: Rig, line: str) -> None:
    answer = rig.form("Action=SendMessage&MessageBody=x&MessageGroupId=g", "/0/line.fifo")
    assert answer.status == 200
    assert b"<SequenceNumber>" in answer.body


def code_of(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value.response["Error"]["Code"])


def test_what_a_fifo_queue_needs_of_a_message_is_told_before_anything_is_sent(
    rig: Rig, sqs: Any, line: str
) -> None:
    sqs.set_queue_attributes(QueueUrl=line, Attributes={"ContentBasedDeduplication": "false"})
    assert code_of(sqs.send_message, QueueUrl=line, MessageBody="x") == "MissingParameter"
    given = {"QueueUrl": line, "MessageBody": "x", "MessageGroupId": "g"}
    assert code_of(sqs.send_message, **given) == "InvalidParameterValue"
    assert code_of(sqs.send_message, **given, DelaySeconds=5) == "InvalidParameterValue"
    for entry in ({}, {"MessageGroupId": "g"}):
        entries = [{"Id": "a", "MessageBody": "x", **entry}]
        code = code_of(sqs.send_message_batch, QueueUrl=line, Entries=entries)
        assert code == "InvalidParameterValue"
    assert not any(isinstance(one, commands.Publish) for one in rig.core.seen)
    sqs.delete_queue(QueueUrl=line)
    nowhere = "AWS.SimpleQueueService.NonExistentQueue"
    assert code_of(sqs.send_message, **given) == nowhere
    entries = [{"Id": "a", "MessageBody": "x", "MessageGroupId": "g"}]
    assert code_of(sqs.send_message_batch, QueueUrl=line, Entries=entries) == nowhere


def test_handles_whose_leases_are_over_are_told_in_batches_too(
    rig: Rig, sqs: Any, line: str
) -> None:
    send(sqs, line, "x")
    (message,) = receive(sqs, line)
    rig.now_ms += 30_000
    handle = {"ReceiptHandle": message["ReceiptHandle"]}
    assert code_of(sqs.delete_message, QueueUrl=line, **handle) == "InvalidParameterValue"
    change = sqs.change_message_visibility
    given = {"QueueUrl": line, "VisibilityTimeout": 5, **handle}
    assert code_of(change, **given) == "InvalidParameterValue"
    for call, more in (
        (sqs.delete_message_batch, {}),
        (sqs.change_message_visibility_batch, {"VisibilityTimeout": 5}),
    ):
        answer = call(QueueUrl=line, Entries=[{"Id": "a", **handle, **more}])
        assert [one["Code"] for one in answer["Failed"]] == ["ReceiptHandleIsInvalid"]


def test_a_limit_for_each_group_is_judged_by_what_the_queue_is_set_to(sqs: Any, line: str) -> None:
    def change(**attributes: str) -> None:
        sqs.set_queue_attributes(QueueUrl=line, Attributes=attributes)

    limit = {"FifoThroughputLimit": "perMessageGroupId"}
    given = {"QueueUrl": line, "Attributes": limit}
    assert code_of(sqs.set_queue_attributes, **given) == "InvalidAttributeValue"
    change(DeduplicationScope="messageGroup")
    change(**limit)
    sqs.delete_queue(QueueUrl=line)
    nowhere = "AWS.SimpleQueueService.NonExistentQueue"
    assert code_of(sqs.set_queue_attributes, **given) == nowhere


def test_dead_letters_and_moves_stay_among_queues_of_a_kind(sqs: Any, line: str, mail: str) -> None:
    arn = "arn:aws:sqs:us-east-1:000000000000:"

    def policy(target: str) -> dict[str, str]:
        text = f'{{"deadLetterTargetArn":"{arn}{target}","maxReceiveCount":1}}'
        return {"RedrivePolicy": text}

    for url, target in ((mail, "line.fifo"), (line, "mail")):
        given = {"QueueUrl": url, "Attributes": policy(target)}
        assert code_of(sqs.set_queue_attributes, **given) == "InvalidParameterValue"
    made = {"FifoQueue": "true", **policy("line.fifo")}
    sqs.create_queue(QueueName="source.fifo", Attributes=made)
    start = sqs.start_message_move_task
    given = {"SourceArn": f"{arn}line.fifo", "DestinationArn": f"{arn}mail"}
    assert code_of(start, **given) == "InvalidParameterValue"
    start(SourceArn=f"{arn}line.fifo", DestinationArn=f"{arn}source.fifo")


def test_an_attempt_whose_messages_somebody_else_took_is_a_new_receive(
    rig: Rig, sqs: Any, line: str
) -> None:
    for text in "12":
        send(sqs, line, text)
    given = {"ReceiveRequestAttemptId": "a"}
    assert len(receive(sqs, line, **given)) == 2
    # A lease that another protocol gave up is not in this one's memory.
    del rig.core.queues["line.fifo"].messages[1]
    assert receive(sqs, line, **given) == []
    rig.now_ms += 30_000
    assert [one["Body"] for one in receive(sqs, line, **given)] == ["1"]
