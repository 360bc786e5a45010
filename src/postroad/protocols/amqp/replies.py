"""Direct reply-to: a queue of a channel's own, behind a name that stands for it.

It stands beside the consumers. The rule kept here: the pseudo-queue is a real one, exclusive to the
connection and gone with its consumer, so that replies are as safe as any message.
"""

from typing import TYPE_CHECKING, Any

from postroad.limits import AMQP_CREDIT
from postroad.model.commands import Attach, DeclareQueue, DeleteQueue
from postroad.model.policy import QueueSettings
from postroad.model.replies import Detached, Refused, Reply
from postroad.protocols.amqp.consuming import Consumer, ignore
from postroad.protocols.amqp.errors import PRECONDITION_FAILED, ChannelFault, refusal
from postroad.protocols.amqp.link import Script
from postroad.protocols.amqp.stamping import REPLY_TO
from postroad.protocols.amqp.unacked import Source

if TYPE_CHECKING:
    from postroad.protocols.amqp.channel import Channel


class ReplyConsumer(Consumer):
    """The consumer of a channel's replies; its queue goes with it, and it with its queue."""

    def replied(self, reply: Reply) -> None:
        """As of any consumer; once the queue is gone there may be another."""
        if isinstance(reply, Detached):
            self.channel.consumers.reply_queue = None
        super().replied(reply)

    def stop(self) -> Script:
        """Detach, and let the queue go."""
        yield from super().stop()
        self.channel.consumers.reply_queue = None
        yield DeleteQueue(self.source.queue)

    def close(self) -> None:
        """The same at once."""
        super().close()
        self.channel.link.ask(DeleteQueue(self.source.queue), ignore)


def consume_replies(channel: "Channel", args: dict[str, Any], tag: str) -> Script:
    """basic.consume of the pseudo-queue."""
    consumers, link = channel.consumers, channel.link
    if not args["no_ack"]:
        raise ChannelFault(PRECONDITION_FAILED, "reply consumer cannot acknowledge")
    if consumers.reply_queue is not None:
        raise ChannelFault(PRECONDITION_FAILED, "reply consumer already set")
    queue = link.config.names.fresh(REPLY_TO + ".", link.now_ms)
    core = link.core(queue)
    declared = yield DeclareQueue(core, QueueSettings(exclusive=True))
    if isinstance(declared, Refused):
        raise refusal(declared, f"queue '{queue}' in vhost '{link.vhost}'")
    consumers.reply_queue = queue
    source = Source(consumers.next_number(), core)
    consumer = ReplyConsumer(channel, tag, queue, source, leased=False)
    consumer.windowed = True
    consumers.by_tag[tag] = consumer
    window_bytes = link.config.unread_bytes_max
    command = Attach(core, source.number, AMQP_CREDIT, leased=False, window_bytes=window_bytes)
    consumer.begin(command, AMQP_CREDIT, args["nowait"])
