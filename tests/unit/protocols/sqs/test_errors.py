"""Every refusal of the core has its own error here."""

import pytest

from postroad.model.replies import Refused, Why
from postroad.protocols.sqs.errors import WHY_TO_FAULT, refusal


@pytest.mark.parametrize("why", list(Why))
def test_every_refusal_becomes_an_error_with_a_line_for_a_person(why: Why) -> None:
    fault = refusal(Refused(why))
    assert fault.text.endswith(".")
    assert 400 <= fault.kind.status < 600
    assert fault.kind.sender == (fault.kind.status < 500)


def test_there_is_a_row_for_every_why_and_no_other() -> None:
    assert set(WHY_TO_FAULT) == set(Why)


@pytest.mark.parametrize(
    ("why", "code"),
    [
        (Why.NO_SUCH_QUEUE, "AWS.SimpleQueueService.NonExistentQueue"),
        (Why.SETTINGS_DIFFER, "QueueAlreadyExists"),
        (Why.NO_SUCH_LEASE, "AWS.SimpleQueueService.MessageNotInflight"),
        (Why.TOO_MANY_LEASED, "OverLimit"),
        (Why.TOO_LARGE, "InvalidParameterValue"),
        (Why.NO_SPACE, "ServiceUnavailable"),
        (Why.TASK_RUNNING, "AWS.SimpleQueueService.UnsupportedOperation"),
    ],
)
def test_the_code_is_the_one_that_programs_look_for(why: Why, code: str) -> None:
    assert refusal(Refused(why)).kind.code == code


def test_what_the_core_says_of_a_setting_reaches_the_client() -> None:
    fault = refusal(Refused(Why.BAD_SETTINGS, "`delay_ms` is not below 0"))
    assert "`delay_ms` is not below 0" in fault.text
