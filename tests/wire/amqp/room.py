"""AMQP sessions on a real core without files or sockets, and a client that speaks in methods."""

from struct import pack
from typing import Any

from postroad.model.ask import Ask, Caller
from postroad.model.replies import Reply
from postroad.protocols.amqp.config import AmqpConfig
from postroad.protocols.amqp.methods import encode_method, ids_of, read_args, row_of
from postroad.protocols.amqp.properties import Properties, parse_properties, write_properties
from postroad.protocols.amqp.session import AmqpSession
from postroad.protocols.amqp.wire import encode_content
from postroad.protocols.interface import Output
from tests.unit.engine.rooms import Room

FRAME_MAX = 131_072


class Said:
    """One method that came from the server, with its content if it has one."""

    def __init__(self, channel: int, name: str, args: dict[str, Any]) -> None:
        self.channel = channel
        self.name = name
        self.args = args
        self.properties = Properties()
        self.body = b""
        self.left = 0

    def __repr__(self) -> str:
        return f"{self.name} {self.args} {self.body!r}"

    def __getattr__(self, name: str) -> Any:
        if name in self.args:
            return self.args[name]
        raise AttributeError(name)


class AmqpRoom(Room):
    """A core, and as many connections as are opened to it."""

    def __init__(self, **settings: Any) -> None:
        self.clients: list[Client] = []
        self.config = AmqpConfig(secret_key=b"fixed", **settings)
        super().__init__()

    def client(self) -> "Client":
        """A connection that is open, with channel 1 open too."""
        client = Client(self)
        self.clients.append(client)
        client.open()
        return client

    def go(self, ms: int = 0) -> None:
        """Let time pass, and let everybody be answered."""
        self.rest(ms)
        while sum(client.hear() for client in self.clients):
            self.rest()

    def tick(self, ms: int) -> None:
        """Let time pass as the sockets tell it."""
        self.go(ms)
        for client in self.clients:
            client.take(client.session.tick(self.now_ms))
        self.go()


class Client:
    """The other end of one session."""

    def __init__(self, room: AmqpRoom) -> None:
        self.room = room
        self.session = AmqpSession(room.config)
        self.session.met(loopback=True)
        number = (room.report.epoch << 40) + len(room.clients) + 1
        self.caller = Caller(number, self._reply)
        self.closed = False
        self.heard: list[Said] = []
        self._replies: list[tuple[int, Reply]] = []
        self._rest = b""
        self.frame_bytes_max = 0

    def open(self) -> None:
        """Shake hands, and open channel 1."""
        self.feed(b"AMQP\x00\x00\x09\x01")
        self.feed(
            encode_method(
                0,
                "connection.start-ok",
                mechanism="PLAIN",
                response=b"\0guest\0guest",
                locale="en_US",
            )
        )
        self.feed(
            encode_method(0, "connection.tune-ok", channel_max=2047, frame_max=FRAME_MAX)
            + encode_method(0, "connection.open", virtual_host="/")
        )
        self.feed(encode_method(1, "channel.open"))
        assert self.heard[-1].name == "channel.open-ok", self.heard
        self.heard.clear()

    def call(self, name: str, channel: int = 1, **args: Any) -> list[Said]:
        """Send a method; all that comes back."""
        return self.feed(encode_method(channel, name, **args))

    def declare(self, queue: str, **arguments: Any) -> None:
        """A durable queue."""
        said = self.call("queue.declare", queue=queue, durable=True, arguments=arguments)
        assert [one.name for one in said] == ["queue.declare-ok"], said

    def publish(self, key: str, *bodies: bytes, exchange: str = "", **also: Any) -> list[Said]:
        """Publish messages in one write; all that comes back."""
        return self.feed(published(key, *bodies, exchange=exchange, **also))

    def consume(self, queue: str, tag: str = "tag", **args: Any) -> list[Said]:
        """Consume; all that comes back."""
        return self.call("basic.consume", queue=queue, consumer_tag=tag, **args)

    def feed(self, data: bytes) -> list[Said]:
        """Send bytes; all that comes back."""
        before = len(self.heard)
        self.take(self.session.receive(data, self.room.now_ms))
        self.room.go()
        return self.heard[before:]

    def since(self, ms: int = 0) -> list[Said]:
        """What comes as time passes."""
        before = len(self.heard)
        self.room.tick(ms)
        return self.heard[before:]

    def take(self, output: Output) -> None:
        """What the session wants done."""
        for number, command in output.asks:
            self.room.engine.submit(Ask(self.caller, number, command))
        for number in output.cancels:
            self.room.engine.cancel(self.caller, number)
        self._read(output.send)
        self.closed = self.closed or output.close

    def hear(self) -> bool:
        """Give the session its replies; whether there were any."""
        replies, self._replies = self._replies, []
        for number, reply in replies:
            self.take(self.session.answer(number, reply, self.room.now_ms))
        return bool(replies)

    def hang_up(self) -> None:
        """The connection is gone."""
        self.room.clients.remove(self)
        self.room.engine.forget(self.caller)
        self.room.go()

    def _reply(self, number: int, reply: Reply) -> None:
        self._replies.append((number, reply))

    def _read(self, data: bytes) -> None:
        data = self._rest + data
        while len(data) >= 8 and data[:4] != b"AMQP":
            kind, channel = data[0], int.from_bytes(data[1:3], "big")
            end = 7 + int.from_bytes(data[3:7], "big")
            payload, mark, data = data[7:end], data[end], data[end + 1 :]
            self.frame_bytes_max = max(self.frame_bytes_max, end + 1)
            assert mark == 0xCE
            self._hear(kind, channel, payload)
        self._rest = data

    def _hear(self, kind: int, channel: int, payload: bytes) -> None:
        if kind == 1:
            row = row_of(ids_of(payload))
            assert row is not None
            self.heard.append(Said(channel, row.name, read_args(row, payload)))
        elif kind == 2:
            said = self.heard[-1]
            said.left = int.from_bytes(payload[4:12], "big")
            said.properties = parse_properties(payload, 12)
        elif kind == 3:
            said = self.heard[-1]
            said.body += payload
            said.left -= len(payload)


def published(
    key: str,
    *bodies: bytes,
    exchange: str = "",
    channel: int = 1,
    mandatory: bool = False,
    **properties: Any,
) -> bytes:
    """Publishes as bytes."""
    method = encode_method(
        channel, "basic.publish", exchange=exchange, routing_key=key, mandatory=mandatory
    )
    packed = write_properties(Properties(**properties))
    return b"".join(encode_content(channel, method, packed, one, FRAME_MAX) for one in bodies)


def ack(tag: int, multiple: bool = False, channel: int = 1) -> bytes:
    """An ack as bytes."""
    return pack(">BHIHHQBB", 1, channel, 13, 60, 80, tag, multiple, 0xCE)


def names(said: list[Said]) -> list[str]:
    """What came, by name."""
    return [one.name for one in said]


def bodies(said: list[Said]) -> list[bytes]:
    """The bodies of what was delivered."""
    return [one.body for one in said if one.name == "basic.deliver"]
