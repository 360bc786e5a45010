"""The shapes of the commands of lists.

It stands under `sound`, which takes these tables into its own. The rule kept here: as there.
"""

from postroad.model import lists
from postroad.model.kinds import BYTES, FLAG, NUMBER, TEXT, Shapes

_LIST = (("list", TEXT), ("space", TEXT))
_RANGE = (("first", NUMBER), ("last", NUMBER))
_NEW = (("body", BYTES), ("head", BYTES))

FIELDS: Shapes = {
    lists.ListPush: (*_LIST, ("end", TEXT), ("only_if_exists", FLAG)),
    lists.ListPop: (
        ("lists", (tuple,)),
        ("end", TEXT),
        ("count", NUMBER),
        ("wait_ms", NUMBER),
        ("space", TEXT),
    ),
    lists.ListMove: (
        ("source", TEXT),
        ("target", TEXT),
        ("source_end", TEXT),
        ("target_end", TEXT),
        ("wait_ms", NUMBER),
        ("space", TEXT),
    ),
    lists.DescribeList: _LIST,
    lists.ListRange: (*_LIST, *_RANGE),
    lists.ListSet: (*_LIST, *_NEW, ("index", NUMBER)),
    lists.ListInsert: (*_LIST, *_NEW, ("pivot", BYTES), ("before", FLAG)),
    lists.ListRemove: (*_LIST, ("body", BYTES), ("count", NUMBER)),
    lists.ListTrim: (*_LIST, *_RANGE),
    lists.ListPosition: (
        *_LIST,
        ("body", BYTES),
        ("rank", NUMBER),
        ("count", NUMBER),
        ("looked_max", NUMBER),
    ),
}
"""Fields that hold one thing."""

COLUMNS: Shapes = {
    lists.ListPush: (("bodies", BYTES), ("heads", BYTES)),
    lists.ListPop: (("lists", TEXT),),
}
"""Fields that hold a row of things."""
