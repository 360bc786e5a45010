"""queue.declare, bind, unbind, purge and delete, as scripts of commands.

It stands between a channel and the core. The rule kept here: a queue of type stream is a topic of
one partition, and whoever names a queue may mean it.
"""

from typing import Any, Final

from postroad.model.commands import (
    DeclareQueue,
    DeleteQueue,
    DescribeQueue,
    Peek,
    PurgeQueue,
)
from postroad.model.exchanges import TO_QUEUE, TO_TOPIC, Bind, Unbind
from postroad.model.message import HeaderValue
from postroad.model.replies import Declared, Described, Purged, Refused, Why
from postroad.model.topics import DeclareTopic, DeleteTopic, DescribeTopic, TopicDescribed
from postroad.protocols.amqp.agreement import (
    AUTO_DELETE,
    DURABLE,
    KEPT_ARGUMENTS,
    TYPE_ARGUMENT,
    compare_flag,
    compare_kept,
    compare_settings,
    flag,
)
from postroad.protocols.amqp.arguments import (
    CLASSIC,
    STREAM,
    pack_arguments,
    queue_settings,
    read_arguments,
    topic_settings,
)
from postroad.protocols.amqp.bindings import check_not_default, plain_arguments, refuse_binding
from postroad.protocols.amqp.channel import Channel, Handler
from postroad.protocols.amqp.errors import (
    ACCESS_REFUSED,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    PRECONDITION_FAILED,
    RESOURCE_LOCKED,
    WHY_TO_FAULT,
    ChannelFault,
    ConnectionFault,
    refusal,
)
from postroad.protocols.amqp.link import Script
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.stamping import REPLY_TO

COUNT_MAX: Final = 2**32 - 1
_TRIES: Final = 3


def queue_text(channel: Channel, name: str) -> str:
    """Return a queue as RabbitMQ's texts name it."""
    return f"queue '{name}' in vhost '{channel.link.vhost}'"


def meant(channel: Channel, name: str) -> str:
    """Return the name, or for an empty one that of the queue declared last on this channel. Raises
    `ChannelFault`."""
    name = name or channel.last_queue
    if not name:
        raise ChannelFault(NOT_FOUND, "no previously declared queue")
    return _stripped(name)


def declare(channel: Channel, args: dict[str, Any]) -> Script:
    """queue.declare."""
    if args["passive"] or args["queue"].startswith(REPLY_TO):
        return _declare_passively(channel, args)
    name = _stripped(args["queue"])
    if name.startswith("amq."):
        text = f"queue name '{name}' contains reserved prefix 'amq.*'"
        raise ChannelFault(ACCESS_REFUSED, text)
    if not name:
        link = channel.link
        name = link.config.names.fresh("amq.gen-", link.now_ms)
    known = read_arguments(args["arguments"], queue_text(channel, name))
    kind = known.get(TYPE_ARGUMENT, CLASSIC)
    if kind != CLASSIC:
        _check_flags(args, queue_text(channel, name))
    if kind == STREAM:
        return _declare_stream(channel, name, known, nowait=args["nowait"])
    return _declare_queue(channel, name, known, args)


def _stripped(name: str) -> str:
    return name.replace("\r", "").replace("\n", "")


def _check_flags(args: dict[str, Any], what: str) -> None:
    for wrong, word in (
        (not args["durable"], "non-durable"),
        (args["exclusive"], "exclusive-owner"),
        (args["auto_delete"], "auto-delete"),
    ):
        if wrong:
            raise ChannelFault(PRECONDITION_FAILED, f"invalid property '{word}' for {what}")


def _declared(channel: Channel, name: str, counts: tuple[int, int], *, nowait: bool) -> None:
    channel.last_queue = name
    if nowait:
        return
    messages, consumers = counts
    channel.send(
        encode_method(
            channel.number,
            "queue.declare-ok",
            queue=name,
            message_count=min(messages, COUNT_MAX),
            consumer_count=min(consumers, COUNT_MAX),
        )
    )


