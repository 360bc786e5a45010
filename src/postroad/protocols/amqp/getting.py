"""basic.get: one message, if there is one.

It stands between a channel and the core. The rule kept here: a message that was got waits to be
settled as any other, under a tag of its own.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from postroad.model.commands import SESSION_LEASE, DescribeQueue, Pop, Receive
from postroad.model.replies import Described, Received, Refused, Why
from postroad.model.topics import DescribeTopic, TopicDescribed
from postroad.protocols.amqp.agreement import TYPE_ARGUMENT
from postroad.protocols.amqp.arguments import QUORUM
from postroad.protocols.amqp.consumers import kept_arguments, queue_of
from postroad.protocols.amqp.errors import NOT_IMPLEMENTED, ConnectionFault, refusal
from postroad.protocols.amqp.link import Script
from postroad.protocols.amqp.mapping import Renderer
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.unacked import Source
from postroad.protocols.amqp.wire import encode_content

if TYPE_CHECKING:
    from postroad.protocols.amqp.channel import Channel, Handler


def get(channel: "Channel", args: dict[str, Any]) -> Script:
    """basic.get."""
    return _get(channel, queue_of(channel, args), args["no_ack"])


def _get(channel: "Channel", queue: str, no_ack: bool) -> Script:
    link = channel.link
    core = link.core(queue)
    what = f"queue '{queue}' in vhost '{link.vhost}'"
    if no_ack:
        received = yield Pop(core, wait_ms=0)
    else:
        received = yield Receive(core, lease_ms=SESSION_LEASE, wait_ms=0)
    if isinstance(received, Refused) and received.why == Why.NO_SUCH_QUEUE:
        topic = yield DescribeTopic(core)
        if isinstance(topic, TopicDescribed):
            raise ConnectionFault(NOT_IMPLEMENTED, f"basic.get not supported by stream {what}")
    if isinstance(received, Refused):
        raise refusal(received, what)
    assert isinstance(received, Received), "a receive is answered or refused"
    messages = received.messages
    if not messages:
        channel.send(encode_method(channel.number, "basic.get-empty"))
        return
    # The tag is given before anything else is asked: what was leased must not be forgotten.
    if no_ack:
        tag = channel.settling.unacked.skip(1)
    else:
        source = _source_of(channel, core, messages[0].queue)
        tag = channel.settling.unacked.add(source, messages, link.now_ms)
    described = yield DescribeQueue(core)
    ready, counts = 0, False
    if isinstance(described, Described):
        ready = described.ready
        counts = kept_arguments(described).get(TYPE_ARGUMENT) == QUORUM
    exchange, key, properties = Renderer(queue, counts, link.frame_max).render(messages[0])
    channel.send(
        encode_content(
            channel.number,
            encode_method(
                channel.number,
                "basic.get-ok",
                delivery_tag=tag,
                redelivered=messages[0].again,
                exchange=exchange,
                routing_key=key,
                message_count=ready,
            ),
            properties,
            messages[0].body,
            link.frame_max,
        )
    )


def _source_of(channel: "Channel", core: str, queue_id: int) -> Source:
    """Where what is got from a queue comes from: one for each queue, so that an ack finds its own,
    and not one for each message."""
    settling = channel.settling
    if not settling.unacked.count:
        settling.got_from.clear()
    source = settling.got_from.get(core)
    if source is None or source.queue_id != queue_id:
        timeout_ms = channel.link.config.consumer_timeout_ms
        source = Source(channel.consumers.next_number(), core, timeout_ms=timeout_ms)
        source.queue_id = queue_id
        settling.got_from[core] = source
    return source


HANDLERS: "Final[Mapping[str, Handler]]" = {"basic.get": get}
