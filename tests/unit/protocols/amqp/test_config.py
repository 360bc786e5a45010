"""What AMQP sessions share."""

from typing import Any

import pytest

from postroad.limits import AMQP_FRAME_BYTES_MIN
from postroad.protocols.amqp.config import AmqpConfig


@pytest.mark.parametrize(
    ("name", "least"),
    [("unread_bytes_max", 1), ("channels_max", 1), ("frame_bytes_max", AMQP_FRAME_BYTES_MIN)],
)
def test_bounds_that_nothing_could_go_through_are_refused(name: str, least: int) -> None:
    given: dict[str, Any] = {name: least}
    assert getattr(AmqpConfig(**given), name) == least
    for wrong in (least - 1, -1):
        given[name] = wrong
        with pytest.raises(ValueError, match=f"`{name}` is at least {least:,}"):
            AmqpConfig(**given)
