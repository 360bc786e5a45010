"""The reference page says what there is."""

from pathlib import Path

import pytest

from postroad.protocols.aws import faults
from postroad.protocols.sqs.errors import WHY_TO_FAULT
from postroad.protocols.sqs.spec import INPUTS, NUMBER, QUEUE_ATTRIBUTES, SYSTEM_ATTRIBUTES

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "sqs.md").read_text()


@pytest.mark.parametrize("name", [*INPUTS, *QUEUE_ATTRIBUTES, *SYSTEM_ATTRIBUTES])
def test_every_action_and_attribute_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_every_error_the_server_gives_is_on_the_page() -> None:
    kinds = [kind for kind, _ in WHY_TO_FAULT.values()]
    kinds += [one for one in vars(faults).values() if isinstance(one, faults.FaultKind)]
    for kind in kinds:
        assert f"`{kind.code}`" in PAGE or f"`{kind.shape}`" in PAGE, kind


def test_the_ranges_on_the_page_are_those_in_the_table() -> None:
    for name, row in QUEUE_ATTRIBUTES.items():
        if row.kind == NUMBER and row.setting:
            assert f"| `{name}` | {row.low:,} to {row.high:,} " in PAGE
            assert f"| {row.default:,} |" in PAGE
