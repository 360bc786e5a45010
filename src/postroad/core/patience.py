"""Whoever does not want to wait any longer is answered at once.

It stands beside the two places where asks wait. The rule kept here: the answer is the one that the
end of the wait would have brought, so that each ask has one, whoever was quicker.
"""

from postroad.core.decision import Answer
from postroad.core.demand import Demand
from postroad.core.lists.desk import nothing_for
from postroad.core.topics.desk import Desk
from postroad.model.ask import Caller


def end_waits(demand: Demand, desk: Desk, unwanted: list[tuple[Caller, int]]) -> list[Answer]:
    """End what callers wait for under a number of theirs; none where one waits for nothing there.
    Who enters a group does something, and is not meant."""
    answers: list[Answer] = []
    for caller, number in unwanted:
        answers.extend(desk.end_waits_of(caller, number))
        session = demand.sessions.get(caller.number)
        for waiter in () if session is None else tuple(session.waiters):
            if waiter.ask.number == number:
                demand.end_wait(waiter)
                answers.append(Answer(waiter.ask, nothing_for(waiter), 0))
    return answers
