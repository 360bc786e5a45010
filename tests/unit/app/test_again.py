"""The waits between tries of what fails."""

from postroad.app.again import Again
from postroad.limits import WORKER_AGAIN_MS, WORKER_AGAIN_MS_MAX


def test_waits_double_up_to_a_bound_and_are_spread() -> None:
    bound_ms = WORKER_AGAIN_MS
    again = Again()
    for _ in range(12):
        assert bound_ms / 2 <= again.next_ms() <= bound_ms
        bound_ms = min(2 * bound_ms, WORKER_AGAIN_MS_MAX)
    was_needed = again.is_needed
    again.went()
    assert (was_needed, again.is_needed) == (True, False)
    assert again.next_ms() <= WORKER_AGAIN_MS
    assert len({Again().next_ms() for _ in range(50)}) > 1


def test_the_same_reason_is_news_once() -> None:
    again = Again()
    told = [again.is_news(ValueError(one)) for one in ("full", "full", "gone", "full")]
    assert told == [True, False, True, True]
    assert again.is_news(TypeError("full"))
    again.went()
    assert again.is_news(TypeError("full"))
