"""Consumers of streams: topics read from any place, as often as anybody likes.

It stands between a channel and the core's topics. The rule kept here: nothing is used up by
reading; a consumer is ahead of its client by its prefetch at most, and an ack is nothing but leave
to send one more.
"""

import re
from typing import TYPE_CHECKING, Any, Final

from postroad.limits import AMQP_STREAM_BYTES, AMQP_STREAM_WAIT_MS
from postroad.model.fields import Stamp
from postroad.model.message import Delivery
from postroad.model.replies import Refused, Reply
from postroad.model.topics import (
    Fetch,
    Fetched,
    FetchedPart,
    FindOffset,
    OffsetFound,
    Span,
    TopicDescribed,
)
from postroad.protocols.amqp.consuming import METHOD
from postroad.protocols.amqp.errors import (
    INTERNAL_ERROR,
    NOT_IMPLEMENTED,
    PRECONDITION_FAILED,
    ChannelFault,
    ConnectionFault,
)
from postroad.protocols.amqp.hot import deliver_frames
from postroad.protocols.amqp.link import Script
from postroad.protocols.amqp.mapping import Renderer, field_of, with_offset
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.unacked import Source

if TYPE_CHECKING:
    from postroad.protocols.amqp.channel import Channel

FILTER_VALUE: Final = "x-stream-filter-value"
_INTERVAL: Final = re.compile(r"(\d{1,9})([YMDhms])")
_WORDS: Final[dict[object, int]] = {"first": 0, "last": -1, "next": 1 << 62}
"""Words for places to begin at, as offsets; below zero: from the end on."""
_UNIT_S: Final = {"Y": 31_557_600, "M": 2_629_800, "D": 86_400, "h": 3_600, "m": 60, "s": 1}


class StreamConsumer:
    """A consumer of a topic. `places`: partition -> the offset to read next; `credit`: how many
    more messages may be sent; `wanted`: values of header `x-stream-filter-value`, `None`: all
    messages; `unfiltered`: those without such a header too."""

    def __init__(
        self, channel: "Channel", tag: str, queue: str, source: Source, credit: int
    ) -> None:
        self.channel = channel
        self.tag = tag
        self.number = source.number
        self.source = source
        self.credit = credit
        self.places: dict[int, int] = {}
        self.wanted: frozenset[str] | None = None
        self.unfiltered = False
        self._queue = queue
        self._tag = tag.encode()
        self._render = Renderer(queue, False, channel.link.frame_max).render
        self._reading = False
        self._over = False
        self._ask = 0

    def settled(self, count: int) -> None:
        """So many more may be sent."""
        self.credit += count
        self.go_on()

    def go_on(self) -> None:
        """Read on, if there is leave to and nothing is being read."""
        link = self.channel.link
        if self._over or self._reading or self.credit <= 0 or link.full:
            return
        self._reading = True
        spans = [Span(self.source.queue, number, at) for number, at in self.places.items()]
        fetch = Fetch(tuple(spans), self.credit, AMQP_STREAM_BYTES, wait_ms=AMQP_STREAM_WAIT_MS)
        # It waits for as long as nothing is appended: nobody is kept waiting by that.
        link.standing += 1
        self._ask = link.ask(fetch, self._fetched, many=True)

    def stop(self) -> Script:
        """Read nothing more; there is nothing to ask for that."""
        self.close()
        yield from ()

    def close(self) -> None:
        """The channel is closed."""
        self._over = True
        if self._reading:
            self.channel.link.end_wait(self._ask)

    def _fetched(self, reply: Reply) -> None:
        self._reading = False
        self.channel.link.standing -= 1
        self.channel.link.done(self._ask)
        if self._over or self.channel.closed:
            return
        if isinstance(reply, Refused):
            self._over = True
            text = f"the server cannot read stream '{self._queue}': {reply.text}"
            self.channel.fault(ChannelFault(INTERNAL_ERROR, text), METHOD)
            return
        assert isinstance(reply, Fetched), "a fetch is answered or refused"
        for part in reply.parts:
            if part.end < 0:
                self._over = True
                self.channel.consumers.cancelled(self)
                return
            self._take(part)
        self.go_on()

    def _take(self, part: FetchedPart) -> None:
        at = part.next_offset
        # What was behind the start is gone, and what is beyond the end was cut off.
        self.places[part.partition] = min(max(at, part.start), part.end)
        messages = part.messages
        if self.wanted is not None:
            messages = [one for one in messages if self._wants(one)]
        if not messages:
            return
        channel = self.channel
        messages = [with_offset(one, self._queue) for one in messages]
        self.credit -= len(messages)
        first = channel.settling.unacked.add(self.source, messages, channel.link.now_ms)
        channel.send(
            deliver_frames(
                channel.number, self._tag, first, messages, channel.link.frame_max, self._render
            )
        )

    def _wants(self, message: Delivery) -> bool:
        value = field_of(message.head, FILTER_VALUE)
        if value is None:
            return self.unfiltered
        return self.wanted is None or value in self.wanted


