"""A client's end of the native protocol: requests in, bytes out; bytes in, outcomes out.

It stands between the drivers of `postroad.remote`, who own the sockets and the threads, and the
codec. The rule kept here: it has no socket, no clock and no dice, and no request ends without an
outcome: its reply, or an error that says whether it may have been done.
"""

from collections.abc import Callable
from typing import Final

from postroad.errors import (
    BrokerClosed,
    ConnectionLost,
    NotRemote,
    NotWelcome,
    PostroadError,
    ReplyNotSent,
)
from postroad.limits import (
    NATIVE_RETRY_MS,
    NATIVE_RETRY_MS_MAX,
    NATIVE_SIGN_MS,
    NATIVE_SILENCE_MS,
    NATIVE_UNSENT_BYTES_MAX,
)
from postroad.model import commands
from postroad.model.batch import Run
from postroad.model.commands import Command
from postroad.model.replies import Refused, Why
from postroad.model.value import value
from postroad.protocols.native.again import may_ask_again
from postroad.protocols.native.errors import FaultCode
from postroad.protocols.native.greeting import BadGreeting, Fault, Hello, Welcome, pack, unpack
from postroad.protocols.native.mapping import (
    BadPayload,
    Unsendable,
    decode_reply,
    encode_command,
)
from postroad.protocols.native.requests import Done, Outcome, Request, Requests
from postroad.protocols.native.spec import MAGIC, VERSION, VERSION_MIN, Kind
from postroad.protocols.native.standing import is_doubtful, nothing_for, releases, shortened
from postroad.protocols.native.wire import REST_BYTES_MAX, REST_BYTES_MIN, Decoder, Frame, frame

DOWN: Final = "down"
GREETING: Final = "greeting"
OPEN: Final = "open"

_TURNED_AWAY: Final = (FaultCode.NOT_POSTROAD, FaultCode.VERSION, FaultCode.LOGIN)
_LOCAL: Final = (commands.Attach, commands.Detach, commands.GrantCredit, commands.SetPool)


@value
class Terms:
    """What a client says of itself, and how patient it is. `where`: the address, for people."""

    where: str
    timeout_ms: int
    client: str = ""
    user: str = ""
    password: str = ""


