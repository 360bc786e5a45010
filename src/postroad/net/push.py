"""HTTP subscriptions: what waits in delivery queues is leased, posted, and settled by the answer.

It stands beside the hub, a caller of the engine like any connection. The rule kept here: a message
is acked only by an answer that took it; whatever else ends a call, a crash of this process among
it, leaves the message to its queue, so that each is posted at least once. Endpoints that do not
answer share places of their own, however many they are, and keep nobody else waiting.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

from postroad.limits import (
    PUSH_LOOK_MS,
    PUSH_PLACE_MS,
    PUSH_QUEUES_PAGE,
    PUSHES_DOUBTED_MAX,
    PUSHES_MAX,
    PUSHES_PER_ENDPOINT,
)
from postroad.model.commands import (
    ACK,
    RELEASE,
    Attach,
    Command,
    DeleteQueue,
    DescribeQueue,
    Detach,
    GrantCredit,
    ListQueues,
    Settle,
)
from postroad.model.message import Delivery
from postroad.model.replies import Described, Detached, Listed, Received, Refused, Reply
from postroad.net.hub import Road
from postroad.net.poster import NO_ANSWER, Poster
from postroad.net.rounds import Rounds
from postroad.protocols.sns.push import (
    PREFIX,
    Endpoint,
    PushRequest,
    Verdict,
    endpoint_of,
    request_of,
    verdict,
)

_CONSUMER = 1
_DESCRIBE, _ATTACH, _OTHER = 1, 2, 3

_log = logging.getLogger("postroad.net")

Sign = Callable[[PushRequest], Awaitable[PushRequest]]
"""Puts a signature into a request whose body can carry one."""


class AskingRoad(Road, Protocol):
    """The engine's face, with single questions."""

    async def ask(self, command: Command) -> Reply:
        """Ask one thing and wait for the answer."""


class Pusher:
    """All HTTP subscriptions of a broker."""

    def __init__(
        self,
        road: AskingRoad,
        poster: Poster,
        now_ms: Callable[[], int],
        sign: Sign | None = None,
        look_ms: int = PUSH_LOOK_MS,
        place_ms: int = PUSH_PLACE_MS,
    ) -> None:
        """`poster` makes the calls; `now_ms`: the wall clock; `sign`: how envelopes are signed, if
        they are; `look_ms`: how soon a new subscription is seen; `place_ms`: how long a message
        waits for a place."""
        self.road = road
        self.sign = sign
        self.now_ms = now_ms
        self.posted = 0
        self.failed = 0
        self.put_off = 0
        self.places = asyncio.Semaphore(PUSHES_MAX)
        self.doubted_places = asyncio.Semaphore(PUSHES_DOUBTED_MAX)
        self._poster = poster
        self._place_ms = place_ms
        self._feeds: dict[str, Feed] = {}
        self._rounds = Rounds(self._look, look_ms)

    def start(self) -> None:
        """Begin to look for subscriptions."""
        self._rounds.begin()

    async def close(self, wait_ms: int) -> None:
        """Take no more messages; what is under way may end in `wait_ms`, the rest is given back."""
        self._rounds.end()
        for feed in self._feeds.values():
            feed.stop()
        await self._rounds.ended(wait_ms)
        for feed in self._feeds.values():
            self.road.forget(feed.caller)
        self._feeds.clear()
        await self._poster.close()

    def figures(self) -> dict[str, float]:
        """Gauges and counters by the names of `postroad.metrics`."""
        return {
            "pushes_total": self.posted,
            "pushes_failed_total": self.failed,
            "push_subscriptions": len(self._feeds),
        }

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Do something beside the loop's other work until the pusher is closed."""
        self._rounds.run(work)

    async def post(self, request: PushRequest, *, doubted: bool) -> int | None:
        """POST when there is a place for it; the status of the answer, or 0; `None`: there was no
        place in time, and nothing was posted. `doubted`: nobody knows whether the endpoint will
        answer."""
        places = self.doubted_places if doubted else self.places
        try:
            async with asyncio.timeout(self._place_ms / 1_000):
                await places.acquire()
        except TimeoutError:
            self.put_off += 1
            return None
        try:
            if self.sign is not None:
                request = await self.sign(request)
            status = await self._poster.post(request.url, request.headers, request.body)
        except Exception:  # noqa: BLE001  (a bug costs this attempt, and its message goes on)
            _log.exception("a message could not be posted")
            status = NO_ANSWER
        finally:
            places.release()
        self.posted += 1
        self.failed += not 200 <= status < 300
        return status

    def drop(self, feed: "Feed") -> None:
        """The subscription is gone."""
        if self._feeds.get(feed.queue) is feed:
            del self._feeds[feed.queue]
            self.road.forget(feed.caller)

    async def _look(self) -> None:
        """Attach to delivery queues that were made since the last look, and let those go that are
        over."""
        for feed in tuple(self._feeds.values()):
            feed.look()
        after, more = "", True
        while more and not self._rounds.is_over:
            found = await self.road.ask(ListQueues(PREFIX, after, PUSH_QUEUES_PAGE))
            if not isinstance(found, Listed):
                break
            for name in found.names:
                if name not in self._feeds and not self._rounds.is_over:
                    self._feeds[name] = Feed(self, name)
            more = found.more
            after = found.names[-1] if found.names else after


