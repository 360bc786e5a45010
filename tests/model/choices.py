"""What the model test of queues chooses from."""

from typing import Any

from hypothesis import strategies as st

from postroad.model.policy import RetryPolicy

NAMES = st.sampled_from(["a", "b", "c"])
TIMES = st.sampled_from([50, 100, 30, 1, 400])
SESSIONS = st.integers(0, 2)
PICKS = st.lists(st.integers(0, 40), min_size=1, max_size=6)
RETRIES = [RetryPolicy(), RetryPolicy("fixed", 30, 100), RetryPolicy("exponential", 30, 100)]
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "lease_ms": st.sampled_from([50, 200]),
    "delay_ms": st.sampled_from([0, 0, 30]),
    "deliveries_max": st.sampled_from([None, 1, 2]),
    "dead_letter_queue": st.sampled_from([None, "a", "b", "c", "none"]),
    "retry": st.sampled_from(RETRIES),
    "length_max": st.sampled_from([None, None, 4]),
    "bytes_max": st.sampled_from([None, None, 12]),
    "overflow": st.sampled_from(["reject", "drop-oldest", "dead-letter-oldest"]),
    "expired_to_dead_letters": st.booleans(),
    "leased_max": st.sampled_from([None, None, 3]),
    "key_leased_max": st.sampled_from([None, None, 1, 2]),
    "paused": st.sampled_from([False, False, False, True]),
    "single_active_consumer": st.booleans(),
    "keep_settled_ms": st.sampled_from([None, 60, 500]),
}
LIVES = {
    "retention_ms": st.sampled_from([None, None, 400]),
    "ttl_ms": st.sampled_from([None, None, None, 0, 300]),
    "kind": st.sampled_from(["standard", "fifo", "priority"]),
    "priority_max": st.sampled_from([None, None, 1]),
    "dedup_window_ms": st.sampled_from([None, None, 100]),
    "dedup_scope": st.sampled_from(["queue", "key"]),
    "delete_when_unused": st.sampled_from([False, False, True]),
}
KEYS = st.lists(st.sampled_from([None, "x", "y", "z"]), min_size=5, max_size=5)
LEVELS = st.lists(st.sampled_from([0, 1, 255]), min_size=5, max_size=5)
IDS = st.lists(st.sampled_from([None, "i", "j"]), min_size=5, max_size=5)