class Client:
    """All connections of one broker object, one after another.

    `state`: of the connection; `welcome`: what the server said last; `retry_at_ms`: when the next
    connection may be tried; `fault`: why the last one is no more.
    """

    def __init__(self, terms: Terms, dice: Callable[[], float]) -> None:
        """`dice`: a number from 0 up to 1, for the waits between two tries."""
        self.state = DOWN
        self.welcome: Welcome | None = None
        self.retry_at_ms = 0
        self.fault: PostroadError | None = None
        self.closing = False
        self._terms = terms
        self._dice = dice
        self._requests = Requests(terms.timeout_ms)
        self._decoder = Decoder()
        self._control: list[bytes] = []
        self._tries = 0
        self._heard_ms = 0
        self._said_ms = 0
        self._sign_ms = 0

    def ask(self, command: Command, done: Done, now_ms: int) -> Request:
        """Take a request; `done` is told its outcome once. Raises `NotRemote`, `BrokerClosed`."""
        if self.closing:
            raise BrokerClosed
        if isinstance(command, Run):
            raise NotRemote("a program runs", "use `batch`, or let the server's process run it")
        if isinstance(command, _LOCAL):
            raise NotRemote("a consumer is attached", "use `receive` or `consume`")
        return self._requests.add(command, done, now_ms)

    def abandon(self, request: Request) -> None:
        """Nobody waits for a request any more; what its reply may still lease is given back."""
        request.is_over = True
        self._cancel(request)

    def connected(self, now_ms: int) -> None:
        """A connection is there: the greeting goes out first."""
        terms = self._terms
        hello = Hello(VERSION, terms.client, terms.user, terms.password, VERSION_MIN)
        self.state = GREETING
        # What a server sends may be longer than what it takes.
        self._decoder = Decoder(REST_BYTES_MAX)
        self._control = [MAGIC, frame(Kind.HELLO, 0, pack(hello))]
        self._heard_ms = self._said_ms = now_ms
        self._sign_ms = now_ms

    def received(self, data: bytes, now_ms: int) -> str:
        """Bytes came in. Returns why the connection must be given up, or nothing."""
        self._heard_ms = now_ms
        if self.state == OPEN:
            self._sign_ms = 0
        for one in self._decoder.feed(data):
            why = self._hear(one, now_ms)
            if why:
                return why
        return self._decoder.fault

    def collect(self, now_ms: int, unsent_bytes: int = 0) -> bytes:
        """What to send now; `unsent_bytes`: how many the socket has not taken yet."""
        out = self._control
        self._control = []
        if self.state == OPEN and self.welcome is not None:
            size = unsent_bytes
            requests, most = self._requests, self.welcome.requests_max
            while size < NATIVE_UNSENT_BYTES_MAX and len(requests.sent) < most:
                request = requests.next()
                if request is None:
                    break
                written = self._write(request, now_ms)
                if written:
                    out.append(written)
                    size += len(written)
        if out:
            self._said_ms = now_ms
        return out[0] if len(out) == 1 else b"".join(out)

    def lost(self, why: str, now_ms: int) -> None:
        """The connection is no more, or none could be made: ask again what may be asked again, and
        end the others. The next try waits a random time up to a bound that doubles with each.
        """
        was_open = self.state == OPEN
        self.state = DOWN
        self._control = []
        bound_ms = min(NATIVE_RETRY_MS << min(self._tries, 16), NATIVE_RETRY_MS_MAX)
        self._tries += 1
        self.retry_at_ms = now_ms + int(self._dice() * bound_ms)
        for request in self._requests.cut(now_ms, was_open=was_open):
            if may_ask_again(request.command) and not self.closing:
                self._requests.again(request)
            else:
                request.end(ConnectionLost(type(request.command).__name__, why))

    def tick(self, now_ms: int) -> str:
        """Time went by: end what is late. Returns why the connection must be given up, or
        nothing.
        """
        for request in self._requests.late(now_ms, is_down=self.state != OPEN):
            request.end(request.timed_out(now_ms))
            self._cancel(request)
        if self.state == DOWN or not self._listens():
            return ""
        if self._sign_ms:
            if now_ms >= self._sign_ms + NATIVE_SIGN_MS:
                return f"the server gave no sign for {now_ms - self._heard_ms:,} ms"
        elif now_ms >= self._quiet_ms() + NATIVE_SILENCE_MS:
            self._sign_ms = now_ms
            self._control.append(frame(Kind.PING))
        return ""

    def next_wake(self) -> int:
        """When `tick` is needed, in ms; 0 for never."""
        wake = self._requests.earliest_ms
        if self.state != DOWN and self._listens():
            sign = self._sign_ms + NATIVE_SIGN_MS if self._sign_ms else 0
            other = sign or self._quiet_ms() + NATIVE_SILENCE_MS
            wake = min(wake, other) if wake else other
        return wake

    def wants_connection(self) -> bool:
        """Whether somebody asks, and there is no connection."""
        return self.state == DOWN and self._requests.is_waiting()

    def has_more(self) -> bool:
        """Whether `collect` has something to send, as far as the server lets it."""
        if self._control:
            return True
        if self.state != OPEN or self.welcome is None:
            return False
        return self._requests.is_waiting() and len(self._requests.sent) < self.welcome.requests_max

    def is_quiet(self) -> bool:
        """Whether no reply is on its way."""
        return not self._requests.sent and not self._requests.is_waiting()

    def close(self) -> None:
        """Take no more requests: those that wait for something to come end empty, those that were
        not sent end, and the others may still have their replies.
        """
        if self.closing:
            return
        self.closing = True
        for request in self._requests.everybody():
            nothing = nothing_for(request.command)
            if nothing is not None:
                request.end(nothing)
                self._cancel(request)
            elif not request.number:
                request.end(BrokerClosed())

    def farewell(self) -> bytes:
        """The last bytes of a connection that this side closes."""
        return frame(Kind.GOODBYE) if self.state == OPEN else b""

    def finish(self) -> None:
        """Nothing more will come: end every request that is left."""
        for request in self._requests.everybody():
            asked = type(request.command).__name__
            sent = request.number or request.is_repeated
            request.end(ConnectionLost(asked, "the broker was closed") if sent else BrokerClosed())
        self.state = DOWN

    def give_back(self, request: Request, outcome: Outcome, now_ms: int) -> None:
        """A reply came, and nobody takes it: what it leased is ready again."""
        if not isinstance(outcome, PostroadError) and not self.closing:
            for settle in releases(request.command, outcome):
                self._requests.add(settle, _nobody, now_ms)

    def _cancel(self, request: Request) -> None:
        """Let the server know, where it knows of the request; it answers all the same."""
        if request.number in self._requests.sent:
            self._control.append(frame(Kind.CANCEL, request.number))

    def _quiet_ms(self) -> int:
        """Since when one of both ends has said nothing: the server wants a sign as well."""
        return min(self._heard_ms, self._said_ms)

    def _listens(self) -> bool:
        return self.state == GREETING or bool(self._requests.sent)

    def _hear(self, one: Frame, now_ms: int) -> str:
        if one.kind == Kind.REPLY:
            return self._answer(one.number, one.payload, now_ms)
        if one.kind == Kind.PONG:
            return ""
        try:
            if one.kind == Kind.FAULT:
                return self._complain(one.number, unpack(one.payload, Fault))
            if one.kind == Kind.WELCOME and self.state == GREETING:
                self.welcome = unpack(one.payload, Welcome)
                self.state = OPEN
                self.fault = None
                self._tries = self._sign_ms = 0
                return ""
        except BadGreeting as error:
            return f"what the server said cannot be read: {error}"
        return f"the server sent a frame of kind {one.kind}, which was not its turn"

    def _answer(self, number: int, payload: bytes, now_ms: int) -> str:
        request = self._requests.answered(number)
        if request is None:
            return "the server answered what was not asked"
        try:
            reply = decode_reply(payload)
        except BadPayload as error:
            why = f"its reply cannot be read: {error}"
            request.end(ConnectionLost(type(request.command).__name__, why))
            return ""
        if request.is_over:
            for settle in releases(request.command, reply):
                self._requests.add(settle, _nobody, now_ms)
        if request.is_repeated and is_doubtful(reply):
            why = "no queue could tell afterwards whether it was done"
            request.end(ConnectionLost(type(request.command).__name__, why))
        request.end(reply)
        return ""

    def _complain(self, number: int, fault: Fault) -> str:
        if not number:
            if fault.code in _TURNED_AWAY:
                self.fault = NotWelcome(self._terms.where, fault.text)
                for waiting in self._requests.everybody():
                    waiting.end(self.fault)
            return fault.text
        request = self._requests.answered(number)
        if request is None:
            return "the server complained of what was not asked"
        if fault.code == FaultCode.NOT_SENT:
            request.end(ReplyNotSent(type(request.command).__name__, fault.text))
        else:
            request.end(Refused(Why.BAD_COMMAND, fault.text))
        return ""

    def _write(self, request: Request, now_ms: int) -> bytes:
        """The frame of a request, which is sent from here on; nothing where it cannot be."""
        command = request.command
        if request.is_repeated:
            command = shortened(command, now_ms - request.asked_ms)
        try:
            payload = encode_command(command)
        except Unsendable as error:
            request.end(Refused(Why.BAD_COMMAND, str(error)))
            return b""
        assert self.welcome is not None, "a connection is open once it is welcome"
        most = self.welcome.frame_bytes_max
        if REST_BYTES_MIN + len(payload) > most:
            text = f"{len(payload):,} bytes do not fit into a frame of {most:,}; ask in parts"
            request.end(Refused(Why.TOO_LARGE, text))
            return b""
        return frame(Kind.REQUEST, self._requests.send(request), payload)


def _nobody(_outcome: object) -> None:
    """Nobody waits for this outcome."""
