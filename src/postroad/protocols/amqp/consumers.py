"""The methods about consumers: consume, cancel, qos.

It stands between a channel and its consumers. The rule kept here: whatever the client asked for is
checked before anything is attached.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from postroad.limits import AMQP_CREDIT
from postroad.model.commands import Attach, DescribeQueue
from postroad.model.replies import Described, Refused, Why
from postroad.model.topics import DescribeTopic, TopicDescribed
from postroad.protocols.amqp.agreement import KEPT_ARGUMENTS, TYPE_ARGUMENT
from postroad.protocols.amqp.arguments import QUORUM, unpack_arguments
from postroad.protocols.amqp.consuming import Consumer
from postroad.protocols.amqp.errors import (
    NOT_ALLOWED,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    PRECONDITION_FAILED,
    ChannelFault,
    ConnectionFault,
    refusal,
)
from postroad.protocols.amqp.link import Script
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.replies import consume_replies
from postroad.protocols.amqp.stamping import REPLY_TO
from postroad.protocols.amqp.streams import consume_stream
from postroad.protocols.amqp.unacked import Source

if TYPE_CHECKING:
    from postroad.protocols.amqp.channel import Channel, Handler


def consume(channel: "Channel", args: dict[str, Any]) -> Script:
    """basic.consume."""
    tag = args["consumer_tag"]
    if tag in channel.consumers.by_tag:
        raise ConnectionFault(NOT_ALLOWED, f"attempt to reuse consumer tag '{tag}'")
    if not tag:
        tag = channel.link.config.names.fresh("amq.ctag-", channel.link.now_ms)
    queue = queue_of(channel, args)
    if queue == REPLY_TO:
        return consume_replies(channel, args, tag)
    return _consume(channel, args, queue, tag)


def kept_arguments(queue: Described) -> dict[str, Any]:
    """The arguments a queue was declared with; none for one of another protocol."""
    kept = queue.extras.get(KEPT_ARGUMENTS)
    return {} if kept is None else unpack_arguments(kept)


def queue_of(channel: "Channel", args: dict[str, Any]) -> str:
    """The queue a method means; without a name the one declared last."""
    queue: str = args["queue"] or channel.last_queue
    if not queue:
        raise ChannelFault(NOT_FOUND, "no previously declared queue")
    return queue


def _consume(channel: "Channel", args: dict[str, Any], queue: str, tag: str) -> Script:
    link = channel.link
    core = link.core(queue)
    described = yield DescribeQueue(core)
    if isinstance(described, Refused) and described.why == Why.NO_SUCH_QUEUE:
        topic = yield DescribeTopic(core)
        if isinstance(topic, TopicDescribed):
            yield from consume_stream(channel, args, queue, tag, topic)
            return
    if isinstance(described, Refused):
        raise refusal(described, f"queue '{queue}' in vhost '{link.vhost}'")
    assert isinstance(described, Described), "a queue is described or not there"
    consumers = channel.consumers
    leased = not args["no_ack"]
    kept = kept_arguments(described)
    timeout_ms = _timeout_ms(channel, args["arguments"], kept)
    source = Source(consumers.next_number(), core, timeout_ms=timeout_ms)
    source.queue_id = described.queue
    consumer = Consumer(channel, tag, queue, source, leased)
    consumer.windowed = not leased or not 0 < consumers.prefetch <= AMQP_CREDIT
    consumer.limit = consumers.prefetch if leased and consumers.prefetch else None
    if kept.get(TYPE_ARGUMENT) == QUORUM:
        consumer.count_returns()
    credit = AMQP_CREDIT if consumer.windowed else consumers.prefetch
    consumers.by_tag[tag] = consumer
    command = Attach(
        core,
        source.number,
        credit,
        leased=leased,
        priority=_priority(args["arguments"]),
        exclusive=args["exclusive"],
        pool=channel.number if leased else 0,
        window_bytes=link.config.unread_bytes_max,
    )
    consumer.begin(command, credit, args["nowait"])


def _priority(arguments: dict[str, Any]) -> int:
    priority = arguments.get("x-priority", 0)
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise ChannelFault(PRECONDITION_FAILED, "invalid arg 'x-priority': a number is expected")
    return priority


def _timeout_ms(channel: "Channel", arguments: dict[str, Any], kept: dict[str, Any]) -> int:
    """How long the client may take to settle: as the consumer, the queue or the server says."""
    told = arguments.get("x-consumer-timeout")
    if told is None:
        told = kept.get("x-consumer-timeout", channel.link.config.consumer_timeout_ms)
    if isinstance(told, bool) or not isinstance(told, int) or told < 0:
        text = "invalid arg 'x-consumer-timeout': a number of ms is expected"
        raise ChannelFault(PRECONDITION_FAILED, text)
    return told


def cancel(channel: "Channel", args: dict[str, Any]) -> Script:
    """basic.cancel: what was delivered stays to be settled."""
    tag = args["consumer_tag"]
    consumer = channel.consumers.by_tag.get(tag)
    if consumer is not None:
        yield from consumer.stop()
        channel.consumers.by_tag.pop(tag, None)
    if not args["nowait"]:
        channel.send(encode_method(channel.number, "basic.cancel-ok", consumer_tag=tag))


def qos(channel: "Channel", args: dict[str, Any]) -> None:
    """basic.qos: for consumers to come, or for all of the channel together, now and later."""
    size, count = args["prefetch_size"], args["prefetch_count"]
    if size:
        raise ConnectionFault(NOT_IMPLEMENTED, f"prefetch_size!=0 ({size})")
    if args["global"]:
        channel.consumers.limit_all(count or None)
    else:
        channel.consumers.prefetch = count
    channel.send(encode_method(channel.number, "basic.qos-ok"))


HANDLERS: "Final[Mapping[str, Handler]]" = {
    "basic.consume": consume,
    "basic.cancel": cancel,
    "basic.qos": qos,
}
