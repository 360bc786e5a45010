"""What was held when a restart entered it in line comes back to its place, not to the front."""

import pytest

from postroad.core.key import Key
from postroad.model.commands import RELEASE
from postroad.model.policy import FIFO
from tests.unit.core.road import Road, bodies_of


def test_a_key_that_was_locked_over_a_restart_gives_its_messages_in_order() -> None:
    r = Road()
    r.declare(kind=FIFO)
    r.publish(b"1", b"2", b"3", b"4", keys=["a"] * 4)
    first = r.receive(count=4)
    r.settle(first[:2], RELEASE)
    r.restart(2, r.cut(), len(r.steps))
    r.settle(first[2:], RELEASE)
    assert bodies_of(r.receive(count=4)) == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("passed", [0, 2])
def test_what_was_not_passed_yet_is_not_put_back(passed: int) -> None:
    key = Key(7, 1, 10)
    for offset in (10, 11, 12):
        key.append(offset)
    key.at = passed
    key.put_back(12)
    assert not key.back
