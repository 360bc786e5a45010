"""Stories that the model once got wrong, told again as they were found."""

from typing import Any

import pytest

from postroad.model.policy import RetryPolicy
from tests.model.test_core import Core

PLAIN: dict[str, Any] = {
    "lease_ms": 50,
    "delay_ms": 0,
    "deliveries_max": None,
    "dead_letter_queue": None,
    "retry": RetryPolicy(),
    "length_max": None,
    "bytes_max": None,
    "overflow": "reject",
    "expired_to_dead_letters": False,
    "leased_max": None,
    "key_leased_max": None,
    "paused": False,
    "single_active_consumer": False,
    "keep_settled_ms": None,
}
LASTING: dict[str, Any] = {
    "retention_ms": None,
    "ttl_ms": None,
    "kind": "standard",
    "priority_max": None,
    "dedup_window_ms": None,
    "dedup_scope": "queue",
    "delete_when_unused": False,
}
PUBLISHED: dict[str, Any] = {"delay_ms": None, "ttl_ms": None, "columns": (None, None, None)}


def begun(**of_c: Any) -> Core:
    """The queues a, b and c, and one without time in the place of a."""
    state = Core()
    given = (PLAIN, PLAIN, {**PLAIN, **of_c})
    state.begin_near_the_end_of_a_page(given=given, lives=(LASTING,) * 3, purged=False)
    state.delete(name="a", unused=False, empty=False)
    return state


def attached(state: Core, name: str, *, leased: bool) -> None:
    more = (0, False, 0, 0)
    state.attach(session=0, name=name, credit=1, lease_ms=None, leased=leased, more=more)


@pytest.mark.parametrize("kind", ["standard", "fifo", "priority"])
def test_what_is_put_back_into_a_queue_of_no_time_is_for_who_waits(kind: str) -> None:
    state = begun(keep_settled_ms=60)
    state.publish(names=["c"], sizes=[0, 0], **PUBLISHED)
    state.declare(name="a", given=PLAIN, life={**LASTING, "ttl_ms": 0, "kind": kind})
    attached(state, "a", leased=True)
    attached(state, "c", leased=False)
    state.put_back_in_the_background(name="c", goal="a")
    state.teardown()


@pytest.mark.parametrize("kind", ["standard", "fifo", "priority"])
def test_what_is_moved_into_a_queue_of_no_time_is_for_who_waits(kind: str) -> None:
    state = begun()
    state.publish(names=["c"], sizes=[0, 0], **PUBLISHED)
    state.declare(name="a", given=PLAIN, life={**LASTING, "ttl_ms": 0, "kind": kind})
    attached(state, "a", leased=True)
    state.move(source="c", goal="a", count=0, picks=None, as_task=True)
    state.teardown()


@pytest.mark.parametrize("kind", ["standard", "fifo", "priority"])
def test_dead_letters_of_a_queue_of_no_time_are_for_who_waits(kind: str) -> None:
    state = begun(dead_letter_queue="a", deliveries_max=1)
    state.publish(names=["c"], sizes=[0, 0], **PUBLISHED)
    state.declare(name="a", given=PLAIN, life={**LASTING, "ttl_ms": 0, "kind": kind})
    attached(state, "a", leased=True)
    state.receive(session=0, name="c", count=2, lease_ms=None, wait_ms=0, leased=True)
    state.wait(ms=60)
    state.wait(ms=60)
    state.teardown()
