"""What must hold between steps, for tests and for whoever doubts.

One rule: it asserts and changes nothing.
"""

from postroad.core.bits import FULL, PAGE, PAGE_BITS
from postroad.core.list_lane import ListLane
from postroad.core.queue import Queue


def check_queue(queue: Queue) -> None:
    """The counts agree with the bits, and every leased message has one lease."""
    if queue.deleted:
        return
    queue.pages.check(queue.purged_before)
    _check_list(queue)
    if queue.past is not None:
        queue.past.check(queue.purged_before)
        for kept in queue.past.pages.values():
            live = queue.pages.all.get(kept.number)
            assert live is None or not live.live & kept.settled, "what is kept has left"
    for number in queue.lives.pages:
        assert queue.wanted_in(number), "a biography is somebody's"
    leased: dict[int, int] = {}
    for number, segment in queue.leases.segments.items():
        for index in range(len(segment.left)):
            if not segment.left[index]:
                continue
            lease = (number << PAGE_BITS) | (segment.start + index)
            first = segment.first[index]
            mask = queue.leases.mask(segment, lease) << (first & (PAGE - 1))
            assert mask.bit_count() == segment.left[index]
            assert mask <= FULL
            assert not leased.get(first >> PAGE_BITS, 0) & mask, "a message is leased once"
            leased[first >> PAGE_BITS] = leased.get(first >> PAGE_BITS, 0) | mask
    for page in queue.pages.all.values():
        if page.base >= queue.purged_before:
            held = leased.get(page.number, 0)
            assert not page.leased & ~held, "a leased message has a lease"
            assert not held & page.live & ~page.leased, "a lease is on a leased message"


def _check_list(queue: Queue) -> None:
    lanes = queue.pages.lanes
    assert isinstance(lanes, ListLane) == (queue.list_end > 0), "a list has the order of one"
    assert queue.list_end or not queue.passing, "what was made by a push is a list"
    if isinstance(lanes, ListLane):
        lanes.check(queue.purged_before)
