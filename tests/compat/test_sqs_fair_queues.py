"""Groups on standard queues: tenants that have their fair share."""

from typing import Any

from tests.compat.clients import Queue, code_of


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [one["Body"] for one in messages]


def test_a_group_on_a_standard_queue_is_shown_and_locks_nothing(mail: Queue) -> None:
    sent = mail.send("1", MessageGroupId="tenant", DelaySeconds=0)
    assert "SequenceNumber" not in sent
    mail.send("2", MessageGroupId="tenant")
    for body in ("1", "2"):
        (got,) = mail.receive(MaxNumberOfMessages=1)
        assert got["Body"] == body
        assert got["Attributes"]["MessageGroupId"] == "tenant"
        assert "SequenceNumber" not in got["Attributes"]
        assert "MessageDeduplicationId" not in got["Attributes"]


def test_a_standard_queue_takes_groups_of_the_same_form_and_no_ids(mail: Queue) -> None:
    call = mail.sqs.send_message
    for given in (
        {"MessageGroupId": ""},
        {"MessageGroupId": "a b"},
        {"MessageGroupId": "x" * 129},
        {"MessageDeduplicationId": "x"},
    ):
        code = code_of(call, QueueUrl=mail.url, MessageBody="x", **given)
        assert code == "InvalidParameterValue"


def test_a_noisy_tenant_stands_back_behind_quiet_ones(mail: Queue) -> None:
    entries = [
        {"Id": str(at), "MessageBody": "noise", "MessageGroupId": "noisy"} for at in range(10)
    ]
    for _ in range(6):
        mail.sqs.send_message_batch(QueueUrl=mail.url, Entries=entries)
    for _ in range(4):
        assert len(mail.receive()) == 10
    for tenant in ("quiet-1", "quiet-2"):
        mail.send(tenant, MessageGroupId=tenant)
    mail.send("nobody's")
    assert sorted(bodies(mail.receive(MaxNumberOfMessages=3))) == ["nobody's", "quiet-1", "quiet-2"]
    assert len(mail.receive()) == 10
