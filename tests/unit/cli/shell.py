"""The command line as a function: what it printed, or how it failed."""

import json
from pathlib import Path
from typing import Any

import pytest

from postroad.cli import main


class Shell:
    """Runs `postroad ...` on one directory and keeps what it printed."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capsys = capsys

    def __call__(self, *words: str, fails: int = 0) -> str:
        """Return what was printed; on failure the one line of the error."""
        self._capsys.readouterr()
        code = main.run(words)
        out, err = self._capsys.readouterr()
        assert code == fails, err
        if not fails:
            return out
        assert len(err.splitlines()) == 1, err
        return err

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))
