"""Consumers of a channel: from consume to cancel, and every delivery in between.

It stands between a channel and the core. The rule kept here: a consumer with a small prefetch has
what the core leases to it; any other gets ahead of its client only by a window, which grows while
the client reads. Bytes are the connection's to count. What comes for a consumer that is gone goes
back at once.
"""

from typing import TYPE_CHECKING, Final, Protocol

from postroad.limits import AMQP_CREDIT
from postroad.model.commands import RELEASE, Command, Detach, GrantCredit, SetPool, Settle
from postroad.model.message import Delivery
from postroad.model.replies import Detached, Done, Received, Refused, Reply
from postroad.protocols.amqp.errors import refusal
from postroad.protocols.amqp.hot import deliver_frames
from postroad.protocols.amqp.link import Script
from postroad.protocols.amqp.mapping import Renderer
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.unacked import Source

if TYPE_CHECKING:
    from postroad.protocols.amqp.channel import Channel

METHOD: Final = "basic.consume"


class AnyConsumer(Protocol):
    """A consumer of a queue or of a stream, as its channel sees it. `number`: unique in its
    connection; `tag`: in its channel."""

    number: int
    tag: str
    source: Source

    def settled(self, count: int) -> None:
        """So many of its deliveries are settled."""

    def go_on(self) -> None:
        """The client reads again."""

    def stop(self) -> Script:
        """Deliver nothing more, after what is on its way."""

    def close(self) -> None:
        """The channel is closed: the same at once."""


class Consumers:
    """The consuming side of a channel. `prefetch`: what new consumers get; `reply_queue`: the queue
    that replies to this channel come to."""

    def __init__(self, channel: "Channel") -> None:
        self.channel = channel
        self.prefetch = 0
        self.reply_queue: str | None = None
        self.by_tag: dict[str, AnyConsumer] = {}
        self._count = 0
        self._pooled = False

    def next_number(self) -> int:
        """A number for a new consumer."""
        self._count += 1
        return self.channel.number << 32 | self._count

    def limit_all(self, limit: int | None) -> None:
        """Let all consumers of the channel together have so many unsettled deliveries."""
        self._pooled = True
        self.channel.link.ask(SetPool(self.channel.number, limit), ignore)

    def settled(self, source: Source, count: int) -> None:
        """Deliveries of a source are settled."""
        for consumer in self.by_tag.values():
            if consumer.source is source:
                consumer.settled(count)
                break

    def stall(self, full: bool) -> None:
        """The client does not read, or does again: consumers that waited for that go on."""
        if not full:
            for consumer in list(self.by_tag.values()):
                consumer.go_on()

    def cancelled(self, consumer: AnyConsumer) -> None:
        """The queue of a consumer is gone: the client is told."""
        if self.by_tag.pop(consumer.tag, None) is not None:
            channel = self.channel
            channel.send(
                encode_method(
                    channel.number, "basic.cancel", consumer_tag=consumer.tag, nowait=True
                )
            )

    def close(self) -> None:
        """The channel is closed."""
        for consumer in self.by_tag.values():
            consumer.close()
        self.by_tag.clear()
        if self._pooled:
            self.limit_all(None)


class Consumer:
    """A consumer of a queue. `queue`: its AMQP name. `leased`: its deliveries wait to be settled.
    `windowed`: it has no prefetch, or one that is larger than what a client that does not read may
    be sent. `limit`: how many may be unsettled, where it is so large."""

    def __init__(
        self, channel: "Channel", tag: str, queue: str, source: Source, leased: bool
    ) -> None:
        self.channel = channel
        self.tag = tag
        self.queue = queue
        self.source = source
        self.number = source.number
        self.leased = leased
        self.windowed = False
        self.limit: int | None = None
        self.quiet = False
        self.ask = 0
        self._tag = tag.encode()
        self._credit = 0
        self._unsettled = 0
        self._attached = False
        self._render = Renderer(queue, False, channel.link.frame_max).render

    def count_returns(self) -> None:
        """Tell with each message how often it came back."""
        self._render = Renderer(self.queue, True, self.channel.link.frame_max).render

    def begin(self, command: Command, credit: int, nowait: bool) -> None:
        """Attach, with `command`; the client is told once it is done."""
        self.quiet = nowait
        self._credit = credit
        self.ask = self.channel.link.ask(command, self.replied, many=True)

    def replied(self, reply: Reply) -> None:
        """It is attached, or has something, or its queue is gone."""
        channel = self.channel
        if isinstance(reply, Received):
            if channel.closed:
                self._return(reply.messages)
                return
            self._begun()
            self._deliver(reply.messages)
        elif channel.closed:
            return
        elif isinstance(reply, Done):
            self._begun()
        elif isinstance(reply, Detached):
            channel.link.done(self.ask)
            channel.consumers.cancelled(self)
        elif isinstance(reply, Refused):
            channel.link.done(self.ask)
            channel.consumers.by_tag.pop(self.tag, None)
            what = f"queue '{self.queue}' in vhost '{channel.link.vhost}'"
            channel.fault(refusal(reply, what), METHOD)

    def settled(self, count: int) -> None:
        """So many of its deliveries are settled; the core counts them as credit."""
        if not self.windowed or not self.leased:
            return
        self._credit += count
        self._unsettled -= count
        if self._credit > 2 * AMQP_CREDIT:
            self._grant(AMQP_CREDIT - self._credit)

    def go_on(self) -> None:
        """The client reads again."""
        if self.windowed:
            self._open(AMQP_CREDIT)

    def stop(self) -> Script:
        """Detach; what was delivered stays to be settled."""
        yield Detach(self.number)
        self.channel.link.done(self.ask)

    def close(self) -> None:
        """Detach; what comes until that is done goes back."""
        self.channel.link.ask(Detach(self.number), self._gone)

    def _gone(self, reply: Reply) -> None:
        del reply
        self.channel.link.done(self.ask)

    def _begun(self) -> None:
        if self._attached:
            return
        self._attached = True
        if not self.quiet:
            channel = self.channel
            channel.send(encode_method(channel.number, "basic.consume-ok", consumer_tag=self.tag))

    def _deliver(self, messages: list[Delivery]) -> None:
        channel = self.channel
        unacked = channel.settling.unacked
        count = len(messages)
        if self.leased:
            first = unacked.add(self.source, messages, channel.link.now_ms)
        else:
            first = unacked.skip(count)
        channel.send(
            deliver_frames(
                channel.number, self._tag, first, messages, channel.link.frame_max, self._render
            )
        )
        if self.windowed:
            self._credit -= count
            self._unsettled += count
            if self._credit <= AMQP_CREDIT // 2 and not channel.link.full:
                self._open(AMQP_CREDIT)

    def _open(self, window: int) -> None:
        """Let so many be on their way, and no more than the prefetch has room for."""
        if self.limit is not None:
            window = min(window, self.limit - self._unsettled)
        if self._credit < window:
            self._grant(window - self._credit)

    def _grant(self, credit: int) -> None:
        self._credit += credit
        self.channel.link.ask(GrantCredit(self.number, credit), ignore)

    def _return(self, messages: list[Delivery]) -> None:
        """The client never saw these."""
        if self.leased and messages:
            self.channel.link.ask(released(self.source.queue, messages), ignore)


def released(queue: str, messages: list[Delivery]) -> Settle:
    """The command that gives back what the client never saw."""
    return Settle(
        queue,
        [one.offset for one in messages],
        [one.lease for one in messages],
        [one.delivery_count for one in messages],
        RELEASE,
        queue_id=messages[0].queue,
    )


def ignore(reply: Reply) -> None:
    """Whatever the answer is, nobody waits for it."""
