"""Publishes: a run of messages from the wire becomes one command, its reply confirms and returns.

It stands between a channel and the core. The rule kept here: messages of one channel reach their
queues in the order they were published; nothing is confirmed before the core has answered, and
what is returned goes out before it is confirmed. What follows a publish to an exchange that may not
be there waits until that is known, for it is not done where the channel closes; what follows one
that is refused waits until those of its messages that may pass are asked for again.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from postroad.limits import AMQP_EXCHANGES_KNOWN_MAX
from postroad.model.exchanges import PublishTo, Routed
from postroad.model.lines import is_asked_again
from postroad.model.replies import Refused, Reply, Why
from postroad.protocols.amqp.confirms import Confirms, Expected
from postroad.protocols.amqp.delays import delay_ms_of, delivery_exchange
from postroad.protocols.amqp.errors import (
    ACCESS_REFUSED,
    NO_ROUTE,
    NOT_FOUND,
    PRECONDITION_FAILED,
    ChannelFault,
)
from postroad.protocols.amqp.frames import PublishRun
from postroad.protocols.amqp.marks import with_exchange
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.stamping import stamp
from postroad.protocols.amqp.wire import encode_return

if TYPE_CHECKING:
    from postroad.protocols.amqp.channel import Channel, Handler
    from postroad.protocols.amqp.tx import Transaction

METHOD: Final = "basic.publish"
_NO_HOPS: Final = (Why.UNROUTABLE, Why.NO_SUCH_EXCHANGE)


class Publisher:
    """The publishing side of a channel. `confirms`: in confirm mode; `tx`: in tx mode. `again`:
    what is asked for again, one after another, the first of them now."""

    def __init__(self, channel: "Channel") -> None:
        self.channel = channel
        self.confirms: Confirms | None = None
        self.tx: Transaction | None = None
        self.again: deque[Sent] = deque()

    def publish(self, run: PublishRun) -> None:
        """Publish a run of messages to one exchange. Raises what closes the channel or the
        connection, once those before the wrong message are on their way."""
        exchange = self.channel.link.core(run.exchange)
        keys = self._keys(run)
        room = self.tx is None
        line = self.channel.number if room else 0
        era = self.channel.link.eras.get(line, 0)
        if not run.special:
            command = PublishTo(
                exchange, keys, run.bodies, run.heads, skip_full=room, line=line, era=era
            )
            self._begin(run, command)
            return
        stamped = stamp(run.heads, self.channel.link.user, self.channel.consumers.reply_queue)
        command = PublishTo(
            exchange,
            keys,
            run.bodies,
            stamped.heads,
            ttls_ms=stamped.ttls_ms,
            priorities=stamped.priorities,
            dedup_ids=stamped.dedup_ids,
            more_keys=self._more_keys(run, stamped.more_keys),
            skip_full=room,
            line=line,
            era=era,
        )
        if stamped.fault is None:
            self._begin(run, command)
            return
        if stamped.count:
            self._begin(run, part_of(command, 0, stamped.count))
        raise stamped.fault

    def close(self) -> None:
        """The channel is closed: nobody is told anything more. What was published before goes on,
        that which is asked for again too."""

    def _begin(self, run: PublishRun, command: PublishTo) -> None:
        if self.tx is not None:
            self.tx.publish(run, command)
            return
        expected = None
        if self.confirms is not None:
            expected = self.confirms.expect(len(command.bodies))
        sent = Sent(self, run, command, expected)
        if run.exchange and run.exchange not in self.channel.link.known_exchanges:
            self.channel.doubted = sent
        if run.exchange.find("celery_delayed_") >= 0:
            direct = without_hops(self.channel, run.exchange, command)
            if direct is not None:
                self.channel.link.ask(direct, sent.replied_at_once)
                return
        self.channel.link.ask(command, sent.replied)

    def ask_late(self, sent: "Sent") -> None:
        """Ask for a publish in its line as that is now."""
        era = self.channel.link.eras.get(self.channel.number, 0)
        sent.command = replace(sent.command, era=era)
        self.channel.link.ask(sent.command, sent.replied)

    def ask_again(self, refused: "Sent", parts: "list[Sent]") -> None:
        """Parts of a publish that was refused are asked for one after another, and whatever came
        too early behind it after them; what follows is held back until all that is done."""
        again = self.again
        first = not again or again[0] is refused
        if again and first:
            again.popleft()
        if first:
            again.extendleft(reversed(parts))
            self.ask_late(again[0])
        else:
            again.extend(parts)
        self.channel.doubted = refused

    def over(self, sent: "Sent") -> None:
        """A publish is answered for good: what waited for that goes on."""
        channel = self.channel
        if self.again:
            if self.again[0] is not sent:
                return
            self.again.popleft()
            if self.again:
                self.ask_late(self.again[0])
                return
        elif channel.doubted is not sent:
            return
        channel.doubted = None
        channel.go_on()

    def _keys(self, run: PublishRun) -> list[str]:
        """The routing keys, one for all where they are the same; those of the default exchange are
        names of queues."""
        keys = run.routing_keys
        if len(keys) > 1 and keys.count(keys[0]) == len(keys):
            keys = keys[:1]
        if run.exchange:
            return keys
        core = self.channel.link.core
        if len(keys) == 1:
            return [core(keys[0])]
        return [core(key) for key in keys]

    def _more_keys(
        self, run: PublishRun, more: list[tuple[str, ...]] | None
    ) -> list[tuple[str, ...]] | None:
        if more is None or run.exchange:
            return more
        core = self.channel.link.core
        return [tuple(core(key) for key in keys) for keys in more]


class Sent:
    """A publish on its way, or a part of one: `start` is the index of its first message in what
    `expected` is about, and in `run`. `known`: the exchanges that were known when it was sent."""

    __slots__ = ("command", "expected", "known", "publisher", "run", "start")

    def __init__(
        self, publisher: Publisher, run: PublishRun, command: PublishTo, expected: Expected | None
    ) -> None:
        self.publisher = publisher
        self.run = run
        self.command = command
        self.expected = expected
        self.known = publisher.channel.link.known_exchanges
        self.start = 0

    def replied_at_once(self, reply: Reply) -> None:
        """The answer where one long wait stood for many: there may be no way but the long one."""
        if isinstance(reply, Refused) and reply.why in _NO_HOPS:
            self.publisher.ask_late(self)
        else:
            self.replied(reply)

    def replied(self, reply: Reply) -> None:
        """The core's answer: returns, then confirms; or the fault it makes."""
        channel = self.publisher.channel
        again = is_asked_again(self.command, reply)
        early = isinstance(reply, Refused) and reply.why is Why.CHANGED
        if again or early:
            channel.link.renew(channel.number, self.command.era)
        if early or again:
            self.publisher.ask_again(self, self._halves() if again else [self])
            return
        if not channel.closed:
            self._take(reply)
        self.publisher.over(self)

    def _take(self, reply: Reply) -> None:
        channel = self.publisher.channel
        fault = None
        if isinstance(reply, Refused):
            fault = fault_of(self.run.exchange, channel.link.vhost, reply.why)
        self._know(there=fault is None)
        if fault is not None:
            channel.fault(fault, METHOD)
            return
        if isinstance(reply, Routed):
            if reply.unroutable:
                send_returns(channel, self.run, self.start, reply.unroutable)
            self._confirm(reply.full)
            return
        assert isinstance(reply, Refused), "a publish is routed or refused"
        self._confirm(range(len(self.command.bodies)))

    def _know(self, *, there: bool) -> None:
        known = self.known
        if not there:
            known.discard(self.run.exchange)
        elif self.run.exchange not in known:
            if len(known) >= AMQP_EXCHANGES_KNOWN_MAX:
                known.clear()
            known.add(self.run.exchange)

    def _halves(self) -> "list[Sent]":
        """Something in it was refused: the others are to pass without it."""
        count = len(self.command.bodies)
        middle = count // 2
        halves: list[Sent] = []
        for start, stop in ((0, middle), (middle, count)):
            half = Sent(self.publisher, self.run, part_of(self.command, start, stop), self.expected)
            half.start = self.start + start
            halves.append(half)
        return halves

    def _confirm(self, refused: "tuple[int, ...] | range") -> None:
        confirms, expected = self.publisher.confirms, self.expected
        if confirms is not None and expected is not None:
            confirms.settle(expected, self.start, len(self.command.bodies), refused)


