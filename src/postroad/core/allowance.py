"""What consumers may be given: credit, what pools have room for, and bytes on their way.

One rule: what is allowed is noted here and nothing is given; whoever may be given more is stirred.
Compiled by mypyc where possible.
"""

from postroad.core.demand import Demand
from postroad.limits import POOLS_MAX
from postroad.model.ask import Ask
from postroad.model.commands import CountArrived, GrantCredit, SetPool
from postroad.model.replies import Done, Refused, Why

TOO_MANY_POOLS = f"a caller has at most {POOLS_MAX:,} pools"


def allow(
    demand: Demand, ask: Ask, command: GrantCredit | SetPool | CountArrived
) -> Done | Refused:
    """Note what a caller allows its consumers."""
    if isinstance(command, GrantCredit):
        return _grant(demand, ask, command)
    if isinstance(command, SetPool):
        return _set_pool(demand, ask, command)
    if command.pushed_bytes < 0:
        return Refused(Why.BAD_COMMAND, "what arrived is not below 0 bytes")
    demand.arrived(ask.caller, command.pushed_bytes)
    return Done()


def _grant(demand: Demand, ask: Ask, command: GrantCredit) -> Done | Refused:
    consumer = demand.consumer(ask.caller, command.consumer)
    if consumer is None:
        return Refused(Why.NO_SUCH_CONSUMER, "no such consumer is attached")
    credit = command.credit if command.absolute else consumer.credit + command.credit
    demand.credit(consumer, credit)
    return Done()


def _set_pool(demand: Demand, ask: Ask, command: SetPool) -> Done | Refused:
    if command.pool < 1 or (command.limit is not None and command.limit < 0):
        text = "a pool has a number from 1, and its limit is not below 0"
        return Refused(Why.BAD_COMMAND, text)
    pool = demand.pool(ask.caller, command.pool)
    if pool is None:
        return Refused(Why.TOO_MANY, TOO_MANY_POOLS)
    demand.set_pool(ask.caller, pool, command.limit)
    return Done()
