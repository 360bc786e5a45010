"""Receives kept by their attempt id: for how long, how many, until what."""

from postroad.limits import SQS_ATTEMPT_MS
from postroad.protocols.sqs.attempts import Attempt, Attempts
from postroad.protocols.sqs.receipts import Receipt


def attempt(*offsets: int, now_ms: int = 0, queue: int = 1) -> Attempt:
    receipts = tuple(Receipt(queue, offset, 7, 1, 0) for offset in offsets)
    return Attempt(receipts, tuple(now_ms for _ in offsets), now_ms + SQS_ATTEMPT_MS)


def test_a_receive_is_found_by_queue_and_id_for_five_minutes() -> None:
    kept = attempt(1, 2)
    attempts = Attempts()
    attempts.keep("a.fifo", "x", kept, 0)
    assert attempts.find("a.fifo", "x", SQS_ATTEMPT_MS - 1) is kept
    assert attempts.find("a.fifo", "x", SQS_ATTEMPT_MS) is None
    assert attempts.find("a.fifo", "y", 0) is None
    assert attempts.find("b.fifo", "x", 0) is None


def test_it_is_forgotten_with_the_first_of_its_messages_that_changes() -> None:
    attempts = Attempts()
    attempts.keep("a.fifo", "x", attempt(1, 2), 0)
    attempts.keep("a.fifo", "y", attempt(3), 0)
    attempts.forget(attempt(2).receipts)
    assert attempts.find("a.fifo", "x", 0) is None
    assert attempts.find("a.fifo", "y", 0) is not None
    attempts.forget(attempt(3, queue=2).receipts)
    assert attempts.find("a.fifo", "y", 0) is not None
    attempts.keep("a.fifo", "z", attempt(3), 0)
    assert attempts.find("a.fifo", "y", 0) is None
    assert attempts.find("a.fifo", "z", 0) is not None


def test_an_id_used_again_stands_for_the_later_receive() -> None:
    attempts = Attempts()
    attempts.keep("a.fifo", "x", attempt(1), 0)
    later = attempt(2)
    attempts.keep("a.fifo", "x", later, 0)
    attempts.forget(attempt(1).receipts)
    assert attempts.find("a.fifo", "x", 0) is later
    assert len(attempts) == 1


def test_no_more_are_kept_than_may_be_and_the_oldest_go_first() -> None:
    attempts = Attempts(count_max=3)
    for number in range(5):
        attempts.keep("a.fifo", str(number), attempt(number), 0)
    assert len(attempts) == 3
    assert attempts.find("a.fifo", "1", 0) is None
    assert attempts.find("a.fifo", "2", 0) is not None
    attempts.keep("a.fifo", "late", attempt(9, now_ms=SQS_ATTEMPT_MS), SQS_ATTEMPT_MS)
    assert len(attempts) == 1
    attempts.forget(attempt(9).receipts)
    assert len(attempts) == 0
