"""One native connection on the server: frames in, commands out, replies in, frames out.

It stands between the sockets and the model. The rule kept here: each request has one answer under
its number, a reply or a fault; what is wrong with one request costs no other.
"""

from enum import Enum, auto
from typing import Final

from postroad.limits import (
    NATIVE_FRAME_BYTES_MIN,
    NATIVE_HELLO_MS,
    NATIVE_QUIET_MS,
    NATIVE_WAITING_BYTES_MAX,
)
from postroad.model.batch import Batch
from postroad.model.commands import Attach, Command, Detach
from postroad.model.heads import bad_head
from postroad.model.replies import Detached, Refused, Reply
from postroad.protocols.interface import Output
from postroad.protocols.native import spec
from postroad.protocols.native.config import NativeConfig
from postroad.protocols.native.errors import Broken, FaultCode
from postroad.protocols.native.greeting import BadGreeting, Hello, fault_payload, pack, unpack
from postroad.protocols.native.mapping import (
    BadPayload,
    UnknownTag,
    Unsendable,
    decode_command,
    encode_reply,
)
from postroad.protocols.native.spec import MAGIC, Kind
from postroad.protocols.native.wire import Decoder, Frame, frame

_WORDS: Final = (
    "this port speaks Postroad's native protocol, whose clients begin with `POSTROAD`;"
    " connect with `Broker.connect`, or look where the other protocols listen"
)
_STRANGER_BYTES_MAX: Final = NATIVE_FRAME_BYTES_MIN
"""Kept of a frame of somebody of whom nothing is known."""
_HTTP: Final = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"DELETE ")
_HTTP_ANSWER: Final = (
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    f"Content-Length: {len(_WORDS) + 1}\r\n\r\n{_WORDS}\n"
).encode()


class State(Enum):
    """How far a connection is."""

    MAGIC = auto()
    HELLO = auto()
    OPEN = auto()
    CLOSED = auto()


