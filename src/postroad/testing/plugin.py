"""The pytest plugin: the fixture `postroad` is a broker of the test's own.

pytest loads it where the package is installed. The rule kept here: a run in which no test asks for
a broker pays for nothing but this module.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from postroad.testing.local import LocalServer

FIXTURES: Final = {"postroad", "postroad_server"}
MARKER: Final = "postroad"
_HELP: Final = (
    "postroad(directory=False, **settings): how the broker of the fixture `postroad` is started:"
    " in a temporary directory instead of in memory, with settings of the server by name"
)
_LOADED_AHEAD: Final = (
    "postroad.testing.local",
    "postroad.protocols.sqs.session",
    "postroad.protocols.sns.session",
    "postroad.protocols.amqp.session",
    "postroad.protocols.native.session",
)


def pytest_configure(config: pytest.Config) -> None:
    """Tell of the marker."""
    config.addinivalue_line("markers", _HELP)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Load the broker once, before the first test that asks for one, and not at its cost."""
    for item in session.items:
        if FIXTURES.intersection(getattr(item, "fixturenames", ())):
            for module in _LOADED_AHEAD:
                importlib.import_module(module)
            return


@pytest.fixture
def postroad_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[StartServer]":
    """Start brokers in this process: `postroad_server(directory=None, **settings)`, where
    `directory` may be `True` for a temporary one; each is closed after the test.
    """
    from postroad.testing.local import LocalServer

    def start(directory: "Path | str | bool | None" = None, **settings: str) -> "LocalServer":
        if isinstance(directory, bool):
            directory = tmp_path_factory.mktemp("postroad") if directory else None
        return servers.enter_context(LocalServer(directory, **settings))

    with ExitStack() as servers:
        yield start


@pytest.fixture
def postroad(request: pytest.FixtureRequest, postroad_server: "StartServer") -> "LocalServer":
    """A running broker: every protocol on a free port, `broker` with all operations, a `clock` that
    the test may advance. In memory, unless the mark `postroad(directory=True)` says otherwise.
    """
    mark = request.node.get_closest_marker(MARKER)
    return postroad_server(**(mark.kwargs if mark is not None else {}))


StartServer = Callable[..., "LocalServer"]
