"""Publishes of one line, which keep their order whatever is refused of them.

One rule: whoever publishes and the core agree on what is asked for again, in parts.
"""

from postroad.model.exchanges import PublishTo
from postroad.model.replies import Refused, Why

_FOR_ALL = (
    Why.NO_SPACE,
    Why.STOPPING,
    Why.NO_SUCH_EXCHANGE,
    Why.EXCHANGE_INTERNAL,
    Why.CHANGED,
)


def is_asked_again(command: PublishTo, reply: object) -> bool:
    """Whether some messages of a publish that was refused may pass without the others."""
    if not isinstance(reply, Refused) or len(command.bodies) < 2:
        return False
    return reply.why not in _FOR_ALL
