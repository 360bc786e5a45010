"""AMQP 0-9-1's own tables, as RabbitMQ extends them: methods and capabilities.

It is data that wire and connection read. The rule kept here: a method is one row, and what is not
in a row is not spoken.
"""

from typing import Final, NamedTuple

from postroad.limits import AMQP_FRAME_BYTES_MAX

PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
FRAME_METHOD: Final = 1
FRAME_HEADER: Final = 2
FRAME_BODY: Final = 3
FRAME_HEARTBEAT: Final = 8
FRAME_END: Final = 0xCE
FRAME_OVERHEAD: Final = 8  # octets of a frame around its payload

CHANNEL_MAX: Final = 2047
FRAME_MAX: Final = AMQP_FRAME_BYTES_MAX
FRAME_MIN: Final = 4096
HEARTBEAT_S: Final = 60
MECHANISMS: Final = "PLAIN AMQPLAIN"
LOCALES: Final = "en_US"
CLASS_BASIC: Final = 60

CAPABILITIES: Final = (
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
)
"""What the server says it can, each with the value true, as RabbitMQ does."""


class Method(NamedTuple):
    """One method: its numbers, its fields in order as (name, type), whether content follows it,
    and whether the peer answers it before it does anything else on the channel."""

    class_id: int
    method_id: int
    name: str
    fields: tuple[tuple[str, str], ...]
    has_content: bool = False
    is_synchronous: bool = False


def _row(numbers: str, name: str, fields: str = "", also: str = "") -> Method:
    """`fields` as "name:type ..."; `also`: "content", "sync". A name that begins with "reserved"
    is of no meaning."""
    class_id, method_id = map(int, numbers.split("."))
    pairs = [field.split(":") for field in fields.split()]
    named = tuple((field, kind) for field, kind in pairs)
    return Method(class_id, method_id, name, named, "content" in also, "sync" in also)


