"""Keys beside the queues: a lock, a counter, a join of several results, a leaderboard."""

from postroad.testing import ClockedBroker

with ClockedBroker.open() as broker:
    kv = broker.kv("videos")

    # A lock is a key that only one can set, with an end; its owner alone gives it back.
    print("mine:", kv.set("lock:7", "worker-1", ttl_ms=30_000, if_absent=True))
    print("yours:", kv.set("lock:7", "worker-2", ttl_ms=30_000, if_absent=True))
    print("given back by another:", kv.compare_and_delete("lock:7", equals="worker-2"))
    broker.pass_time(30_000)
    print("after its end:", kv.set("lock:7", "worker-2", if_absent=True))

    # A counter for each minute, gone an hour later.
    for _ in range(3):
        calls = kv.increment("calls:12:07", ttl_ms=3_600_000)
    print("calls:", calls)

    # A join: whoever brings the last part goes on.
    for part in ("thumbnail", "metadata", "scan"):
        kv.map_set("parts:7", {part: "done"})
        if len(kv.map_all("parts:7")) == 3:
            print("all parts, brought last by", part)

    # The best two, in order.
    kv.score_set("likes", {"cats": 12, "dogs": 9, "fish": 3})
    kv.score_add("likes", "fish", 7)
    print(
        "best:",
        [(name.decode(), score) for name, score in kv.score_range("likes", 0, 1, reverse=True)],
    )

    # A read and a write that must belong together: nobody changed the key meanwhile.
    kv.set("price", "10")
    info = kv.info("price")
    kv.set("price", "11")
    print("stale:", kv.compare_and_set("price", "9", version=info.version))
