"""How many queues may be pushed: each is a key of one space, and a consumer of the server's.

One rule: what is there may be set again, however many there are; only another one is refused.
"""

from collections.abc import Sequence

from postroad.core.decision import Decision, World
from postroad.core.kv.look import look
from postroad.model.kv import KvRename, KvSet
from postroad.model.pushes import PUSH_SPACE
from postroad.model.replies import Refused, Why


def new_pushes(world: World, command: object, now: int) -> set[bytes]:
    """The keys that a command would add to the space of pushes."""
    keys: Sequence[bytes] = ()
    if isinstance(command, KvSet) and command.space == PUSH_SPACE:
        keys = command.keys
    elif isinstance(command, KvRename):
        target = command.space if command.target is None else command.target
        # One that is renamed there makes no more of them.
        if target == PUSH_SPACE != command.space:
            keys = (command.new_key,)
    kv = world.state.kv
    return {key for key in keys if look(kv, PUSH_SPACE, key, now).entry is None}


def too_many_pushes(world: World, command: object, now: int) -> Decision | None:
    """Why a command that sets pushes is refused, or `None`."""
    refused = no_room_for(world, new_pushes(world, command, now))
    return None if refused is None else Decision([], refused, world.state.changed)


def no_room_for(world: World, fresh: set[bytes]) -> Refused | None:
    """Why so many more cannot be, or `None`."""
    space = world.state.kv.by_name.get(PUSH_SPACE)
    most = world.pushes_max
    if not fresh or (0 if space is None else space.count) + len(fresh) <= most:
        return None
    text = f"{most:,} queues are pushed at most; stop some, or allow more by `push.queues_max`"
    return Refused(Why.TOO_MANY, text)
