"""Retries, rates, and what becomes of a message whose task raised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.app.failing import failing_of, is_final
from postroad.app.outcomes import BadBody, Reject, RetryAfter, RetryNow
from postroad.app.rate import Bucket, per_second_of
from postroad.app.retry import Retry
from postroad.errors import BadSettings, BadWorker
from postroad.limits import FAILURE_CHARS_MAX
from postroad.model.message import Delivery


def delivered(times: int) -> Delivery:
    return Delivery(1, 7, 1, times, 0, 0, b"")


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001
        return caught


@given(
    attempts=st.integers(1, 100),
    base_s=st.floats(0, 1_000),
    more_s=st.floats(0, 100_000),
)
def test_waits_without_jitter_double_and_never_pass_their_most(
    attempts: int, base_s: float, more_s: float
) -> None:
    retry = Retry(attempts, "exponential", base_s, base_s + more_s, jitter=False)
    retry.check()
    waits = [retry.after_ms(attempt) for attempt in range(1, attempts + 1)]
    known = [one for one in waits if one is not None]
    assert len(known) == attempts
    assert known == sorted(known)
    assert known[0] == round(base_s * 1_000)
    assert max(known) <= round((base_s + more_s) * 1_000)


@pytest.mark.parametrize("backoff", ["none", "fixed", "linear", "exponential"])
def test_the_queue_keeps_every_schedule_it_knows(backoff: str) -> None:
    retry = Retry(3, backoff, 2, 9)
    assert retry.after_ms(1) is None
    policy = retry.policy()
    assert (policy.backoff, policy.delay_ms, policy.delay_ms_max) == (backoff, 2_000, 9_000)


@pytest.mark.parametrize(
    "wrong", [Retry(0), Retry(backoff="quadratic"), Retry(base_s=5, max_s=1), Retry(base_s=-1)]
)
def test_a_schedule_that_makes_no_sense_is_refused(wrong: Retry) -> None:
    with pytest.raises(BadSettings):
        wrong.check()


def test_a_failure_is_tried_again_as_the_queue_says_and_tells_nothing_yet() -> None:
    failing = failing_of(delivered(1), ValueError("no"), Retry(), 3)
    assert (failing.rejected, failing.after_ms, failing.failure) == (False, None, "")
    assert not is_final(failing, 3)


def test_the_last_failure_is_told_with_its_traceback() -> None:
    failing = failing_of(delivered(3), raised(ValueError("no")), Retry(), 3)
    assert is_final(failing, 3)
    assert failing.failure.startswith("Traceback")
    assert failing.failure.endswith("ValueError: no")
    assert "in raised" in failing.failure


def test_a_task_says_itself_when_to_try_again() -> None:
    assert failing_of(delivered(1), RetryAfter(2.5), Retry(), 3).after_ms == 2_500
    assert failing_of(delivered(1), RetryNow(), Retry(), 3).after_ms == 0
    with pytest.raises(ValueError, match="0 seconds or more"):
        RetryAfter(-1)


def test_what_is_rejected_or_unreadable_is_dead_at_once_with_the_reason() -> None:
    rejected = failing_of(delivered(1), raised(Reject("no such user")), Retry(), 3)
    assert is_final(rejected, 3)
    assert "no such user" in rejected.failure
    unreadable = failing_of(delivered(1), BadBody("expected `int`"), Retry(), 3)
    assert unreadable.rejected
    assert unreadable.failure == "bad body: expected `int`"


def test_the_end_of_a_long_traceback_is_told() -> None:
    error = raised(ValueError("x" * 10_000 + "end"))
    told = failing_of(delivered(1), error, Retry(), 1).failure
    assert len(told) == FAILURE_CHARS_MAX
    assert told.endswith("end")


def test_half_a_character_in_an_error_is_told_as_python_shows_it() -> None:
    error = raised(ValueError("no file \udcff, no caf\xe9"))
    told = failing_of(delivered(1), error, Retry(), 1).failure
    assert told.endswith("ValueError: no file \\udcff, no caf\xe9")


def test_a_whole_rate_a_second_is_the_queues_own_setting() -> None:
    assert per_second_of("100/s") == 100
    assert per_second_of("600/m") == 10
    assert per_second_of("10/m") is None
    assert per_second_of(None) is None
    for wrong in ("10", "0/s", "fast", "10/y", "1.5/s"):
        with pytest.raises(BadWorker, match="10/m"):
            per_second_of(wrong)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30_000)), min_size=1, max_size=50),
    st.integers(1, 100),
)
def test_a_bucket_never_lets_more_start_than_its_rate(
    asks: list[tuple[int, int]], per_minute: int
) -> None:
    bucket = Bucket(f"{per_minute}/m", 0)
    at_ms = taken = 0
    for count, passed_ms in asks:
        at_ms += passed_ms
        taken += bucket.take(count, at_ms)
        first = max(1.0, per_minute / 60)
        assert taken <= first + at_ms * per_minute / 60_000 + 1e-6


def test_a_bucket_says_when_the_next_may_start() -> None:
    bucket = Bucket("10/m", 0)
    assert bucket.take(5, 0) == 1
    assert bucket.take(5, 0) == 0
    wait_ms = bucket.wait_ms()
    assert 6_000 <= wait_ms <= 6_001
    assert bucket.take(5, wait_ms) == 1
    bucket.give_back(1)
    assert bucket.take(5, wait_ms) == 1
