"""Which decider answers which command of lists.

One rule: those that may wait are in `desk`.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.decision import Decision, Missing, World
from postroad.core.lists import change, read
from postroad.model import lists

DECIDERS: dict[type, Callable[[World, Any, int], Decision | Missing]] = {
    lists.ListPush: change.decide_push,
    lists.ListInsert: change.decide_insert,
    lists.ListSet: change.decide_set,
    lists.ListRemove: change.decide_remove,
    lists.ListTrim: change.decide_trim,
    lists.DescribeList: read.decide_describe,
    lists.ListRange: read.decide_range,
    lists.ListPosition: read.decide_position,
}
"""Commands that are answered at once."""

GROWING = (lists.ListPush, lists.ListInsert, lists.ListSet)
"""Commands after which something may have to give way."""
