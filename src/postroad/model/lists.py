"""What may be asked of a queue as a list: both its ends, and what lies between.

It stands beside the commands, which take these into their union. The rule kept here: a list is a
queue, seen in order; indexes count the messages that are ready, from 0 at the left, negative ones
from -1 at the right.
"""

from collections.abc import Sequence

from postroad.model.message import Delivery
from postroad.model.value import value

LEFT = "left"
RIGHT = "right"
ENDS = (LEFT, RIGHT)


@value
class ListPush:
    """Put messages at one end, one after another: the last is outermost. A queue that is not there
    is made, and goes again when it is empty; with `only_if_exists` nothing is done instead.

    `space`: a kv space that shares its names with lists; where it has a key of this name, the
    command is refused. Answer: `ListLength`, of what is there now.
    """

    list: str
    end: str
    bodies: Sequence[bytes]
    heads: Sequence[bytes] | None = None
    only_if_exists: bool = False
    space: str = ""


@value
class ListPop:
    """Take up to `count` messages for good from one end of the first of `lists` that has any, the
    outermost first; with none, wait up to `wait_ms` until one comes. A list need not exist to be
    waited for. `space` as in `ListPush`. Answer: `ListItems`, empty when the wait was over."""

    lists: tuple[str, ...]
    end: str
    count: int = 1
    wait_ms: int = 0
    space: str = ""


@value
class ListMove:
    """Take the message at one end of a list and put it at an end of another, or of the same, in one
    atomic step; waits like `ListPop`, and makes the target like `ListPush`. Answer: `ListItems`
    with the message as it is in its new place, empty when the wait was over."""

    source: str
    target: str
    source_end: str
    target_end: str
    wait_ms: int = 0
    space: str = ""


@value
class DescribeList:
    """How long a list is. Answer: `ListDescribed`."""

    list: str
    space: str = ""


@value
class ListRange:
    """The messages from index `first` to index `last`, both included, left to right. Answer:
    `ListItems`, or `Refused(TOO_MANY)` where they are more than one answer may have."""

    list: str
    first: int = 0
    last: int = -1
    space: str = ""


@value
class ListSet:
    """Put another message in the place of the one at an index. Answer: `Done`, or
    `Refused(NO_SUCH_QUEUE, OUT_OF_RANGE)`."""

    list: str
    index: int
    body: bytes
    head: bytes = b""
    space: str = ""


@value
class ListInsert:
    """Put a message before (to the left of) or after the leftmost whose body is `pivot`. Answer:
    `ListLength`: -1 where there is no such body, 0 where there is no list."""

    list: str
    pivot: bytes
    body: bytes
    before: bool = True
    head: bytes = b""
    space: str = ""


@value
class ListRemove:
    """Drop messages with this body: the first `count` from the left, the first `-count` from the
    right, or with 0 all of them. Answer: `ListRemoved`."""

    list: str
    body: bytes
    count: int = 0
    space: str = ""


@value
class ListTrim:
    """Drop all messages but those from index `first` to index `last`, both included. Answer:
    `ListRemoved`."""

    list: str
    first: int
    last: int
    space: str = ""


@value
class ListPosition:
    """The indexes of messages with this body. `rank`: the first that is told of, from 1 at the
    left, from -1 at the right. `count`: how many, 0: all. `looked_max`: messages to look at, 0:
    all. Answer: `ListPositions`."""

    list: str
    body: bytes
    rank: int = 1
    count: int = 1
    looked_max: int = 0
    space: str = ""


@value
class ListLength:
    """How many messages are ready, after what was done."""

    length: int


@value
class ListItems:
    """Messages of a list, in the order that was asked for; `list`: which list, empty where none had
    any."""

    list: str
    messages: Sequence[Delivery]


@value
class ListDescribed:
    """`length`: messages that are ready. `main_end`: where messages arrive that are published and
    not pushed; empty while that is not settled. `passing`: made by a push, it goes when it is
    empty."""

    length: int
    main_end: str
    passing: bool


@value
class ListRemoved:
    """How many messages were dropped."""

    count: int


@value
class ListPositions:
    """Indexes from the left, in the order in which they were found."""

    positions: tuple[int, ...]


ListCommand = (
    ListPush
    | ListPop
    | ListMove
    | DescribeList
    | ListRange
    | ListSet
    | ListInsert
    | ListRemove
    | ListTrim
    | ListPosition
)
ListReply = ListLength | ListItems | ListDescribed | ListRemoved | ListPositions
