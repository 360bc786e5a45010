"""The task under taskiq, over a Redis stream, which acks, or a list, which does not."""

import os

from taskiq_redis import ListQueueBroker, RedisStreamBroker

from bench.apps.mark import URL, mark

broker = (ListQueueBroker if os.environ.get("BENCH_LIST") else RedisStreamBroker)(url=URL)


@broker.task
async def noop(body: str) -> None:
    """The work."""
    mark(body)


asend = noop.kiq
startup = broker.startup
shutdown = broker.shutdown
