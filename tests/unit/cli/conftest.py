"""What tests of the command line share."""

from pathlib import Path

import pytest

from tests.unit.cli.shell import Shell


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.setenv("POSTROAD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "120")
    return Shell(tmp_path / "data", capsys)
