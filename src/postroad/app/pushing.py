"""Pushes of an embedded broker: what a server does by itself, done in this process on demand.

It stands beside the workers. The rule kept here: it pushes as a server does, for it is the same
pusher.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from postroad.api.aio import AsyncBroker
from postroad.engine.clock import SystemClock
from postroad.limits import DRAIN_MS_MAX, WEBHOOK_LOOK_MS, WEBHOOKS_DOUBTED_MAX, WEBHOOKS_MAX
from postroad.net.poster import Poster
from postroad.net.queue_pushes import QueuePusher
from postroad.net.webhooks import site_of


@asynccontextmanager
async def pushing(
    broker: AsyncBroker, *, private: bool = True, look_ms: int = WEBHOOK_LOOK_MS
) -> AsyncIterator[None]:
    """Deliver the queues of an embedded broker to the web addresses set for them, as long as the
    block lasts; what is under way at its end may come to its own.

    `private`: whether addresses that are not public may be called. `look_ms`: how soon a push that
    was set is seen. Raises `NotRemote` where the broker is a server's, which pushes by itself.
    """
    driver = broker.driver
    poster = Poster(private, places=WEBHOOKS_MAX + WEBHOOKS_DOUBTED_MAX)
    site, most = site_of(driver.secret), driver.settings.pushes_max
    pusher = QueuePusher(driver, poster, SystemClock().now_ms, site, look_ms, most)
    pusher.start()
    try:
        yield
    finally:
        await pusher.close(DRAIN_MS_MAX)