def _declare_queue(
    channel: Channel, name: str, known: dict[str, Any], args: dict[str, Any]
) -> Script:
    link, what = channel.link, queue_text(channel, name)
    core = link.core(name)
    settings = queue_settings(
        known, link.core, exclusive=args["exclusive"], auto_delete=args["auto_delete"]
    )
    extras = {
        DURABLE: flag(args["durable"]),
        AUTO_DELETE: flag(args["auto_delete"]),
        KEPT_ARGUMENTS: pack_arguments(known),
    }
    command = DeclareQueue(core, settings, extras)
    for _ in range(_TRIES):
        declared = yield command
        if isinstance(declared, Refused):
            if declared.why is Why.NAME_TAKEN:
                yield from _compare_with_stream(channel, name, known)
            raise refusal(declared, what)
        assert isinstance(declared, Declared)
        counts = (0, 0)
        if not declared.created:
            described = yield DescribeQueue(core)
            if not isinstance(described, Described):
                # Somebody deleted it in between.
                continue
            _compare(described, command, known, what)
            counts = (described.ready, described.consumers)
        _declared(channel, name, counts, nowait=args["nowait"])
        return
    raise ChannelFault(NOT_FOUND, f"no {what}")


def _compare(current: Described, wanted: DeclareQueue, known: dict[str, Any], what: str) -> None:
    extras = wanted.extras or {}
    if current.settings.exclusive is not wanted.settings.exclusive:
        raise ChannelFault(RESOURCE_LOCKED, WHY_TO_FAULT[Why.LOCKED][1].format(what=what))
    compare_flag("durable", extras[DURABLE], current.extras.get(DURABLE), what)
    compare_flag("auto_delete", extras[AUTO_DELETE], current.extras.get(AUTO_DELETE), what)
    compare_kept(known, current.extras, what)
    if KEPT_ARGUMENTS not in current.extras:
        compare_settings(known, wanted.settings, current.settings, what)


def _compare_with_stream(channel: Channel, name: str, known: dict[str, Any]) -> Script:
    described = yield DescribeTopic(channel.link.core(name))
    if isinstance(described, TopicDescribed):
        kept = {KEPT_ARGUMENTS: pack_arguments({TYPE_ARGUMENT: STREAM}), **described.extras}
        compare_kept(known, kept, queue_text(channel, name))


def _declare_stream(channel: Channel, name: str, known: dict[str, Any], *, nowait: bool) -> Script:
    what = queue_text(channel, name)
    core = channel.link.core(name)
    extras = {DURABLE: flag(True), KEPT_ARGUMENTS: pack_arguments(known)}
    declared = yield DeclareTopic(core, 1, topic_settings(known), extras)
    if isinstance(declared, Refused):
        if declared.why is Why.NAME_TAKEN:
            queue = yield DescribeQueue(core)
            if isinstance(queue, Described):
                compare_kept(known, {KEPT_ARGUMENTS: "{}", **queue.extras}, what)
        raise refusal(declared, what)
    described = yield DescribeTopic(core)
    if not isinstance(described, TopicDescribed):
        raise ChannelFault(NOT_FOUND, f"no {what}")
    compare_kept(known, described.extras, what)
    _declared(channel, name, (_held(described), 0), nowait=nowait)


def _held(topic: TopicDescribed) -> int:
    return sum(partition.end - partition.start for partition in topic.partitions)


def _declare_passively(channel: Channel, args: dict[str, Any]) -> Script:
    name = meant(channel, args["queue"])
    core, what = channel.link.core(name), queue_text(channel, name)
    if name == REPLY_TO:
        _declared(channel, name, (0, 1), nowait=args["nowait"])
        return
    described = yield DescribeQueue(core)
    if isinstance(described, Described):
        # A server may ask whether whoever waits for its reply is still there.
        if described.settings.exclusive and not name.startswith(REPLY_TO):
            # Anybody may see that it is there, but in AMQP nobody else may ask.
            looked = yield Peek(core, count=1)
            if isinstance(looked, Refused):
                raise refusal(looked, what)
        counts = (described.ready, described.consumers)
    else:
        topic = yield DescribeTopic(core)
        if not isinstance(topic, TopicDescribed):
            raise ChannelFault(NOT_FOUND, f"no {what}")
        counts = (_held(topic), 0)
    _declared(channel, name, counts, nowait=args["nowait"])


