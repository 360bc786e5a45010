"""Ids and numbers of FIFO queues."""

from postroad.model.message import OWN_DEDUP, OWN_KEY
from postroad.protocols.sqs.inputs import SendMessage
from postroad.protocols.sqs.ordering import (
    bad_attempt,
    bad_for_queue,
    bad_ids,
    is_fifo,
    own_names,
    sequence_number,
    without_group,
)


def test_a_queue_is_fifo_by_the_end_of_its_name() -> None:
    assert is_fifo("mail.fifo")
    assert not is_fifo("mail")
    assert not is_fifo("mail.FIFO")


def test_sequence_numbers_have_20_digits_and_go_up_as_texts_and_as_numbers() -> None:
    offsets = [0, 1, 9, 10, 10**6, 2**60]
    numbers = [sequence_number(offset) for offset in offsets]
    assert {len(number) for number in numbers} == {20}
    assert numbers == sorted(numbers)
    assert [str(int(number)) for number in numbers] == numbers
    assert int(numbers[-1]) < 2**64


def test_an_id_has_1_to_128_letters_digits_and_punctuation_marks() -> None:
    for text in ("a", "~!#:", "x" * 128):
        given = SendMessage(MessageGroupId=text, MessageDeduplicationId=text)
        assert bad_ids(given) is None
    for text in ("", "x" * 129, "a b", "\n", "\x7f", "é", "\u0660"):
        wrong = bad_ids(SendMessage(MessageGroupId=text))
        assert wrong is not None
        assert "MessageGroupId" in wrong.text
        wrong = bad_ids(SendMessage(MessageGroupId="g", MessageDeduplicationId=text))
        assert wrong is not None
        assert "MessageDeduplicationId" in wrong.text


def test_each_kind_of_queue_refuses_what_the_other_takes() -> None:
    delayed = SendMessage(DelaySeconds=1, MessageGroupId="g")
    assert bad_for_queue("mail", delayed) is None
    assert bad_for_queue("mail.fifo", delayed) is not None
    assert bad_for_queue("mail.fifo", SendMessage(DelaySeconds=0)) is None
    known = SendMessage(MessageDeduplicationId="d")
    assert bad_for_queue("mail", known) is not None
    assert bad_for_queue("mail.fifo", known) is None
    assert without_group("mail", known) is None
    assert without_group("mail.fifo", known) is not None
    assert bad_attempt("mail", "a") is not None
    assert bad_attempt("mail.fifo", "a b") is not None
    assert bad_attempt("mail.fifo", "a") is None


def test_a_head_keeps_ids_under_the_names_all_protocols_know() -> None:
    given = SendMessage(MessageGroupId="g", MessageDeduplicationId="d")
    assert own_names(given) == {OWN_KEY: ("String", "g"), OWN_DEDUP: ("String", "d")}
    assert own_names(SendMessage()) == {}
