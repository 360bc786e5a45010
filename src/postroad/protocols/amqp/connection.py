"""Channel 0: from the protocol header to the open connection, its heartbeats, and its end.

It stands between the session and the client, beside the channels. The rule kept here: what may come
in which state is a table, and whatever is not in it closes the connection with RabbitMQ's code.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Protocol

from postroad.limits import AMQP_CLOSE_TICKS_MAX, AMQP_HANDSHAKE_TICKS_MAX
from postroad.model.exchanges import DIRECT, FANOUT, HEADERS, TOPIC, DeclareExchange
from postroad.model.exchanges import ExchangeSettings as Settings
from postroad.model.replies import Reply
from postroad.protocols.amqp.agreement import DURABLE, flag
from postroad.protocols.amqp.auth import log_in
from postroad.protocols.amqp.config import AmqpConfig
from postroad.protocols.amqp.errors import (
    ACCESS_REFUSED,
    CHANNEL_ERROR,
    CONNECTION_FORCED,
    NOT_ALLOWED,
    ConnectionFault,
    Fault,
)
from postroad.protocols.amqp.frames import MethodFrame
from postroad.protocols.amqp.link import Link
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.spec import (
    BY_NAME,
    CAPABILITIES,
    FRAME_MIN,
    LOCALES,
    MECHANISMS,
    PROTOCOL_HEADER,
)

PRODUCT: Final = "RabbitMQ"
VERSION: Final = "3.13.7"
"""What clients ask to know what they may do. With a later one kombu gives up the prefetch of a
whole channel, which works here and which it changes while tasks with an ETA wait."""
PREDECLARED: Final = {
    "amq.direct": DIRECT,
    "amq.fanout": FANOUT,
    "amq.topic": TOPIC,
    "amq.headers": HEADERS,
    "amq.match": HEADERS,
}
_HEARTBEAT: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"


class State(Enum):
    """Where a connection is in its life; the value is RabbitMQ's word for it."""

    GREETING = "pre_init"
    STARTING = "starting"
    TUNING = "tuning"
    OPENING = "opening"
    ENTERING = "entering"
    RUNNING = "running"
    CLOSING = "closing"
    CLOSED = "closed"


class Host(Link, Protocol):
    """The session, as channel 0 sees it."""

    channel_max: int

    def tuned(self, frame_max: int) -> None:
        """Use frames of at most this size from now on."""

    def entered(self) -> None:
        """The connection is open: go on with what came too early."""

    def left(self) -> None:
        """Let go of all channels."""


