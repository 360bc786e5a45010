"""Celery's native delay: 28 exchanges of binary digits, understood as the time they stand for.

It stands beside publishing. The rule kept here: a message that would wait in up to 28 queues, one
after another, waits once, in the calendar of the queue it is for; where that cannot be, it takes
the way Celery laid out.
"""

import re
from typing import Final

_LEVEL: Final = re.compile(r"((?:.+_)?celery_delayed_)(2[0-7]|1?[0-9])")
_DIGITS: Final = re.compile(r"(?:[01]\.){28}")
_DIGITS_CHARS: Final = 56
_DELIVERY: Final = "delivery"


def delivery_exchange(exchange: str) -> tuple[str, int] | None:
    """The exchange at the end of Celery's way, and the level an exchange is of; `None`: it is none
    of Celery's."""
    found = _LEVEL.fullmatch(exchange)
    return None if found is None else (found[1] + _DELIVERY, int(found[2]))


def delay_ms_of(routing_key: str, level: int) -> int | None:
    """How long a message with such a key waits on its way down from a level; `None`: the key does
    not say."""
    if _DIGITS.match(routing_key) is None:
        return None
    bits = int(routing_key[:_DIGITS_CHARS].replace(".", ""), 2)
    return (bits & ((2 << level) - 1)) * 1_000
