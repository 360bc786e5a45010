"""Which decider answers which command about topics and groups.

One rule: what is not here is served at the desk.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.decision import Decision, Missing, World
from postroad.core.exchanges.source import decide_append_on
from postroad.core.topics import claiming, consumers, declare, grouping, standings
from postroad.model import claims, groups, rounds, topics

DECIDERS: dict[type, Callable[[World, Any, int], Decision | Missing]] = {
    topics.DeclareTopic: declare.decide_declare,
    topics.ChangeTopic: declare.decide_change,
    topics.DeleteTopic: declare.decide_delete,
    topics.DescribeTopic: declare.decide_describe,
    topics.ListTopics: declare.decide_list,
    topics.Append: decide_append_on,
    topics.FindOffset: declare.decide_find,
    topics.CutTopic: declare.decide_cut,
    groups.CommitOffsets: grouping.decide_commit,
    groups.DescribeGroup: grouping.decide_describe,
    groups.ListGroups: grouping.decide_list,
    groups.DeleteGroup: grouping.decide_delete,
    groups.DeclareGroup: grouping.decide_declare,
    groups.SeekGroup: grouping.decide_seek,
    rounds.ForgetOffsets: standings.decide_forget,
    rounds.ListGroupStates: standings.decide_list_states,
    claims.ClaimLeases: claiming.decide_claim,
    claims.ClaimIdle: claiming.decide_claim_idle,
    claims.ListLeases: consumers.decide_list_leases,
    claims.CountLeases: consumers.decide_count_leases,
    claims.DeclareConsumer: consumers.decide_declare_consumer,
    claims.DeleteConsumer: consumers.decide_delete_consumer,
    claims.ListConsumers: consumers.decide_list_consumers,
}
