"""amqplib, as Node programs use RabbitMQ."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.compat.amqp_clients import Broker

PROGRAM = Path(__file__).parent / "programs" / "amqp_node.js"
AMQPLIB = "amqplib@0.10.9"
INSTALL_S_MAX = 120
RUN_S_MAX = 30

PRINTS = [
    "declared: 0 0",
    'headers: {"n":0,"half":0.5,"deep":{"list":[1,"two"]}}',
    "jobs: job 0, job 1, job 2, job 3, job 4",
    "returned: NO_ROUTE",
    "got: full false",
    "answer: 5 c-1",
    "error: 404",
    "deleted: 0",
    "told: true",
]


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Node modules with amqplib in it."""
    npm = shutil.which("npm")
    assert npm is not None, "these tests need Node and npm; on Debian: apt install nodejs npm"
    folder = tmp_path_factory.mktemp("node")
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), AMQPLIB]
    done = subprocess.run(command, capture_output=True, timeout=INSTALL_S_MAX, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return folder / "node_modules"


def test_amqplib_confirms_consumes_routes_and_asks(broker: Broker, modules: Path) -> None:
    node = shutil.which("node")
    assert node is not None
    env = {**os.environ, "NODE_PATH": str(modules)}
    done = subprocess.run(
        [node, str(PROGRAM), broker.url],
        env=env,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == PRINTS
