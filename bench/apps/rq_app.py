"""The task under RQ, over Redis; it has a bulk call."""

import redis
import rq

from bench.apps.mark import URL

TASK = "bench.apps.mark.mark"

_queue = rq.Queue(connection=redis.Redis.from_url(URL))


def send(body: str) -> None:
    """Enqueue one."""
    _queue.enqueue(TASK, body, result_ttl=0)


def send_many(bodies: list[str]) -> None:
    """Enqueue many in one pipeline."""
    _queue.enqueue_many([rq.Queue.prepare_data(TASK, (one,), result_ttl=0) for one in bodies])
