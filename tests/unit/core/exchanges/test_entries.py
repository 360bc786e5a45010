"""What one publish through an exchange makes of work, and where that ends."""

from postroad.limits import ROUTED_ENTRIES_MAX
from postroad.model.exchanges import FANOUT
from postroad.model.replies import Why
from tests.unit.core.exchanges.switch import Switch


def test_messages_with_priorities_count_one_by_one_where_these_order_them() -> None:
    queues = [f"q{number}" for number in range(21)]
    s = Switch()
    s.exchange("x", FANOUT)
    for queue in queues:
        s.road.declare(queue, kind="priority")
        s.bind("x", queue)
    count = ROUTED_ENTRIES_MAX // len(queues) + 1
    assert s.refusal("x", ["b"] * count, priorities=[1] * count).why == Why.TOO_LARGE
    assert len(s.publish("x", ["b"] * count).groups[0].places) == len(queues)
