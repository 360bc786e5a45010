from pathlib import Path

import pytest

from postroad.cli.native_reference import renewed
from postroad.cli.reference import NATIVE_PAGE, pages

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", ["cli.md", "settings.md", "metrics.md"])
def test_the_reference_pages_are_what_their_tables_say(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run `python -m postroad.cli.reference docs/reference`"


def test_the_tables_of_the_native_page_are_what_the_protocol_says() -> None:
    written = (FOLDER / NATIVE_PAGE).read_text(encoding="utf-8")
    assert renewed(written) == written, "run `python -m postroad.cli.reference docs/reference`"
