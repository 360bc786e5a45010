"""What is appended to a topic with bindings goes to where they lead, too.

One rule: the append and all that follows of it is one step: all of it or nothing.
"""

from postroad.core.decision import Decision, World
from postroad.core.exchanges.publish import decide_routed
from postroad.core.topics.append import decide_append
from postroad.model.exchanges import PublishTo
from postroad.model.replies import Refused
from postroad.model.topics import Append

ROUTED = (PublishTo, Append)
"""Commands of which only the facts tell which queues got something."""


def decide_append_on(world: World, command: Append, now: int) -> Decision:
    """One publish to a topic, and on along its bindings."""
    decision = decide_append(world, command, now)
    if isinstance(decision.reply, Refused):
        return decision
    topic = world.state.topics.by_name[command.topic]
    if topic.id not in world.state.exchanges.from_source:
        return decision
    keys = None
    if command.keys is not None:
        keys = [None if key is None else key.decode("utf-8", "replace") for key in command.keys]
    onward = PublishTo("", ("",), command.bodies, command.heads, keys=keys)
    routed = decide_routed(world, topic.id, onward, None, now)
    if isinstance(routed.reply, Refused):
        return routed
    return Decision([*decision.records, *routed.records], decision.reply, decision.read_group)
