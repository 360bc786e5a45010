"""A PostgreSQL of the tests' own: a cluster in a temporary directory, reached by its socket."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

START_S = 30
USER = "postgres"


def program(name: str) -> str:
    """Where a program of PostgreSQL is: Debian keeps them out of the path."""
    known = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(known[-1]) if known else None)
    assert found, f"`{name}` is not there; on Debian: apt-get install postgresql"
    return found


class Postgres:
    """A server that runs until `stop`; `url` is for psycopg, `alchemy` for SQLAlchemy."""

    def __init__(self) -> None:
        # Directly under the temporary one: a way that its own user may go, and short for a socket.
        directory = Path(tempfile.mkdtemp(prefix="postroad-pg-"))
        self._data = directory / "cluster"
        self._directory = directory
        self._as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        if os.geteuid() == 0:
            # It does not run as root.
            shutil.chown(directory, USER, USER)
        else:
            self._as_user = []
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-N")
        options = f"-k {directory} -c listen_addresses='' -c fsync=off"
        log = str(directory / "log")
        self._run("pg_ctl", "-D", str(self._data), "-o", options, "-l", log, "-w", "start")

    @property
    def url(self) -> str:
        return f"host={self._directory} user={USER} dbname=postgres"

    @property
    def alchemy(self) -> str:
        return f"postgresql+psycopg://{USER}@/postgres?host={self._directory}"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._directory)

    def _run(self, name: str, *arguments: str) -> None:
        told = subprocess.run(
            [*self._as_user, program(name), *arguments],
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if name == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if name == "initdb" else subprocess.DEVNULL,
            timeout=START_S,
            check=False,
        )
        assert told.returncode == 0, f"{name} failed: {told.stderr!r}"
