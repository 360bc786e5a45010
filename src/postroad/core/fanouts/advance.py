"""The next slice of a fan-out.

One rule: a slice is as many queues as are work for one turn, which is more where each message of
many has to be entered by itself, and where many are told of it.
"""

from postroad.core.decision import World
from postroad.core.exchanges.routes import takes_each
from postroad.core.fanouts.records import FanoutAdvanced
from postroad.core.fanouts.state import Fanout
from postroad.limits import FANOUT_TOLD_WORK
from postroad.model.policy import PRIORITY


def next_slice(world: World, fanout: Fanout, tellers: int, now: int) -> FanoutAdvanced:
    """Of a fan-out; `tellers`: how many publishers are told where it went."""
    queues = world.state.queues
    one_by_one = _has_own(fanout)
    leveled = any(part.priorities for part in fanout.parts)
    room = world.fanout_queues_max
    told = tellers // FANOUT_TOLD_WORK
    taken = 0
    for id in fanout.queues[fanout.at :]:
        taken += 1
        queue = queues.get(id)
        if queue is None:
            room -= 1
        else:
            settings = queue.settings
            each = one_by_one or takes_each(settings) or (leveled and settings.kind == PRIORITY)
            room -= (fanout.count if each else len(fanout.parts)) + told
        if room <= 0:
            break
    return FanoutAdvanced(fanout.id, taken, now)


def _has_own(fanout: Fanout) -> bool:
    """Whether messages have columns that are entered one by one."""
    return any(part.dues or part.expires or part.keys for part in fanout.parts)
