"""Which lanes a queue has: by its kind, and by whether its messages bear keys.

One rule: a queue has lanes only while its messages would not leave simply by offset.
Compiled by mypyc where possible.
"""

from array import array

from postroad.core.bits import PAGE, PAGE_BITS
from postroad.core.key_rates import RatedKeys, with_rate
from postroad.core.keys import Keys
from postroad.core.levels import Levels
from postroad.core.list_lane import ListLane
from postroad.core.page import Page
from postroad.core.pages import Pages
from postroad.limits import PRIORITY_MAX
from postroad.model.policy import FIFO, PRIORITY, STANDARD, QueueSettings


def set_lanes(pages: Pages, settings: QueueSettings) -> None:
    """Lanes as the settings say; those of keys in a standard queue come with the first key."""
    if settings.kind == PRIORITY and pages.lanes is None:
        most = settings.priority_max
        pages.lanes = Levels(pages.all, PRIORITY_MAX if most is None else most)
    elif settings.kind == FIFO and pages.lanes is None:
        pages.lanes = Keys(pages.all, True, 0)
    lanes = pages.lanes
    if isinstance(lanes, Keys):
        lanes = with_rate(lanes, settings.key_per_second)
        lanes.limit(settings.key_leased_max or 0)
        pages.lanes = lanes


def arrive(
    pages: Pages,
    settings: QueueSettings,
    first: int,
    count: int,
    keys: bytes,
    priorities: bytes,
) -> None:
    """Messages came that bear keys or priorities, or others do that are there. Both are kept
    whatever the kind of queue: a message may move on to where they count."""
    lanes = pages.lanes
    if priorities:
        _keep_priorities(pages, first, priorities)
    if isinstance(lanes, Levels | ListLane):
        if keys:
            _keep_numbers(pages, first, array("Q", keys))
        lanes.arrived(first, count)
    elif isinstance(lanes, Keys) and not keys and _may_go(lanes):
        # The last message with a key has left: simply by offset is quicker.
        pages.lanes = None
    elif keys or lanes is not None:
        keys_of(pages, settings).arrived(first, count, array("Q", keys))


def _keep_priorities(pages: Pages, first: int, column: bytes) -> None:
    at = 0
    while at < len(column):
        page = pages.all[(first + at) >> PAGE_BITS]
        slot = (first + at) & (PAGE - 1)
        part = min(len(column) - at, PAGE - slot)
        if page.priorities is None:
            page.priorities = bytearray(PAGE)
        page.priorities[slot : slot + part] = column[at : at + part]
        at += part


def _keep_numbers(pages: Pages, first: int, column: "array[int]") -> None:
    """The keys of messages in a queue where they do not count."""
    at = 0
    while at < len(column):
        page = pages.all[(first + at) >> PAGE_BITS]
        slot = (first + at) & (PAGE - 1)
        part = min(len(column) - at, PAGE - slot)
        if page.loaded_hashes is None:
            page.loaded_hashes = array("Q", bytes(8 * PAGE))
        page.loaded_hashes[slot : slot + part] = column[at : at + part]
        at += part


def _may_go(lanes: Keys) -> bool:
    return not (lanes.strict or lanes.by_number or isinstance(lanes, RatedKeys))


def keys_of(pages: Pages, settings: QueueSettings) -> Keys:
    """The lanes of keys; made where there are none yet, of what is there without one."""
    lanes = pages.lanes
    if not isinstance(lanes, Keys):
        lanes = Keys(pages.all, False, settings.key_leased_max or 0)
        lanes = with_rate(lanes, settings.key_per_second)
        lanes.mend(pages.purged_before)
        pages.lanes = lanes
    return lanes


def is_ordered(pages: Pages) -> bool:
    """Whether keys or priorities say who is next. Lanes of keys stay for a while when the last
    message with a key has left, but not over a restart: they say nothing."""
    lanes = pages.lanes
    if isinstance(lanes, Keys):
        return lanes.strict or bool(lanes.by_number)
    return lanes is not None and not isinstance(lanes, ListLane)


def begin_list(pages: Pages) -> ListLane:
    """The lanes of a list, made where there are none yet."""
    lanes = pages.lanes
    if not isinstance(lanes, ListLane) and not is_ordered(pages):
        for page in pages.all.values():
            _forget_keys(pages, page)
        lanes = ListLane(pages.all)
        lanes.mend(pages.purged_before)
        pages.lanes = lanes
    assert isinstance(lanes, ListLane), "what is ordered by keys or priorities is no list"
    return lanes


def _forget_keys(pages: Pages, page: Page) -> None:
    """No message of a page bears a key that counts."""
    if page.keys is not None:
        pages.ledger.touch(page)
        page.keys = page.numbers = None
        page.keyed = 0


def load_page(pages: Pages, settings: QueueSettings, page: Page, purged_before: int) -> None:
    """Take a page read from a checkpoint; pages come in order."""
    pages.purged_before = purged_before
    is_list = isinstance(pages.lanes, ListLane)
    if page.loaded_hashes is not None and settings.kind == STANDARD and not is_list:
        keys_of(pages, settings)
    pages.load(page, purged_before)
