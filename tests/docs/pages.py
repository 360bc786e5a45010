"""The pages of the documentation, and the code blocks in them."""

import re
from pathlib import Path

from tests.tidy.sources import ROOT

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every Markdown page a reader is sent to."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """The code blocks of a page in one language: (line of the fence, code)."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, found.start()) + 1, found.group(2))
        for found in _FENCE.finditer(text)
        if found.group(1) == language
    ]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def name(page: Path) -> str:
    """The page as a reader types it."""
    return page.relative_to(ROOT).as_posix()