def bind(channel: Channel, args: dict[str, Any]) -> Script:
    """queue.bind."""
    name, binding = _binding(channel, args)
    bound = yield Bind(*binding, TO_QUEUE)
    if isinstance(bound, Refused) and bound.why is Why.NO_SUCH_QUEUE:
        bound = yield Bind(*binding, TO_TOPIC)
    if isinstance(bound, Refused):
        raise refuse_binding(channel, bound, args, f"queue '{name}'")
    if not args["nowait"]:
        channel.send(encode_method(channel.number, "queue.bind-ok"))


def unbind(channel: Channel, args: dict[str, Any]) -> Script:
    """queue.unbind; what is not bound is fine."""
    name, binding = _binding(channel, args)
    done = yield Unbind(*binding, TO_QUEUE)
    if isinstance(done, Refused) and done.why is Why.NO_SUCH_QUEUE:
        done = yield Unbind(*binding, TO_TOPIC)
    if isinstance(done, Refused) and done.why is Why.LOCKED:
        raise refusal(done, queue_text(channel, name))
    channel.send(encode_method(channel.number, "queue.unbind-ok"))


def _binding(
    channel: Channel, args: dict[str, Any]
) -> tuple[str, tuple[str, str, str, dict[str, HeaderValue]]]:
    """The queue that is meant, and of its binding: exchange, queue, key and arguments."""
    check_not_default(args["exchange"])
    name = meant(channel, args["queue"])
    link = channel.link
    # An empty name in both means the queue declared last, as key too.
    key = name if not args["queue"] and not args["routing_key"] else args["routing_key"]
    arguments = plain_arguments(args["arguments"])
    return name, (link.core(args["exchange"]), link.core(name), key, arguments)


def purge(channel: Channel, args: dict[str, Any]) -> Script:
    """queue.purge."""
    name = meant(channel, args["queue"])
    core, what = channel.link.core(name), queue_text(channel, name)
    purged = yield PurgeQueue(core, ready_only=True)
    if isinstance(purged, Refused):
        if purged.why is Why.NO_SUCH_QUEUE:
            topic = yield DescribeTopic(core)
            if isinstance(topic, TopicDescribed):
                raise ConnectionFault(
                    NOT_IMPLEMENTED, f"queue.purge not supported by stream {what}"
                )
        raise refusal(purged, what)
    assert isinstance(purged, Purged)
    if not args["nowait"]:
        count = min(purged.count, COUNT_MAX)
        channel.send(encode_method(channel.number, "queue.purge-ok", message_count=count))


def delete(channel: Channel, args: dict[str, Any]) -> Script:
    """queue.delete; one that is not there is fine."""
    name = meant(channel, args["queue"])
    core, what = channel.link.core(name), queue_text(channel, name)
    count = 0
    described = yield DescribeQueue(core)
    if isinstance(described, Described):
        count = min(described.ready, COUNT_MAX)
        done = yield DeleteQueue(core, if_unused=args["if_unused"], if_empty=args["if_empty"])
    else:
        topic = yield DescribeTopic(core)
        if isinstance(topic, TopicDescribed):
            count = min(_held(topic), COUNT_MAX)
            if args["if_empty"] and count:
                raise ChannelFault(PRECONDITION_FAILED, f"{what} not empty")
        done = yield DeleteTopic(core)
    if isinstance(done, Refused) and done.why not in (Why.NO_SUCH_QUEUE, Why.NO_SUCH_TOPIC):
        raise refusal(done, what)
    if not args["nowait"]:
        channel.send(encode_method(channel.number, "queue.delete-ok", message_count=count))


HANDLERS: Final[dict[str, Handler]] = {
    "queue.declare": declare,
    "queue.bind": bind,
    "queue.unbind": unbind,
    "queue.purge": purge,
    "queue.delete": delete,
}
