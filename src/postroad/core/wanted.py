"""Which messages of a shelf anybody still wants.

One rule: what a queue has not settled, keeps for a time or is still to get, and what a log has not
cut off, is wanted; whoever thins or moves a block asks here. Compiled by mypyc where possible.
"""

from postroad.core.bits import PAGE, PAGE_BITS
from postroad.core.state import State


def live_bits(state: State, shelf: int, first: int, count: int) -> int:
    """Which of `count` messages on a shelf from index `first` on are wanted; bit 0 is `first`."""
    log = state.topics.partitions.get(shelf)
    if log is not None:
        return log.live_bits(first, count)
    mask = state.fanouts.wanted_bits(shelf, first, count)
    for queue in state.targets_of(shelf):
        for run in queue.extents.runs_on(shelf, first, count, queue.next_offset):
            offset, index, left = run
            while left > 0:
                slot = offset & (PAGE - 1)
                part = min(left, PAGE - slot)
                live = (queue.wanted_in(offset >> PAGE_BITS) >> slot) & ((1 << part) - 1)
                mask |= live << (index - first)
                offset += part
                index += part
                left -= part
    return mask