def fault_of(exchange: str, vhost: str, why: Why) -> ChannelFault | None:
    """What the exchange of a publish did wrong, if it was the exchange."""
    if why == Why.NO_SUCH_EXCHANGE:
        return ChannelFault(NOT_FOUND, f"no exchange '{exchange}' in vhost '{vhost}'")
    if why == Why.EXCHANGE_INTERNAL:
        text = f"cannot publish to internal exchange '{exchange}' in vhost '{vhost}'"
        return ChannelFault(ACCESS_REFUSED, text)
    return None


def send_returns(
    channel: "Channel", run: PublishRun, start: int, unroutable: tuple[int, ...]
) -> None:
    """Send back those that nobody wanted and that were to go somewhere."""
    for index in unroutable:
        at = start + index
        if run.mandatory[at]:
            channel.send(
                encode_return(
                    channel.number,
                    NO_ROUTE,
                    "NO_ROUTE",
                    run.heads[at],
                    run.bodies[at],
                    channel.link.frame_max,
                )
            )


def part_of(command: PublishTo, start: int, stop: int) -> PublishTo:
    """Some of the messages of a publish."""
    keys, heads = command.routing_keys, command.heads
    ttls, priorities, more = command.ttls_ms, command.priorities, command.more_keys
    ids = command.dedup_ids
    return replace(
        command,
        routing_keys=keys if len(keys) == 1 else keys[start:stop],
        bodies=command.bodies[start:stop],
        heads=None if heads is None else heads[start:stop],
        ttls_ms=None if ttls is None else ttls[start:stop],
        priorities=None if priorities is None else priorities[start:stop],
        dedup_ids=None if ids is None else ids[start:stop],
        more_keys=None if more is None else more[start:stop],
    )


def without_hops(channel: "Channel", exchange: str, command: PublishTo) -> PublishTo | None:
    """A publish with Celery's native delay as one wait; `None`: it is none of these. Refused as a
    whole where a message would have no queue to go to."""
    found = delivery_exchange(exchange)
    if found is None:
        return None
    target, level = found
    delays = [delay_ms_of(key, level) for key in command.routing_keys]
    if None in delays:
        return None
    name = target.encode()
    return replace(
        command,
        exchange=channel.link.core(target),
        heads=[with_exchange(head, name) for head in command.heads or ()],
        delays_ms=(delays * len(command.bodies) if len(delays) == 1 else delays),
        mandatory=True,
    )


def select_confirms(channel: "Channel", args: dict[str, Any]) -> None:
    """confirm.select."""
    publisher = channel.publisher
    if publisher.tx is not None:
        raise ChannelFault(PRECONDITION_FAILED, "cannot switch from tx to confirm mode")
    if publisher.confirms is None:
        publisher.confirms = Confirms(channel)
    if not args["nowait"]:
        channel.send(encode_method(channel.number, "confirm.select-ok"))


HANDLERS: "Final[Mapping[str, Handler]]" = {"confirm.select": select_confirms}
