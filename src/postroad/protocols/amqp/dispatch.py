"""Every method a client may send on a channel, and what does it.

The rule kept here: what is not in this table is refused as a method that is not implemented.
"""

from collections.abc import Mapping
from typing import Any, Final

from postroad.protocols.amqp import (
    consumers,
    exchanges,
    getting,
    publishing,
    queues,
    settling,
    tx,
)
from postroad.protocols.amqp.channel import Channel, Handler
from postroad.protocols.amqp.errors import NOT_IMPLEMENTED, ConnectionFault
from postroad.protocols.amqp.methods import encode_method


def close(channel: Channel, _args: dict[str, Any]) -> None:
    """channel.close."""
    channel.link.leave(channel.number)
    channel.link.send(encode_method(channel.number, "channel.close-ok"))


def flow(channel: Channel, args: dict[str, Any]) -> None:
    """channel.flow: on is how it always is; off is what a prefetch is for."""
    if not args["active"]:
        raise ConnectionFault(NOT_IMPLEMENTED, "active=false")
    channel.send(encode_method(channel.number, "channel.flow-ok", active=True))


HANDLERS: Final[Mapping[str, Handler]] = {
    "channel.close": close,
    "channel.flow": flow,
    **exchanges.HANDLERS,
    **queues.HANDLERS,
    **publishing.HANDLERS,
    **consumers.HANDLERS,
    **getting.HANDLERS,
    **settling.HANDLERS,
    **tx.HANDLERS,
}