class Feed:
    """One HTTP subscription: a consumer of its delivery queue."""

    def __init__(self, pusher: Pusher, queue: str) -> None:
        """Attach to the queue."""
        self.queue = queue
        self._pusher = pusher
        self._queue_id = 0
        self._endpoint: Endpoint | None = None
        self._unseen: list[Delivery] = []
        self._credit = 1
        self._pending_until_ms = 0
        self._ended = False
        self._stopped = False
        self.caller = pusher.road.caller(self._answer)
        self._submit(_ATTACH, Attach(queue, _CONSUMER, self._credit))
        self._submit(_DESCRIBE, DescribeQueue(queue))

    def look(self) -> None:
        """Time went by: a subscription that nobody confirmed goes, and what an ended one left."""
        if self._stopped:
            return
        if self._ended:
            self._submit(_OTHER, DeleteQueue(self.queue, if_empty=True))
        elif 0 < self._pending_until_ms <= self._pusher.now_ms():
            # It may have been confirmed meanwhile.
            self._submit(_DESCRIBE, DescribeQueue(self.queue))

    def stop(self) -> None:
        """Take no more messages."""
        self._stopped = True
        # What is leased stays with the caller.
        self._submit(_OTHER, Detach(_CONSUMER))

    def _submit(self, number: int, command: Command) -> None:
        self._pusher.road.submit(self.caller, number, command)

    def _answer(self, number: int, reply: Reply) -> None:
        if isinstance(reply, Received):
            if reply.messages:
                # The subscription as it is now: it may have been confirmed, or changed.
                self._unseen.extend(reply.messages)
                self._submit(_DESCRIBE, DescribeQueue(self.queue))
        elif isinstance(reply, Described):
            self._queue_id = reply.queue
            self._know(endpoint_of(reply.extras))
        elif isinstance(reply, Detached) or (isinstance(reply, Refused) and number != _OTHER):
            self._pusher.drop(self)

    def _know(self, endpoint: Endpoint) -> None:
        self._ended = self._ended or endpoint.ended
        self._pending_until_ms = endpoint.pending_until_ms
        if 0 < self._pending_until_ms <= self._pusher.now_ms():
            _log.info("%s was not confirmed in time", self.queue)
            self._submit(_OTHER, DeleteQueue(self.queue))
        else:
            self._push_all(endpoint)

    def _push_all(self, endpoint: Endpoint) -> None:
        unseen, self._unseen = self._unseen, []
        for message in unseen:
            if self._stopped:
                # It was no attempt, as where there is no place for one.
                self._settle(message, Verdict(RELEASE))
            else:
                self._pusher.run(self._push(endpoint, message))

    async def _push(self, endpoint: Endpoint, message: Delivery) -> None:
        request = request_of(endpoint, message)
        status = await self._pusher.post(request, doubted=self._credit < PUSHES_PER_ENDPOINT)
        if status is None:
            # It was no attempt, so it must not use one up, as a lease that lapses would.
            self._settle(message, Verdict(RELEASE, heard=self._credit > 1))
            return
        follows = verdict(endpoint, message, status)
        if follows.outcome != ACK:
            _log.info("%s did not take message %d: %d", self.queue, message.offset, status)
        self._settle(message, follows)

    def _settle(self, message: Delivery, follows: Verdict) -> None:
        self._submit(
            _OTHER,
            Settle(
                self.queue,
                (message.offset,),
                (message.lease,),
                (message.delivery_count,),
                follows.outcome,
                follows.after_ms,
                queue_id=self._queue_id,
            ),
        )
        self._ended = self._ended or follows.last
        if self._ended:
            # What waits to be posted again has its tries all the same.
            self._submit(_OTHER, DeleteQueue(self.queue, if_empty=True))
        # An endpoint that does not answer gets one call at a time, and holds one place.
        credit = PUSHES_PER_ENDPOINT if follows.heard else 1
        if credit != self._credit and not self._stopped:
            # More or fewer than before: those under way count, whose credit comes back.
            self._submit(_OTHER, GrantCredit(_CONSUMER, credit - self._credit))
            self._credit = credit
