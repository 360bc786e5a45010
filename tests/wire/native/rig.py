"""A native session, driven by hand."""

from postroad.model.commands import (
    Command,
)
from postroad.model.replies import Reply
from postroad.protocols.interface import Output
from postroad.protocols.native.config import NativeConfig
from postroad.protocols.native.greeting import Fault, Hello, pack, unpack
from postroad.protocols.native.mapping import decode_reply, encode_command
from postroad.protocols.native.session import NativeSession
from postroad.protocols.native.spec import MAGIC, Kind
from postroad.protocols.native.wire import REST_BYTES_MAX, Decoder, Frame, frame

NOW = 1_700_000_000_000
HELLO = MAGIC + frame(Kind.HELLO, 0, pack(Hello(1, "test")))


def frames_of(output: Output) -> list[Frame]:
    return Decoder(REST_BYTES_MAX).feed(output.send)


def fault_of(output: Output) -> Fault:
    (one,) = frames_of(output)
    assert one.kind == Kind.FAULT
    return unpack(one.payload, Fault)


def request(number: int, command: Command) -> bytes:
    return frame(Kind.REQUEST, number, encode_command(command))


def opened(config: NativeConfig | None = None) -> NativeSession:
    session = NativeSession(config or NativeConfig())
    (one,) = frames_of(session.receive(HELLO, NOW))
    assert one.kind == Kind.WELCOME
    return session


def reply_of(output: Output) -> tuple[int, Reply]:
    (one,) = frames_of(output)
    assert one.kind == Kind.REPLY
    return one.number, decode_reply(one.payload)
