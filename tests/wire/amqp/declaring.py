"""Methods whose refusals leave the channel open."""

from typing import Any

from postroad.protocols.amqp.methods import encode_method as method
from tests.wire.amqp.room import Client, Said


def declare(client: Client, queue: Any = "q", **args: Any) -> Said:
    """The answer to a declare; a channel that was closed is open again."""
    (said,) = call(client, "queue.declare", queue=queue, **args)
    return said


def call(client: Client, name: str, **args: Any) -> list[Said]:
    """What comes back; a channel that was closed is open again."""
    said = client.call(name, **args)
    if said and said[-1].name == "channel.close":
        client.feed(method(1, "channel.close-ok") + method(1, "channel.open"))
    return said
