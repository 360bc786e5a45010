"""Which decider answers which command, and which records concern whom.

One rule: tables, and nothing else.
"""

from collections.abc import Callable
from typing import Any

from postroad.core import records as facts
from postroad.core import tasks
from postroad.core.decide import declare, move, peek, publish, settle
from postroad.core.decision import Decision, Missing, World
from postroad.core.exchanges import records as exchange_facts
from postroad.core.exchanges.decide import DECIDERS as EXCHANGE_DECIDERS
from postroad.core.kv.decide import DECIDERS as KV_DECIDERS
from postroad.core.lists.decide import DECIDERS as LIST_DECIDERS
from postroad.core.schedules.decide import DECIDERS as SCHEDULE_DECIDERS
from postroad.core.schemas.decide import DECIDERS as SCHEMA_DECIDERS
from postroad.core.topics import records as topic_facts
from postroad.core.topics.table import DECIDERS as TOPICS
from postroad.model import commands

Decider = Callable[[World, Any, int], "Decision | Missing"]

DECIDERS: dict[type, Decider] = {
    commands.DeclareQueue: declare.decide_declare,
    commands.ChangeQueue: declare.decide_change,
    commands.DeleteQueue: declare.decide_delete,
    commands.PurgeQueue: declare.decide_purge,
    commands.DescribeQueue: declare.decide_describe,
    commands.ListQueues: declare.decide_list,
    commands.Publish: publish.decide_publish,
    commands.Settle: settle.decide_settle,
    commands.Extend: settle.decide_extend,
    **move.DECIDERS,
    **peek.DECIDERS,
    commands.StartMoveTask: tasks.decide_start,
    commands.CancelMoveTask: tasks.decide_cancel,
    commands.ListMoveTasks: tasks.decide_list,
    **EXCHANGE_DECIDERS,
    **KV_DECIDERS,
    **LIST_DECIDERS,
    **SCHEDULE_DECIDERS,
    **SCHEMA_DECIDERS,
    **TOPICS,
}
"""Commands that are answered at once; those that may wait are in `Server`."""

LEASING = (
    facts.Leased,
    facts.Lapsed,
    facts.Ripened,
    facts.Swept,
    facts.Placed,
    facts.Closed,
    topic_facts.ShareFed,
)
"""Records nobody waits for."""

DESK_FACTS = (
    topic_facts.TopicDeleted,
    topic_facts.PartitionsAdded,
    topic_facts.LogCut,
    topic_facts.ShareDeleted,
    topic_facts.ShareSought,
)
"""Records after which somebody at the desk may have waited for nothing."""

LETTING_GO = (facts.MoveTaskEnded, exchange_facts.BindingsRemoved)
"""Records after which an empty list may be wanted by nobody any more."""