METHODS: Final = (
    _row(
        "10.10",
        "connection.start",
        "version_major:octet version_minor:octet server_properties:table mechanisms:longstr "
        "locales:longstr",
        "sync",
    ),
    _row(
        "10.11",
        "connection.start-ok",
        "client_properties:table mechanism:shortstr response:longstr locale:shortstr",
    ),
    _row("10.20", "connection.secure", "challenge:longstr", "sync"),
    _row("10.21", "connection.secure-ok", "response:longstr"),
    _row("10.30", "connection.tune", "channel_max:short frame_max:long heartbeat:short", "sync"),
    _row("10.31", "connection.tune-ok", "channel_max:short frame_max:long heartbeat:short"),
    _row(
        "10.40",
        "connection.open",
        "virtual_host:shortstr reserved_1:shortstr reserved_2:bit",
        "sync",
    ),
    _row("10.41", "connection.open-ok", "reserved_1:shortstr"),
    _row(
        "10.50",
        "connection.close",
        "reply_code:short reply_text:shortstr class_id:short method_id:short",
        "sync",
    ),
    _row("10.51", "connection.close-ok"),
    _row("10.60", "connection.blocked", "reason:shortstr"),
    _row("10.61", "connection.unblocked"),
    _row("10.70", "connection.update-secret", "new_secret:longstr reason:shortstr", "sync"),
    _row("10.71", "connection.update-secret-ok"),
    _row("20.10", "channel.open", "reserved_1:shortstr", "sync"),
    _row("20.11", "channel.open-ok", "reserved_1:longstr"),
    _row("20.20", "channel.flow", "active:bit", "sync"),
    _row("20.21", "channel.flow-ok", "active:bit"),
    _row(
        "20.40",
        "channel.close",
        "reply_code:short reply_text:shortstr class_id:short method_id:short",
        "sync",
    ),
    _row("20.41", "channel.close-ok"),
    _row(
        "40.10",
        "exchange.declare",
        "reserved_1:short exchange:shortstr type:shortstr passive:bit durable:bit auto_delete:bit "
        "internal:bit nowait:bit arguments:table",
        "sync",
    ),
    _row("40.11", "exchange.declare-ok"),
    _row(
        "40.20",
        "exchange.delete",
        "reserved_1:short exchange:shortstr if_unused:bit nowait:bit",
        "sync",
    ),
    _row("40.21", "exchange.delete-ok"),
    _row(
        "40.30",
        "exchange.bind",
        "reserved_1:short destination:shortstr source:shortstr routing_key:shortstr nowait:bit "
        "arguments:table",
        "sync",
    ),
    _row("40.31", "exchange.bind-ok"),
    _row(
        "40.40",
        "exchange.unbind",
        "reserved_1:short destination:shortstr source:shortstr routing_key:shortstr nowait:bit "
        "arguments:table",
        "sync",
    ),
    _row("40.51", "exchange.unbind-ok"),
    _row(
        "50.10",
        "queue.declare",
        "reserved_1:short queue:shortstr passive:bit durable:bit exclusive:bit auto_delete:bit "
        "nowait:bit arguments:table",
        "sync",
    ),
    _row("50.11", "queue.declare-ok", "queue:shortstr message_count:long consumer_count:long"),
    _row(
        "50.20",
        "queue.bind",
        "reserved_1:short queue:shortstr exchange:shortstr routing_key:shortstr nowait:bit "
        "arguments:table",
        "sync",
    ),
    _row("50.21", "queue.bind-ok"),
    _row("50.30", "queue.purge", "reserved_1:short queue:shortstr nowait:bit", "sync"),
    _row("50.31", "queue.purge-ok", "message_count:long"),
    _row(
        "50.40",
        "queue.delete",
        "reserved_1:short queue:shortstr if_unused:bit if_empty:bit nowait:bit",
        "sync",
    ),
    _row("50.41", "queue.delete-ok", "message_count:long"),
    _row(
        "50.50",
        "queue.unbind",
        "reserved_1:short queue:shortstr exchange:shortstr routing_key:shortstr arguments:table",
        "sync",
    ),
    _row("50.51", "queue.unbind-ok"),
    _row("60.10", "basic.qos", "prefetch_size:long prefetch_count:short global:bit", "sync"),
    _row("60.11", "basic.qos-ok"),
    _row(
        "60.20",
        "basic.consume",
        "reserved_1:short queue:shortstr consumer_tag:shortstr no_local:bit no_ack:bit "
        "exclusive:bit nowait:bit arguments:table",
        "sync",
    ),
    _row("60.21", "basic.consume-ok", "consumer_tag:shortstr"),
    _row("60.30", "basic.cancel", "consumer_tag:shortstr nowait:bit", "sync"),
    _row("60.31", "basic.cancel-ok", "consumer_tag:shortstr"),
    _row(
        "60.40",
        "basic.publish",
        "reserved_1:short exchange:shortstr routing_key:shortstr mandatory:bit immediate:bit",
        "content",
    ),
    _row(
        "60.50",
        "basic.return",
        "reply_code:short reply_text:shortstr exchange:shortstr routing_key:shortstr",
        "content",
    ),
    _row(
        "60.60",
        "basic.deliver",
        "consumer_tag:shortstr delivery_tag:longlong redelivered:bit exchange:shortstr "
        "routing_key:shortstr",
        "content",
    ),
    _row("60.70", "basic.get", "reserved_1:short queue:shortstr no_ack:bit", "sync"),
    _row(
        "60.71",
        "basic.get-ok",
        "delivery_tag:longlong redelivered:bit exchange:shortstr routing_key:shortstr "
        "message_count:long",
        "content",
    ),
    _row("60.72", "basic.get-empty", "reserved_1:shortstr"),
    _row("60.80", "basic.ack", "delivery_tag:longlong multiple:bit"),
    _row("60.90", "basic.reject", "delivery_tag:longlong requeue:bit"),
    _row("60.100", "basic.recover-async", "requeue:bit"),
    _row("60.110", "basic.recover", "requeue:bit", "sync"),
    _row("60.111", "basic.recover-ok"),
    _row("60.120", "basic.nack", "delivery_tag:longlong multiple:bit requeue:bit"),
    _row("85.10", "confirm.select", "nowait:bit", "sync"),
    _row("85.11", "confirm.select-ok"),
    _row("90.10", "tx.select", "", "sync"),
    _row("90.11", "tx.select-ok"),
    _row("90.20", "tx.commit", "", "sync"),
    _row("90.21", "tx.commit-ok"),
    _row("90.30", "tx.rollback", "", "sync"),
    _row("90.31", "tx.rollback-ok"),
)

BY_ID: Final = {(row.class_id, row.method_id): row for row in METHODS}
BY_NAME: Final = {row.name: row for row in METHODS}
