"""What the pages show runs: the Python blocks of a page one after another, in one program."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.compat.processes import start
from tests.docs.pages import blocks, name, pages

SERVERS = {"sqs": "127.0.0.1:9324", "amqp": "127.0.0.1:5672", "native": "127.0.0.1:7420"}
RUN_S_MAX = 60

WITH_CODE = [page for page in pages() if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    # Blank lines keep each block on its own line, so that a traceback names the line of the page.
    program = ""
    for line, code in blocks(page, "python"):
        program += "\n" * (line - program.count("\n")) + code
    if not any(address in program for address in SERVERS.values()):
        run(program, page, tmp_path)
        return
    served = start(tmp_path / "server", data=tmp_path / "server-data")
    try:
        for protocol, address in SERVERS.items():
            program = program.replace(address, served.endpoints[protocol])
        run(program, page, tmp_path)
    finally:
        served.stop()


def run(program: str, page: Path, folder: Path) -> None:
    file = folder / page.with_suffix(".py").name
    file.write_text(program, encoding="utf-8")
    # What a page shows as tests is run as tests, the rest of the page as they are collected.
    tests = "\ndef test_" in program
    runner = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if tests else []
    ran = subprocess.run(
        [sys.executable, *runner, str(file)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_pages_that_should_show_code_do() -> None:
    shown = {name(page) for page in WITH_CODE}
    concepts = {name(page) for page in pages() if page.parent.name == "concepts"}
    assert shown >= concepts | {"README.md", "docs/tutorial.md"}
