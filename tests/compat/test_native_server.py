"""The native port and socket of a server process, by plain sockets."""

import signal
import socket
from pathlib import Path

from postroad.model.commands import Command, DeclareQueue, Publish, Receive
from postroad.model.replies import Received, Reply
from postroad.protocols.native.greeting import Hello, pack
from postroad.protocols.native.mapping import decode_reply, encode_command
from postroad.protocols.native.spec import MAGIC, Kind
from postroad.protocols.native.wire import REST_BYTES_MAX, Decoder, Frame, frame
from tests.compat.conftest import Serve


def dial(address: str | Path) -> socket.socket:
    """A connection to a "host:port", or to a socket's file."""
    if isinstance(address, Path):
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(20)
        made.connect(str(address))
        return made
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), 20)


def frames_until(made: socket.socket, count: int) -> list[Frame]:
    decoder, frames = Decoder(REST_BYTES_MAX), list[Frame]()
    while len(frames) < count:
        data = made.recv(65_536)
        assert data, "the server closed"
        frames += decoder.feed(data)
    return frames


def asked(address: str | Path, *commands: Command) -> list[Reply]:
    """The replies to commands that are sent at once, behind the greeting."""
    requests = [
        frame(Kind.REQUEST, at, encode_command(one)) for at, one in enumerate(commands, start=1)
    ]
    with dial(address) as made:
        made.sendall(MAGIC + frame(Kind.HELLO, 0, pack(Hello(1, "test"))) + b"".join(requests))
        welcome, *replies = frames_until(made, 1 + len(commands))
    assert welcome.kind == Kind.WELCOME
    return [decode_reply(one.payload) for one in sorted(replies, key=lambda one: one.number)]


def test_what_came_by_the_port_is_there_at_the_socket_after_a_kill(serve: Serve) -> None:
    first = serve()
    socket_file = first.data / "postroad.sock"
    asked(first.endpoints["native"], DeclareQueue("mail"), Publish(("mail",), [b"a", b"b"]))
    first.stop(signal.SIGKILL)
    assert socket_file.exists(), "nobody was there to remove it"
    second = serve(data=first.data)
    (received,) = asked(socket_file, Receive("mail", 10))
    assert isinstance(received, Received)
    assert [one.body for one in received.messages] == [b"a", b"b"]
    assert second.stop() == 0
    assert not socket_file.exists()
    assert second.complained == ""


def test_a_client_that_waits_has_its_answer_when_the_server_stops(serve: Serve) -> None:
    served = serve("--native-socket", "off")
    assert not (served.data / "postroad.sock").exists()
    with dial(served.endpoints["native"]) as made:
        receive = encode_command(Receive("mail", wait_ms=600_000))
        made.sendall(
            MAGIC
            + frame(Kind.HELLO, 0, pack(Hello(1, "test")))
            + frame(Kind.REQUEST, 1, encode_command(DeclareQueue("mail")))
            + frame(Kind.REQUEST, 2, receive)
        )
        frames_until(made, 2)
        served.process.send_signal(signal.SIGTERM)
        (last,) = frames_until(made, 1)
        assert (last.number, decode_reply(last.payload)) == (2, Received([]))
        assert made.recv(1) == b""
    assert served.process.wait(20) == 0
