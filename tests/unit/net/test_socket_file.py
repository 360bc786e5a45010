"""A unix socket in a data directory: the owner's alone, new at each start, gone at the stop."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from postroad.limits import SOCKET_PATH_BYTES_MAX
from postroad.net.hub import Hub
from postroad.net.socket_file import open_socket_file, short_path
from postroad.protocols.interface import Output
from tests.unit.net.transports import CollectingRoad, ObedientSession


def asked(file: Path, connect_to: str) -> bytes:
    """What a client is told at a socket file, which is gone after it."""

    async def body() -> bytes:
        hub = Hub(CollectingRoad(), lambda: 0)
        session = ObedientSession()
        session.on_receive = Output(send=b"hello", close=True)
        listener = await open_socket_file(hub, file, lambda: session)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600  # noqa: ASYNC240
        reader, writer = await asyncio.open_unix_connection(connect_to)
        writer.write(b"who is there")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        listener.close()
        await hub.close(5_000)
        return answer

    return asyncio.run(body())


def test_a_client_is_answered_at_the_file_and_the_file_goes_with_the_server(tmp_path: Path) -> None:
    file = tmp_path / "postroad.sock"
    assert asked(file, str(file)) == b"hello"
    assert not file.exists()


def test_a_file_that_a_crash_left_behind_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "postroad.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(file))
    assert file.exists()
    assert asked(file, str(file)) == b"hello"


def test_a_long_path_is_opened_from_where_the_process_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("d" * 100)
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert len(os.fsencode(folder)) > SOCKET_PATH_BYTES_MAX
    assert asked(folder / "postroad.sock", "postroad.sock") == b"hello"


def test_a_path_too_long_for_a_socket_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    longest = tmp_path / ("d" * 100) / "postroad.sock"
    with pytest.raises(OSError, match="longer than the 107 bytes"):
        short_path(longest)
