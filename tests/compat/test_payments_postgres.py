"""The example of payments keeps its books in PostgreSQL too."""

import os
import subprocess
import sys
from pathlib import Path

from tests.compat.postgres import Postgres
from tests.examples.test_examples import PRINTS
from tests.tidy.sources import ROOT


def test_payments_in_postgresql_are_charged_once(tmp_path: Path) -> None:
    server = Postgres()
    try:
        run = subprocess.run(
            [sys.executable, str(ROOT / "examples" / "34_payments.py")],
            cwd=tmp_path,
            env={**os.environ, "DSN": server.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.stop()
    assert run.stdout.splitlines() == PRINTS["34_payments"], run.stderr
