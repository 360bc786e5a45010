"""One connection of AMQP: bytes in, commands out, replies in, frames out.

It stands between the sockets and the channels. The rule kept here: each event goes to the channel
it is of, in the order it came; what all channels say in one turn leaves in one piece.
"""

from collections import deque
from collections.abc import Callable

from postroad.limits import AMQP_HELD_BACK_MAX, ASKS_WAITING_MAX
from postroad.model.commands import Command, CountArrived
from postroad.model.replies import Received, Reply
from postroad.protocols.amqp.channel import Channel
from postroad.protocols.amqp.config import AmqpConfig
from postroad.protocols.amqp.connection import Connection, State
from postroad.protocols.amqp.consuming import ignore
from postroad.protocols.amqp.dispatch import HANDLERS
from postroad.protocols.amqp.errors import (
    CHANNEL_ERROR,
    INTERNAL_ERROR,
    NOT_ALLOWED,
    UNEXPECTED_FRAME,
    ChannelFault,
    ConnectionFault,
    Fault,
)
from postroad.protocols.amqp.frames import (
    AckRun,
    ContentTooLarge,
    Event,
    HeartbeatFrame,
    MethodFrame,
    ProtocolHeader,
    PublishRun,
    WireFault,
)
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.naming import amqp_name, core_name
from postroad.protocols.amqp.spec import BY_NAME
from postroad.protocols.amqp.wire import Decoder
from postroad.protocols.interface import Output

Then = Callable[[Reply], None]


