"""The commands about exchanges and bindings, and who decides each.

One rule: this table is the index; nothing is decided here.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.decision import Decision, World
from postroad.core.exchanges import bind, declare, publish
from postroad.model import exchanges

DECIDERS: dict[type, Callable[[World, Any, int], Decision]] = {
    exchanges.DeclareExchange: declare.decide_declare,
    exchanges.ChangeExchange: declare.decide_change,
    exchanges.DeleteExchange: declare.decide_delete,
    exchanges.DescribeExchange: declare.decide_describe,
    exchanges.ListExchanges: declare.decide_list,
    exchanges.Bind: bind.decide_bind,
    exchanges.Unbind: bind.decide_unbind,
    exchanges.RemoveBinding: bind.decide_remove,
    exchanges.ChangeBinding: bind.decide_change,
    exchanges.ListBindings: bind.decide_list,
    exchanges.PublishTo: publish.decide_publish_to,
}
