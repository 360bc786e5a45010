import pytest

from postroad.model.replies import Refused, Why
from postroad.protocols.amqp.errors import (
    NAMES,
    WHY_TO_FAULT,
    ChannelFault,
    ConnectionFault,
    refusal,
)


@pytest.mark.parametrize("why", list(Why))
def test_every_refusal_has_a_code_and_a_text(why: Why) -> None:
    code, _ = WHY_TO_FAULT[why]
    assert code in NAMES
    fault = refusal(Refused(why, "because {of} it"), "queue 'a{b}' in vhost '/'")
    assert fault.code == code
    assert fault.reply_text.startswith(NAMES[code])


def test_a_refusal_names_the_thing_as_rabbitmq_does() -> None:
    fault = refusal(Refused(Why.NO_SUCH_QUEUE, "no queue `core`"), "queue 'q' in vhost 'v'")
    assert isinstance(fault, ChannelFault)
    assert fault.reply_text == "NOT_FOUND - no queue 'q' in vhost 'v'"


def test_a_text_is_cut_where_a_short_string_ends() -> None:
    text = ConnectionFault(530, "ä" * 200).reply_text
    assert len(text.encode()) <= 255
    assert text.startswith("NOT_ALLOWED - ää")
    assert ConnectionFault(541, "").reply_text == "INTERNAL_ERROR"