class AmqpSession:
    """The state of one connection, and what its channels see of it (`Link`)."""

    def __init__(self, config: AmqpConfig) -> None:
        """Begin before the protocol header; `config` is shared by all sessions of the server."""
        self.config = config
        self.now_ms = 0
        self.frame_max = config.frame_bytes_max
        self.channel_max = config.channels_max
        self.vhost = ""
        self.user = ""
        self.full = False
        self.known_exchanges: set[str] = set()
        self.standing = 0
        self.eras: dict[int, int] = {}
        self.held_back = 0
        self._decoder = Decoder(config.frame_bytes_max)
        self._connection = Connection(self, config)
        self._channels: dict[int, Channel] = {}
        self._closing: set[int] = set()
        self._goodbye: MethodFrame | None = None
        self._early: deque[Event] = deque()
        self._number = 0
        self._thens: dict[int, Then] = {}
        self._pushes: dict[int, Then] = {}
        self._frames: list[bytes] = []
        self._asks: list[tuple[int, Command]] = []
        self._cancels: list[int] = []
        self._sent = False
        self._arrived_bytes = 0

    # What the sockets call.

    @property
    def asks_max(self) -> int:
        """As others, not counting what waits for nothing but more to come."""
        return ASKS_WAITING_MAX + self.standing

    def met(self, *, loopback: bool) -> None:
        """Say whether the client is on this machine."""
        self._connection.loopback = loopback

    def receive(self, data: bytes, now_ms: int) -> Output:
        """Bytes came in. Never raises for anything a client can send."""
        self.now_ms = now_ms
        self._connection.heard()
        for event in self._decoder.feed(data):
            self._take(event)
        return self._output()

    def answer(self, number: int, reply: Reply, now_ms: int) -> Output:
        """The reply to the ask with that number."""
        self.now_ms = now_ms
        if isinstance(reply, Received):
            self._arrived_bytes += reply.pushed_bytes
        then = self._thens.pop(number, None) or self._pushes.get(number)
        try:
            if then is not None:
                then(reply)
        except Fault as fault:
            self._connection.fail(ConnectionFault(INTERNAL_ERROR, fault.text), "")
        self._part()
        self._count_arrived()
        return self._output()

    def tick(self, now_ms: int) -> Output:
        """Time went by: heartbeats, and whoever is late."""
        self.now_ms = now_ms
        for channel in tuple(self._channels.values()):
            channel.tick(now_ms)
        waiting = self.full or bool(self._thens)
        self._connection.tick(waiting=waiting, sent=self._sent)
        self._sent = False
        return self._output()

    def stall(self, full: bool, now_ms: int) -> Output:
        """Give consumers nothing while the client does not read, and go on when it does."""
        self.now_ms = now_ms
        self.full = full
        self.config.counts.stalls += full
        for channel in tuple(self._channels.values()):
            channel.consumers.stall(full)
        self._count_arrived()
        return self._output()

    def farewell(self, now_ms: int) -> Output:
        """Say that the server stops."""
        self.now_ms = now_ms
        self._connection.farewell()
        return self._output()

    # What the channels call.

    def ask(self, command: Command, then: Then, *, many: bool = False) -> int:
        """Ask the core; see `Link`."""
        self._number += 1
        (self._pushes if many else self._thens)[self._number] = then
        self._asks.append((self._number, command))
        return self._number

    def done(self, number: int) -> None:
        """Expect no more replies to an ask."""
        self._pushes.pop(number, None)

    def end_wait(self, number: int) -> None:
        """Let an ask wait no longer."""
        self._cancels.append(number)

    def send(self, frames: bytes) -> None:
        """Send whole frames."""
        self._frames.append(frames)

    def fault(self, channel: int, fault: Fault, method: str) -> None:
        """Close a channel, or the connection."""
        if channel == 0 or not isinstance(fault, ChannelFault):
            self._connection.fail(fault, method)
        elif channel in self._channels:
            self.config.counts.channel_faults += 1
            too_late = self._channels[channel].give_up()
            self.leave(channel)
            self._closing.add(channel)
            row = BY_NAME.get(method)
            class_id, method_id = (row.class_id, row.method_id) if row is not None else (0, 0)
            self._frames.append(
                encode_method(
                    channel,
                    "channel.close",
                    reply_code=fault.code,
                    reply_text=fault.reply_text,
                    class_id=class_id,
                    method_id=method_id,
                )
            )
            for work in too_late:
                self._open(channel, work)

    def leave(self, channel: int) -> None:
        """Let go of a channel; its number may be used again."""
        gone = self._channels.pop(channel, None)
        if gone is not None:
            self._decoder.forget(channel)
            gone.close()

    def renew(self, channel: int, era: int) -> None:
        """Begin another era of a channel's publishes; see `Link`."""
        self.eras[channel] = max(self.eras.get(channel, 0), era + 1)

    def core(self, name: str) -> str:
        """Return the core's name for an AMQP name."""
        return core_name(self.vhost, name)

    def name(self, core: str) -> str | None:
        """Return the AMQP name of what the core calls so."""
        return amqp_name(self.vhost, core)

    # What channel 0 calls.

    def tuned(self, frame_max: int) -> None:
        """Use frames of at most this size."""
        self.frame_max = frame_max
        self._decoder.frame_max = frame_max

    def entered(self) -> None:
        """Go on with what came before the connection was open."""
        while self._early and self._connection.state is State.RUNNING:
            self.held_back -= 1
            self._take(self._early.popleft())

    def left(self) -> None:
        """Let go of all channels."""
        self.held_back -= len(self._early)
        self._early.clear()
        for number in tuple(self._channels):
            self.leave(number)

    # Events.

    def _take(self, event: Event) -> None:
        state = self._connection.state
        if state is State.CLOSED:
            return
        if state is State.ENTERING:
            self._early.append(event)
            self.held_back += 1
        elif isinstance(event, MethodFrame | PublishRun | AckRun):
            self._take_work(event, state)
        elif isinstance(event, ProtocolHeader):
            self._connection.greet(good=event.good)
        elif isinstance(event, ContentTooLarge):
            self.fault(event.channel, ChannelFault(event.code, event.text), "basic.publish")
        elif isinstance(event, WireFault):
            fault = ConnectionFault(event.code, event.text)
            self._connection.fail_at(fault, event.class_id, event.method_id)
            # What follows cannot be read, not even the client's word that it may close.
            self._connection.end()
        else:
            assert isinstance(event, HeartbeatFrame)

    def _take_work(self, work: MethodFrame | PublishRun | AckRun, state: State) -> None:
        number = work.channel
        if self._goodbye is not None:
            return
        if number == 0 and isinstance(work, MethodFrame):
            if work.name == "connection.close" and self._is_busy():
                self._goodbye = work
            else:
                self._connection.take(work)
            return
        if state is not State.RUNNING:
            # While ours closes, everything but the word that it may is of no interest.
            text = f"frame of channel {number} in connection state {state.value}"
            self._connection.fail_at(ConnectionFault(UNEXPECTED_FRAME, text), 0, 0)
            return
        channel = self._channels.get(number)
        if channel is None:
            self._open(number, work)
        elif isinstance(work, MethodFrame) and work.name == "channel.open":
            fault = ConnectionFault(CHANNEL_ERROR, "second 'channel.open' seen")
            self._connection.fail(fault, work.name)
        else:
            if isinstance(work, PublishRun):
                self._connection.publishes = True
            channel.take(work)

    def _count_arrived(self) -> None:
        """While the client reads, what was pushed counts as read: tell the core, though not of each
        push; half of the window is left meanwhile."""
        if not self.full and 2 * self._arrived_bytes >= self.config.unread_bytes_max:
            self.ask(CountArrived(self._arrived_bytes), ignore)
            self._arrived_bytes = 0

    def _is_busy(self) -> bool:
        """Whether some channel has a method at work, and maybe publishes behind it."""
        return any(channel.is_busy() for channel in self._channels.values())

    def _part(self) -> None:
        """Let the client go that said so, once all it sent before is under way."""
        goodbye = self._goodbye
        if goodbye is not None and not self._is_busy():
            self._goodbye = None
            self._connection.take(goodbye)

    def _open(self, number: int, work: MethodFrame | PublishRun | AckRun) -> None:
        """Take the first method of a channel, or one of a channel that we have closed."""
        name = _name(work)
        if number in self._closing:
            if name == "channel.close-ok":
                self._closing.discard(number)
            elif name == "channel.close":
                self.send(encode_method(number, "channel.close-ok"))
            elif name == "channel.open":
                fault = ConnectionFault(CHANNEL_ERROR, "second 'channel.open' seen")
                self._connection.fail(fault, name)
        elif name != "channel.open" or number == 0:
            self._connection.fail(ConnectionFault(CHANNEL_ERROR, "expected 'channel.open'"), name)
        elif len(self._channels) + len(self._closing) >= self.channel_max:
            text = (
                f"number of channels opened ({len(self._channels) + len(self._closing)}) has"
                f" reached the negotiated channel_max ({self.channel_max})"
            )
            self._connection.fail(ConnectionFault(NOT_ALLOWED, text), "")
        else:
            self.config.counts.channels_opened += 1
            self._channels[number] = Channel(number, self, HANDLERS)
            self.send(encode_method(number, "channel.open-ok", reserved_1=b""))

    def _output(self) -> Output:
        close = self._connection.state is State.CLOSED
        send = b""
        if self._frames:
            send = self._frames[0] if len(self._frames) == 1 else b"".join(self._frames)
            self._frames.clear()
            self._sent = True
        asks, cancels = tuple(self._asks), tuple(self._cancels)
        self._asks.clear()
        self._cancels.clear()
        return Output(send, asks, close, self.held_back > AMQP_HELD_BACK_MAX, cancels)


def _name(work: MethodFrame | PublishRun | AckRun) -> str:
    if isinstance(work, MethodFrame):
        return work.name
    return "basic.publish" if isinstance(work, PublishRun) else "basic.ack"
