"""What was held when a restart entered it in line comes back to its place, not to the front."""

import pytest

from postroad.core.key import Key


@pytest.mark.parametrize("passed", [0, 2])
def test_what_was_not_passed_yet_is_not_put_back(passed: int) -> None:
    key = Key(7, 1, 10)
    for offset in (10, 11, 12):
        key.append(offset)
    key.at = passed
    key.put_back(12)
    assert not key.back
