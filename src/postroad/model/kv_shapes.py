"""The shapes of the commands of kv.

It stands under `sound`, which takes these tables into its own. The rule kept here: a field that
deciders look at entry by entry anyway is a column.
"""

from postroad.model import kv
from postroad.model.kinds import (
    BOUND,
    BYTES,
    FLAG,
    MAYBE_BYTES,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    NUMBER,
    SCORE,
    TEXT,
    Shapes,
)

_SPACE = ("space", TEXT)
_KEY = (_SPACE, ("key", BYTES))
_COLLECTION = (*_KEY, ("kind", NUMBER))
_SCAN = (("cursor", NUMBER), ("count", NUMBER), ("pattern", MAYBE_BYTES))
_END = (("ttl_ms", MAYBE_NUMBER), ("until_ms", MAYBE_NUMBER))
_RANGE = (
    *_KEY,
    ("by", NUMBER),
    ("low", BOUND),
    ("high", BOUND),
    ("low_open", FLAG),
    ("high_open", FLAG),
)

FIELDS: Shapes = {
    kv.KvSet: (_SPACE, *_END, ("keep_ttl", FLAG), ("only", NUMBER), ("want_old", FLAG)),
    kv.KvGet: (_SPACE, ("lenient", FLAG)),
    kv.KvLook: (_SPACE,),
    kv.KvDelete: (_SPACE,),
    kv.KvIncrement: (*_KEY, ("by", NUMBER), ("ttl_ms", MAYBE_NUMBER)),
    kv.KvExpire: (_SPACE, *_END, ("only", NUMBER)),
    kv.KvRename: (*_KEY, ("new_key", BYTES), ("target", MAYBE_TEXT), ("only", NUMBER)),
    kv.KvScan: (_SPACE, *_SCAN, ("kind", NUMBER)),
    kv.KvRandom: (_SPACE,),
    kv.KvCount: (_SPACE,),
    kv.KvFlush: (_SPACE,),
    kv.KvSpaces: (),
    kv.KvMapSet: (*_KEY, ("only", NUMBER), *_END, ("keep_ttl", FLAG)),
    kv.KvMapIncrement: (*_KEY, ("field", BYTES), ("by", NUMBER)),
    kv.KvAdd: (*_KEY, ("by", BYTES)),
    kv.KvMapAdd: (*_KEY, ("field", BYTES), ("by", BYTES)),
    kv.KvFieldExpire: (*_KEY, *_END, ("only", NUMBER)),
    kv.KvFieldEnds: _KEY,
    kv.KvSetAdd: _KEY,
    kv.KvSortedSet: (*_KEY, ("only", NUMBER), ("compare", NUMBER), ("increment", FLAG)),
    kv.KvMembers: _COLLECTION,
    kv.KvMembersRemove: _COLLECTION,
    kv.KvMembersScan: (*_COLLECTION, *_SCAN),
    kv.KvMembersRandom: (*_COLLECTION, ("count", NUMBER), ("remove", FLAG)),
    kv.KvSortedRange: (
        *_RANGE,
        ("reverse", FLAG),
        ("offset", NUMBER),
        ("count", MAYBE_NUMBER),
        ("remove", FLAG),
    ),
    kv.KvSortedCount: _RANGE,
    kv.KvSortedRank: (*_KEY, ("member", BYTES), ("reverse", FLAG)),
}
"""Fields that hold one thing."""

_KEYS = ("keys", BYTES)
_CONDITIONS = (("versions", NUMBER), ("equals", MAYBE_BYTES))
_MEMBERS = ("members", BYTES)

COLUMNS: Shapes = {
    kv.KvSet: (_KEYS, ("values", BYTES), *_CONDITIONS),
    kv.KvGet: (_KEYS,),
    kv.KvLook: (_KEYS,),
    kv.KvDelete: (_KEYS, *_CONDITIONS),
    kv.KvExpire: (_KEYS,),
    kv.KvMapSet: (("fields", BYTES), ("values", BYTES)),
    kv.KvFieldExpire: (("fields", BYTES),),
    kv.KvFieldEnds: (("fields", BYTES),),
    kv.KvSetAdd: (_MEMBERS,),
    kv.KvSortedSet: (_MEMBERS, ("scores", SCORE)),
    kv.KvMembers: (_MEMBERS,),
    kv.KvMembersRemove: (_MEMBERS,),
}
"""Fields that hold a row of things; those of conditions may be `None`."""

OPTIONAL = frozenset({"versions", "equals"})