class NativeSession:
    """The state of one connection."""

    def __init__(self, config: NativeConfig) -> None:
        """Begin before the magic; `config` is shared by all sessions of the server."""
        self.config = config
        self.state = State.MAGIC
        self._first = b""
        self._decoder = Decoder(config.frame_bytes_max)
        self._began_ms = 0
        self._heard_ms = 0
        self._leaving = False
        # Number of each request that has no answer yet -> its bytes.
        self._waiting: dict[int, int] = {}
        self._waiting_bytes = 0
        # Numbers of attached consumers' asks, which have many answers.
        self._pushing: dict[int, int] = {}
        self._detaching: dict[int, int] = {}
        self._send: list[bytes] = []
        self._asks: list[tuple[int, Command]] = []
        self._cancels: list[int] = []

    @property
    def asks_max(self) -> int:
        """More than a client may have outstanding, for it is told, and heard when it cancels."""
        return 2 * self.config.requests_max

    # What the sockets call.

    def receive(self, data: bytes, now_ms: int) -> Output:
        """Bytes came in. Never raises for anything a client can send."""
        self._began_ms = self._began_ms or now_ms
        self._heard_ms = now_ms
        if self.state is State.CLOSED:
            return Output(close=True)
        try:
            if self.state is State.MAGIC:
                data = self._past_magic(data)
            for one in self._decoder.feed(data):
                self._take(one)
            if self._decoder.fault:
                large = self._decoder.is_too_large
                code = FaultCode.TOO_LARGE if large else FaultCode.BAD_FRAME
                raise Broken(code, self._decoder.fault)
            if self._decoder.wanted_bytes > _STRANGER_BYTES_MAX and self.state is State.HELLO:
                raise Broken(FaultCode.TOO_LARGE, "HELLO is longer than any")
        except Broken as broken:
            self._break(broken)
        return self._output()

    def answer(self, number: int, reply: Reply, now_ms: int) -> Output:  # noqa: ARG002  (no clock)
        """The reply to the ask with that number."""
        if self.state is State.CLOSED:
            return Output()
        self._settle(number, reply)
        try:
            self._send.append(frame(Kind.REPLY, number, encode_reply(reply)))
        except (Unsendable, ValueError) as error:
            self._fault(FaultCode.NOT_SENT, str(error), number)
        return self._output()

    def tick(self, now_ms: int) -> Output:
        """Time went by: whoever does not say who it is goes, and whoever waits and is not heard of:
        it must not be handed messages that others could have."""
        self._began_ms = self._began_ms or now_ms
        late = now_ms - self._began_ms >= NATIVE_HELLO_MS
        if late and self.state in (State.MAGIC, State.HELLO):
            self._break(Broken(FaultCode.LATE, f"no HELLO came within {NATIVE_HELLO_MS:,} ms"))
        elif self._is_busy() or not self._waiting:
            self._heard_ms = now_ms
        elif now_ms - self._heard_ms >= NATIVE_QUIET_MS:
            self._break(Broken(FaultCode.LATE, f"no byte came for {NATIVE_QUIET_MS:,} ms"))
        return self._output()

    # Frames.

    def _past_magic(self, data: bytes) -> bytes:
        """Return what follows the magic. Raises `Broken` at the first byte that is not of it."""
        wanted = len(MAGIC) - len(self._first)
        self._first += data[:wanted]
        if not MAGIC.startswith(self._first):
            raise Broken(FaultCode.NOT_POSTROAD, _WORDS)
        if len(self._first) == len(MAGIC):
            self.state = State.HELLO
        return data[wanted:]

    def _take(self, one: Frame) -> None:
        if self.state is not State.OPEN:
            self._greet(one)
        elif one.kind == Kind.REQUEST:
            self._request(one)
        elif one.kind == Kind.CANCEL:
            if one.number in self._waiting:
                self._cancels.append(one.number)
        elif one.kind == Kind.PING:
            self._send.append(frame(Kind.PONG, one.number))
        elif one.kind == Kind.GOODBYE:
            self._leave()
        elif one.kind == Kind.HELLO:
            raise Broken(FaultCode.OUT_OF_ORDER, "HELLO comes once")
        else:
            raise Broken(FaultCode.BAD_FRAME, f"clients send no frames of kind {one.kind}")

    def _greet(self, one: Frame) -> None:
        """The first frame: who comes, and in which version."""
        if one.kind != Kind.HELLO:
            raise Broken(FaultCode.OUT_OF_ORDER, "HELLO comes first")
        try:
            hello = unpack(one.payload, Hello)
        except BadGreeting as error:
            raise Broken(FaultCode.BAD_FRAME, f"HELLO: {error}") from error
        version = min(hello.version, spec.VERSION)
        if version < max(hello.version_min, spec.VERSION_MIN):
            raise Broken(FaultCode.VERSION, _versions(hello))
        if not self.config.lets_in(hello.user, hello.password):
            self.config.counts.logins_refused += 1
            raise Broken(FaultCode.LOGIN, "no such user, or another password")
        self.state = State.OPEN
        self._send.append(frame(Kind.WELCOME, 0, pack(self.config.welcome(version))))

    def _request(self, one: Frame) -> None:
        number = one.number
        if self._leaving:
            raise Broken(FaultCode.OUT_OF_ORDER, "a request after GOODBYE")
        if not number or number in self._waiting:
            raise Broken(FaultCode.OUT_OF_ORDER, f"request number {number} is in use")
        if len(self._waiting) >= self.config.requests_max:
            text = f"more than {self.config.requests_max:,} requests are outstanding"
            raise Broken(FaultCode.TOO_MANY, text)
        self.config.counts.requests += 1
        try:
            command = decode_command(one.payload)
            _see_heads(command)
        except UnknownTag as error:
            self._fault(FaultCode.UNKNOWN, str(error), number)
            return
        except BadPayload as bad:
            self._fault(FaultCode.BAD_PAYLOAD, str(bad), number)
            return
        size = len(one.payload)
        self._waiting[number] = size
        self._waiting_bytes += size
        if isinstance(command, Attach):
            self._pushing[number] = command.consumer
        elif isinstance(command, Detach):
            self._detaching[number] = command.consumer
        self._asks.append((number, command))

    def _leave(self) -> None:
        """The client goes: what waits is answered now, and the connection closes behind it."""
        self._leaving = True
        for number in self._pushing:
            self._forget(number)
        self._pushing.clear()
        self._cancels.extend(self._waiting)

    # Replies.

    def _settle(self, number: int, reply: Reply) -> None:
        """Make a number free again, unless more answers come under it."""
        if number in self._pushing and not isinstance(reply, Detached | Refused):
            return
        self._pushing.pop(number, None)
        self._forget(number)
        consumer = self._detaching.pop(number, None)
        if consumer is not None and not isinstance(reply, Refused):
            for pushed in [one for one, its in self._pushing.items() if its == consumer]:
                del self._pushing[pushed]
                self._forget(pushed)

    def _is_busy(self) -> bool:
        """Whether so much waits for its answers that no more is read."""
        return self._waiting_bytes > NATIVE_WAITING_BYTES_MAX

    def _forget(self, number: int) -> None:
        self._waiting_bytes -= self._waiting.pop(number, 0)

    def _fault(self, code: FaultCode, text: str, number: int) -> None:
        self.config.counts.request_faults += 1
        self._send.append(frame(Kind.FAULT, number, fault_payload(code, text)))

    def _break(self, broken: Broken) -> None:
        """Say what is wrong, to a browser in its own words, and close."""
        self.config.counts.connection_faults += 1
        fault = frame(Kind.FAULT, 0, fault_payload(broken.code, broken.text))
        self._send.append(_HTTP_ANSWER if self._first.startswith(_HTTP) else fault)
        self.state = State.CLOSED
        self._asks.clear()
        self._cancels.clear()

    def _output(self) -> Output:
        gone = self._leaving and not self._waiting
        output = Output(
            b"".join(self._send),
            tuple(self._asks),
            close=self.state is State.CLOSED or gone,
            busy=self._is_busy(),
            cancels=tuple(self._cancels),
        )
        self._send.clear()
        self._asks.clear()
        self._cancels.clear()
        return output


def _see_heads(command: Command) -> None:
    """Raise `BadPayload` for a head that nobody could read: it would be stored as it is, and break
    whoever looks into it later."""
    for one in command.commands if isinstance(command, Batch) else (command,):
        heads = getattr(one, "heads", None) or (getattr(one, "head", b""),)
        wrong = bad_head(heads)
        if wrong is not None:
            raise BadPayload(wrong)


def _versions(hello: Hello) -> str:
    theirs = _range(hello.version_min, hello.version)
    ours = _range(spec.VERSION_MIN, spec.VERSION)
    return f"the client speaks version {theirs} of the protocol and the server {ours}"


def _range(least: int, most: int) -> str:
    return str(most) if least >= most else f"{least} to {most}"