def consume_stream(
    channel: "Channel", args: dict[str, Any], queue: str, tag: str, topic: TopicDescribed
) -> Script:
    """basic.consume of a topic."""
    consumers, link = channel.consumers, channel.link
    what = f"queue '{queue}' in vhost '{link.vhost}'"
    if args["no_ack"]:
        raise ConnectionFault(
            NOT_IMPLEMENTED, f"automatic acknowledgement not supported by stream {what}"
        )
    if not consumers.prefetch:
        text = f"consumer prefetch count is not set for stream {what}"
        raise ChannelFault(PRECONDITION_FAILED, text)
    source = Source(consumers.next_number(), topic.name, stream=True)
    consumer = StreamConsumer(channel, tag, queue, source, consumers.prefetch)
    arguments = args["arguments"]
    _set_filter(consumer, arguments)
    told = arguments.get("x-stream-offset", "next")
    at_ms = _instant_ms(told, link.now_ms)
    for partition in topic.partitions:
        wished = _WORDS.get(told, told) if at_ms is None else 0
        if at_ms is not None:
            found = yield FindOffset(topic.name, partition.number, at_ms)
            wished = found.offset if isinstance(found, OffsetFound) else partition.end
        if wished < 0:
            wished += partition.end
        consumer.places[partition.number] = min(max(wished, partition.start), partition.end)
    consumers.by_tag[tag] = consumer
    if not args["nowait"]:
        channel.send(encode_method(channel.number, "basic.consume-ok", consumer_tag=tag))
    consumer.go_on()


def _instant_ms(told: object, now_ms: int) -> int | None:
    """The instant that a place to begin at says, a time or an interval before now; `None`: it is a
    number or one of the words. Raises what closes the channel for anything else."""
    if isinstance(told, Stamp):
        return int(told) * 1_000
    if isinstance(told, int) and not isinstance(told, bool):
        return None
    if isinstance(told, str):
        if told in _WORDS:
            return None
        interval = _INTERVAL.fullmatch(told)
        if interval is not None:
            return max(0, now_ms - int(interval[1]) * _UNIT_S[interval[2]] * 1_000)
    text = f"invalid value for x-stream-offset: {told!r}; it is first, last, next, an offset, a"
    raise ChannelFault(PRECONDITION_FAILED, f"{text} timestamp or an interval")


def _set_filter(consumer: StreamConsumer, arguments: dict[str, Any]) -> None:
    wanted = arguments.get("x-stream-filter")
    if wanted is None:
        return
    values = wanted if isinstance(wanted, list) else [wanted]
    if not all(isinstance(one, str) for one in values):
        raise ChannelFault(PRECONDITION_FAILED, "x-stream-filter is a text or an array of texts")
    consumer.wanted = frozenset(values)
    consumer.unfiltered = arguments.get("x-stream-match-unfiltered") is True
