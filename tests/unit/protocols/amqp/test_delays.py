"""Celery's native delay, as the time it stands for."""

import pytest

from postroad.protocols.amqp.delays import delay_ms_of, delivery_exchange


def key(seconds: int) -> str:
    return ".".join(f"{seconds:028b}") + ".queue.name"


@pytest.mark.parametrize(
    ("exchange", "found"),
    [
        ("celery_delayed_27", ("celery_delayed_delivery", 27)),
        ("celery_delayed_0", ("celery_delayed_delivery", 0)),
        ("mine_celery_delayed_19", ("mine_celery_delayed_delivery", 19)),
        ("celery_delayed_28", None),
        ("celery_delayed_delivery", None),
        ("celery_delayed_", None),
        ("celery", None),
    ],
)
def test_the_exchanges_of_the_levels_are_known(exchange: str, found: object) -> None:
    assert delivery_exchange(exchange) == found


@pytest.mark.parametrize("seconds", [1, 5, 86_400, 2**28 - 1])
def test_the_digits_of_a_key_are_seconds(seconds: int) -> None:
    assert delay_ms_of(key(seconds), 27) == seconds * 1_000


def test_on_a_lower_level_only_its_own_digits_and_those_below_count() -> None:
    assert delay_ms_of(key(0b1110), 2) == 0b110 * 1_000


@pytest.mark.parametrize("wrong", ["queue", "1.0.queue", "2." * 28 + "q", ""])
def test_a_key_without_digits_says_nothing(wrong: str) -> None:
    assert delay_ms_of(wrong, 27) is None
