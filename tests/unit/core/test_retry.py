"""How long a failed message waits; the dice are thrown the same by a replay."""

from postroad.core.retry import dice, retry_due_ms
from postroad.model.policy import RetryPolicy

SALT = b"salt"


def wait(policy: RetryPolicy, attempt: int, offset: int = 7, salt: bytes = SALT) -> int:
    due = retry_due_ms(policy, attempt, 1_000, salt, (3, offset))
    return due - 1_000 if due else 0


def test_without_a_policy_it_is_ready_at_once() -> None:
    assert wait(RetryPolicy(), 5) == 0
    assert wait(RetryPolicy("fixed", 0, 100), 5) == 0


def test_a_fixed_wait_has_its_bound() -> None:
    assert wait(RetryPolicy("fixed", 40, 100), 5) == 40
    assert wait(RetryPolicy("fixed", 400, 100), 5) == 100


def test_a_linear_wait_grows_with_each_attempt_up_to_its_bound() -> None:
    policy = RetryPolicy("linear", 100, 250)
    assert [wait(policy, attempt) for attempt in (1, 2, 3, 99)] == [100, 200, 250, 250]


def test_exponential_waits_lie_anywhere_below_a_doubling_bound() -> None:
    policy = RetryPolicy("exponential", 100, 1_000)
    for attempt, most in ((1, 100), (2, 200), (3, 400), (5, 1_000), (99, 1_000)):
        waits = [wait(policy, attempt, offset) for offset in range(200)]
        assert all(0 <= one <= most for one in waits)
        assert max(waits) > most * 0.9
        assert min(waits) < most * 0.1


def test_the_dice_depend_on_the_salt_and_every_word() -> None:
    assert dice(SALT, 1, 2, 3) == dice(SALT, 1, 2, 3)
    thrown = {
        dice(SALT, 1, 2, 3),
        dice(b"other", 1, 2, 3),
        dice(SALT, 9, 2, 3),
        dice(SALT, 1, 9, 3),
        dice(SALT, 1, 2, 9),
    }
    assert len(thrown) == 5
    assert all(0 <= one < 2**64 for one in thrown)
