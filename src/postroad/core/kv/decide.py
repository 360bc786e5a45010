"""Command of kv -> its decider.

One rule: each command has one line here.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.decision import Decision, Missing, World
from postroad.core.kv import fields, keys, members, scan, scores
from postroad.model import kv as commands

DECIDERS: dict[type, Callable[[World, Any, int], Decision | Missing]] = {
    commands.KvSet: keys.decide_set,
    commands.KvGet: keys.decide_get,
    commands.KvLook: keys.decide_look,
    commands.KvDelete: keys.decide_delete,
    commands.KvIncrement: keys.decide_add,
    commands.KvExpire: keys.decide_expire,
    commands.KvRename: keys.decide_rename,
    commands.KvScan: scan.decide_scan,
    commands.KvRandom: scan.decide_random,
    commands.KvCount: scan.decide_count,
    commands.KvFlush: scan.decide_flush,
    commands.KvSpaces: scan.decide_spaces,
    commands.KvMapSet: members.decide_map_set,
    commands.KvMapIncrement: members.decide_map_add,
    commands.KvAdd: keys.decide_add,
    commands.KvMapAdd: members.decide_map_add,
    commands.KvFieldExpire: fields.decide_field_expire,
    commands.KvFieldEnds: fields.decide_field_ends,
    commands.KvSetAdd: members.decide_set_add,
    commands.KvMembers: members.decide_members,
    commands.KvMembersRemove: members.decide_remove,
    commands.KvMembersScan: members.decide_members_scan,
    commands.KvMembersRandom: members.decide_members_random,
    commands.KvSortedSet: scores.decide_sorted_set,
    commands.KvSortedRange: scores.decide_range,
    commands.KvSortedCount: scores.decide_range_count,
    commands.KvSortedRank: scores.decide_rank,
}
