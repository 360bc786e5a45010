"""A client that has come some way of the handshake, and says what it likes."""

from typing import Any

from postroad.protocols.amqp.methods import encode_method as method
from tests.wire.amqp.room import AmqpRoom, Client

HEADER = b"AMQP\x00\x00\x09\x01"
HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"
CAPABLE = {"capabilities": {"authentication_failure_close": True, "connection.blocked": True}}


def start_ok(
    response: bytes = b"\0guest\0guest", mechanism: str = "PLAIN", properties: Any = CAPABLE
) -> bytes:
    return method(
        0,
        "connection.start-ok",
        client_properties=properties,
        mechanism=mechanism,
        response=response,
        locale="en_US",
    )


def tune_ok(channel_max: int = 2047, frame_max: int = 131_072, heartbeat: int = 0) -> bytes:
    return method(
        0, "connection.tune-ok", channel_max=channel_max, frame_max=frame_max, heartbeat=heartbeat
    )


def open_vhost(name: str = "/") -> bytes:
    return method(0, "connection.open", virtual_host=name)


CLOSE = method(0, "connection.close", reply_code=200, reply_text="bye")
CLOSE_OK = method(0, "connection.close-ok")
SECURE_OK = method(0, "connection.secure-ok", response=b"x")
BLOCKED = method(0, "connection.blocked", reason="x")
UPDATE = method(0, "connection.update-secret", new_secret=b"x", reason="old")
OPEN = method(1, "channel.open")
CLOSE_CHANNEL = method(1, "channel.close", reply_code=200, reply_text="bye")
CLOSE_CHANNEL_OK = method(1, "channel.close-ok")
DECLARE = method(1, "queue.declare", queue="q")
MISSING = method(1, "queue.declare", queue="none", passive=True)

STARTING = (HEADER,)
TUNING = (*STARTING, start_ok())
OPENING = (*TUNING, tune_ok())
RUNNING = (*OPENING, open_vhost())
CHANNEL = (*RUNNING, OPEN)
STATES = {
    "starting": STARTING,
    "tuning": TUNING,
    "opening": OPENING,
    "running": RUNNING,
    "channel": CHANNEL,
}


def fresh(**settings: Any) -> Client:
    """A client that has said nothing yet."""
    room = AmqpRoom(**settings)
    client = Client(room)
    room.clients.append(client)
    return client


def spoken(*parts: bytes, **settings: Any) -> Client:
    """A client that has said these, one after another."""
    client = fresh(**settings)
    for part in parts:
        client.feed(part)
    return client


def closed_by(client: Client) -> tuple[int, str]:
    """The code and text that the connection was closed with."""
    (said,) = [one for one in client.heard if one.name == "connection.close"]
    assert client.heard[-1] is said
    return said.reply_code, said.reply_text