class Connection:
    """The state of channel 0. `loopback`: whether the client is on this machine. `publishes`:
    whether it has published, and so is told when it had better wait."""

    def __init__(self, host: Host, config: AmqpConfig) -> None:
        self.state = State.GREETING
        self.loopback = True
        self.publishes = False
        self._host = host
        self._config = config
        self._capabilities: dict[str, Any] = {}
        self._entering = 0
        self._blocked = False
        self._heartbeat_s = 0
        self._age_ticks = 0
        self._silent_ticks = 0
        self._idle_ticks = 0

    # What the session calls.

    def greet(self, *, good: bool) -> None:
        """The protocol header came."""
        if not good:
            self._host.send(PROTOCOL_HEADER)
            self.end()
            return
        self._to(State.STARTING)
        properties = {
            "capabilities": dict.fromkeys(CAPABILITIES, True),
            "cluster_name": "postroad",
            "information": "Postroad, a durable message broker that speaks as RabbitMQ does",
            "platform": self._config.platform,
            "product": PRODUCT,
            "version": VERSION,
        }
        self._send(
            "connection.start",
            version_major=0,
            version_minor=9,
            server_properties=properties,
            mechanisms=MECHANISMS,
            locales=LOCALES,
        )

    def take(self, frame: MethodFrame) -> None:
        """Do a method of channel 0."""
        step = _STEPS.get((self.state, frame.name))
        try:
            if step is None:
                text = f"unexpected method in connection state {self.state.value}"
                raise ConnectionFault(CHANNEL_ERROR, text)
            step(self, frame.args)
        except Fault as fault:
            self.fail(fault, frame.name)

    def heard(self) -> None:
        """Something came from the client."""
        self._silent_ticks = 0

    def fail(self, fault: Fault, method: str) -> None:
        """Tell the client why, and wait for its word before the end; `method`: what did it."""
        row = BY_NAME.get(method)
        class_id, method_id = (row.class_id, row.method_id) if row is not None else (0, 0)
        self.fail_at(fault, class_id, method_id)

    def fail_at(self, fault: Fault, class_id: int, method_id: int) -> None:
        """Do as `fail`; the method is told by its numbers, 0 where it was none."""
        if self.state in (State.CLOSING, State.CLOSED):
            return
        if self.state is State.GREETING:
            self.end()
            return
        self._config.counts.connection_faults += 1
        self._close(fault, class_id, method_id)

    def end(self) -> None:
        """Close the socket once all is sent."""
        self._host.left()
        self._to(State.CLOSED)

    def farewell(self) -> None:
        """The server stops."""
        if self.state is State.RUNNING:
            text = "broker forced connection closure with reason 'shutdown'"
            self._close(ConnectionFault(CONNECTION_FORCED, text), 0, 0)

    def tick(self, *, waiting: bool, sent: bool) -> None:
        """About a second went by; `waiting`: the client may have written what we have not read;
        `sent`: something was sent in it."""
        self._age_ticks += 1
        self._silent_ticks = 0 if waiting else self._silent_ticks + 1
        self._idle_ticks = 0 if sent else self._idle_ticks + 1
        if self.state is State.RUNNING:
            self._tick_running()
        elif self._age_ticks > _TICKS_MAX.get(self.state, AMQP_HANDSHAKE_TICKS_MAX):
            self.end()

    # What the client sends.

    def start_ok(self, args: dict[str, Any]) -> None:
        """connection.start-ok: who it is, and what it can."""
        given = args["client_properties"].get("capabilities")
        self._capabilities = given if isinstance(given, dict) else {}
        user = log_in(self._config, args, loopback=self.loopback)
        if user is None:
            self._refuse(args["mechanism"])
            return
        self._host.user = user
        self._to(State.TUNING)
        self._send(
            "connection.tune",
            channel_max=self._config.channels_max,
            frame_max=self._config.frame_bytes_max,
            heartbeat=self._config.heartbeat_s,
        )

    def tune_ok(self, args: dict[str, Any]) -> None:
        """connection.tune-ok: within what was offered."""
        channel_max, frame_max = args["channel_max"], args["frame_max"]
        if 0 < frame_max < FRAME_MIN:
            text = (
                f"negotiated frame_max = {frame_max} is lower than the minimum allowed value"
                f" ({FRAME_MIN})"
            )
            raise ConnectionFault(NOT_ALLOWED, text)
        _at_most("frame_max", frame_max, self._config.frame_bytes_max)
        _at_most("channel_max", channel_max, self._config.channels_max)
        self._host.channel_max = channel_max
        self._host.tuned(frame_max)
        self._heartbeat_s = args["heartbeat"]
        self._to(State.OPENING)

    def open(self, args: dict[str, Any]) -> None:
        """connection.open: into a vhost that exists, with the exchanges that every vhost has."""
        vhost = args["virtual_host"]
        if vhost not in self._config.vhosts:
            raise ConnectionFault(NOT_ALLOWED, f"vhost {vhost} not found")
        self._host.vhost = vhost
        self._to(State.ENTERING)
        self._entering = len(PREDECLARED)
        for name, kind in PREDECLARED.items():
            extras = {DURABLE: flag(True)}
            command = DeclareExchange(self._host.core(name), Settings(kind=kind), extras)
            self._host.ask(command, self._entered)

    def close(self, _args: dict[str, Any]) -> None:
        """connection.close, and the same while ours is on its way."""
        self._host.left()
        self._send("connection.close-ok")
        self.end()

    def close_ok(self, _args: dict[str, Any]) -> None:
        """connection.close-ok."""
        self.end()

    def update_secret(self, _args: dict[str, Any]) -> None:
        """connection.update-secret: passwords of the configuration do not grow old."""
        self._send("connection.update-secret-ok")

    # How it goes on.

    def _entered(self, _reply: Reply) -> None:
        """An exchange is there, or was refused, which whoever uses it will hear."""
        self._entering -= 1
        if self._entering or self.state is not State.ENTERING:
            return
        self._to(State.RUNNING)
        self._send("connection.open-ok", reserved_1="")
        self._host.entered()

    def _refuse(self, mechanism: str) -> None:
        self._config.counts.logins_refused += 1
        if self._capabilities.get("authentication_failure_close") is not True:
            self.end()
            return
        text = (
            f"Login was refused using authentication mechanism {mechanism}. For details see the"
            " broker logfile."
        )
        self._close(ConnectionFault(ACCESS_REFUSED, text), 0, 0)

    def _close(self, fault: Fault, class_id: int, method_id: int) -> None:
        self._host.left()
        self._to(State.CLOSING)
        self._send(
            "connection.close",
            reply_code=fault.code,
            reply_text=fault.reply_text,
            class_id=class_id,
            method_id=method_id,
        )

    def _to(self, state: State) -> None:
        self.state = state
        if state in _TICKS_MAX:
            self._age_ticks = 0

    def _send(self, name: str, **args: Any) -> None:
        self._host.send(encode_method(0, name, **args))

    def _tick_running(self) -> None:
        if self._heartbeat_s:
            if self._silent_ticks > 2 * self._heartbeat_s:
                self._config.counts.heartbeats_missed += 1
                self.end()
                return
            if self._idle_ticks >= max(1, self._heartbeat_s // 2):
                self._host.send(_HEARTBEAT)
        if self._capabilities.get("connection.blocked") is True:
            self._tell_blocked()

    def _tell_blocked(self) -> None:
        short = self.publishes and self._config.short_of_space()
        if short is self._blocked:
            return
        self._blocked = short
        if short:
            self._send("connection.blocked", reason="low on disk")
        else:
            self._send("connection.unblocked")


def _at_most(name: str, given: int, most: int) -> None:
    """Nought means no limit, which is more than any."""
    if given == 0 or given > most:
        text = f"negotiated {name} = {given} is higher than the maximum allowed value ({most})"
        raise ConnectionFault(NOT_ALLOWED, text)


_TICKS_MAX: Final = {State.CLOSING: AMQP_CLOSE_TICKS_MAX, State.CLOSED: AMQP_CLOSE_TICKS_MAX}
_STEPS: Final[dict[tuple[State, str], Callable[[Connection, dict[str, Any]], None]]] = {
    (State.STARTING, "connection.start-ok"): Connection.start_ok,
    (State.TUNING, "connection.tune-ok"): Connection.tune_ok,
    (State.OPENING, "connection.open"): Connection.open,
    (State.STARTING, "connection.close"): Connection.close,
    (State.TUNING, "connection.close"): Connection.close,
    (State.OPENING, "connection.close"): Connection.close,
    (State.ENTERING, "connection.close"): Connection.close,
    (State.RUNNING, "connection.close"): Connection.close,
    (State.RUNNING, "connection.update-secret"): Connection.update_secret,
    (State.CLOSING, "connection.close"): Connection.close,
    (State.CLOSING, "connection.close-ok"): Connection.close_ok,
}
"""What may come in which state; secure-ok is never asked for, so it is in none."""
