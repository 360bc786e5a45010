"""Pushes of queues: what waits in a queue is leased, posted to its web address, and settled by the
answer.

It stands beside the hub, a caller of the engine like any connection. The rule kept here: a message
is acked by an answer from 200 to 299 and by nothing else; whatever ends a call otherwise, a crash
of this process among it, leaves the message to its queue.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

from postroad.limits import (
    WEBHOOK_LOOK_MS,
    WEBHOOK_MISSING_LOOKS,
    WEBHOOK_QUEUES_MAX,
    WEBHOOK_QUEUES_PAGE,
    WEBHOOKS_BEGUN_MAX,
    WEBHOOKS_DOUBTED_MAX,
    WEBHOOKS_MAX,
)
from postroad.model.commands import (
    ACK,
    RELEASE,
    Attach,
    Command,
    DescribeQueue,
    Detach,
    GrantCredit,
    Settle,
)
from postroad.model.kv import KvGet, KvScan
from postroad.model.kv_replies import KvGot, KvScanned
from postroad.model.message import Delivery
from postroad.model.policy import FIFO, QueueSettings
from postroad.model.pushes import PUSH_SPACE, PushSettings, shown_url
from postroad.model.replies import Described, Detached, Received, Refused, Reply, Settled
from postroad.net.order import Lines, Pace
from postroad.net.poster import NO_ANSWER, Answer, Poster
from postroad.net.push import AskingRoad
from postroad.net.push_book import PushBook
from postroad.net.rounds import Rounds
from postroad.net.webhooks import Sequel, sequel, webhook_of

_CONSUMER: Final = 1
_DESCRIBE, _ATTACH, _OTHER = 1, 2, 3
_FIRST_SETTLE: Final = 4

_log = logging.getLogger("postroad.net")


class QueuePusher:
    """All queues of a broker that are pushed."""

    def __init__(
        self,
        road: AskingRoad,
        poster: Poster,
        now_ms: Callable[[], int],
        site: str,
        look_ms: int = WEBHOOK_LOOK_MS,
        queues_max: int = WEBHOOK_QUEUES_MAX,
    ) -> None:
        """`poster` makes the calls; `now_ms` reads the wall clock; `site`: as `site_of` says;
        `look_ms`: how soon a push that was set is seen; `queues_max`: so many are pushed."""
        self.road = road
        self.now_ms = now_ms
        self.posted = 0
        self.failed = 0
        self.under_way = 0
        self._site = site
        self._poster = poster
        self._places = asyncio.Semaphore(WEBHOOKS_MAX)
        self._doubted_places = asyncio.Semaphore(WEBHOOKS_DOUBTED_MAX)
        self._book = PushBook(queues_max)
        self._feeds: dict[str, QueueFeed] = {}
        self._missing: dict[str, int] = {}
        self._rounds = Rounds(self._look, look_ms)

    def start(self) -> None:
        """Begin to look for pushes."""
        self._rounds.begin()

    async def close(self, wait_ms: int) -> None:
        """Take no more messages; what is under way may end in `wait_ms`, the rest is given back."""
        self._rounds.end()
        for feed in list(self._feeds.values()):
            feed.stop()
        await self._rounds.ended(wait_ms)
        for feed in list(self._feeds.values()):
            self.drop(feed)
        await self._poster.close()

    def figures(self) -> dict[str, float]:
        """Gauges and counters by the names of `postroad.metrics`."""
        return {
            "queue_pushes": len(self._feeds),
            "queue_pushes_under_way": self.under_way,
            "queue_pushes_total": self.posted,
            "queue_pushes_failed_total": self.failed,
        }

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Do something beside the loop's other work until the pusher is closed."""
        self._rounds.run(work)

    def place(self, *, doubted: bool) -> asyncio.Semaphore:
        """What is held during a request. `doubted`: the endpoint did not answer last, and takes no
        place of those that do."""
        return self._doubted_places if doubted else self._places

    async def post(self, push: PushSettings, queue: str, message: Delivery) -> Answer:
        """POST a message; what came of it."""
        self.under_way += 1
        try:
            made = webhook_of(push, queue, message, self._site, self.now_ms())
            answer = await self._poster.send(made.url, made.headers, made.body, push.timeout_ms)
        except Exception as error:  # noqa: BLE001  (a bug costs this attempt alone)
            _log.exception("a message of `%s` could not be posted", queue)
            answer = Answer(NO_ANSWER, f"the request could not be made: {error!r}")
        finally:
            self.under_way -= 1
        self.posted += 1
        self.failed += not 200 <= answer.status < 300
        return answer

    def drop(self, feed: "QueueFeed", missing: str = "") -> None:
        """It takes no more messages, and has none in hand; `missing`: why its queue cannot be had,
        so that it is tried again after a while."""
        if self._feeds.get(feed.queue) is not feed:
            return
        del self._feeds[feed.queue]
        feed.end()
        self.road.forget(feed.caller)
        if missing and not self._rounds.is_over:
            if feed.queue not in self._missing:
                _log.warning("`%s` is to be pushed and cannot be: %s", feed.queue, missing)
            self._missing[feed.queue] = WEBHOOK_MISSING_LOOKS

    async def _look(self) -> None:
        """See which pushes there are now."""
        found = await self._read_all()
        if found is not None and not self._rounds.is_over:
            self._compare(found)

    async def _read_all(self) -> dict[str, bytes] | None:
        """What is kept for each queue; `None` where it cannot be had."""
        found: dict[str, bytes] = {}
        cursor = 0
        while True:
            page = await self.road.ask(KvScan(PUSH_SPACE, cursor, WEBHOOK_QUEUES_PAGE))
            if not isinstance(page, KvScanned):
                return None
            if page.keys:
                got = await self.road.ask(KvGet(PUSH_SPACE, page.keys, lenient=True))
                if not isinstance(got, KvGot):
                    return None
                for key, text in zip(page.keys, got.values, strict=True):
                    found[key.decode(errors="replace")] = text or b""
            cursor = page.cursor
            if not cursor:
                return found

    def _compare(self, found: dict[str, bytes]) -> None:
        """Begin, change and end what is not as it was."""
        changed = self._book.update(found)
        wanted = self._book.wanted
        for queue in [queue for queue in self._missing if queue not in wanted]:
            del self._missing[queue]
        for queue in changed & self._feeds.keys():
            if queue in wanted:
                self._feeds[queue].change(wanted[queue])
            else:
                self._feeds[queue].stop()
        for queue in self._due(wanted.keys() - self._feeds.keys()):
            self._feeds[queue] = QueueFeed(self, queue, wanted[queue])

    def _due(self, waiting: set[str]) -> list[str]:
        """The queues that are tried now: one that was not there is tried again after some looks.
        The others wait for the next looks, so that no turn of the loop is long.
        """
        for queue in waiting & self._missing.keys():
            self._missing[queue] -= 1
        due = [queue for queue in waiting if self._missing.get(queue, 0) <= 0]
        # Those that were not there wait behind the others, and none of them for ever.
        due.sort(key=lambda queue: (queue in self._missing, self._missing.get(queue, 0)))
        return due[:WEBHOOKS_BEGUN_MAX]


class QueueFeed:
    """One queue that is pushed: a consumer of it."""

    def __init__(self, pusher: QueuePusher, queue: str, push: PushSettings) -> None:
        """Attach to the queue. The leases have no deadline: they last as long as the requests."""
        self.queue = queue
        self._pusher = pusher
        self._push = push
        self._queue_id = 0
        self._unseen: list[Delivery] = []
        self._in_hand = 0
        self._numbers = _FIRST_SETTLE
        self._settling: dict[int, asyncio.Future[None]] = {}
        self._is_over = False
        self._credit = push.concurrency
        self._heard = True
        self._pace = Pace(push.per_second)
        self._lines = Lines()
        self._stopped = asyncio.Event()
        self.caller = pusher.road.caller(self._answer)
        self._submit(_ATTACH, Attach(queue, _CONSUMER, self._credit))

    def change(self, push: PushSettings) -> None:
        """What is kept for the queue is this now; it counts for the next message."""
        if push == self._push:
            return
        self._push = push
        self._pace.per_second = push.per_second
        self._heard = True
        self._grant()

    def stop(self) -> None:
        """Take no more messages; those under way come to their end."""
        if not self._stopped.is_set():
            self._stopped.set()
            # What is leased stays with the caller.
            self._submit(_OTHER, Detach(_CONSUMER))
            self._drop_if_idle()

    def end(self) -> None:
        """The queue is gone, or all is done: no answer comes any more."""
        self._stopped.set()
        self._is_over = True
        for waiting in self._settling.values():
            waiting.cancel()

    def _submit(self, number: int, command: Command) -> None:
        self._pusher.road.submit(self.caller, number, command)

    def _answer(self, number: int, reply: Reply) -> None:
        if number >= _FIRST_SETTLE:
            self._settled(number, reply)
        elif isinstance(reply, Received):
            if reply.messages:
                # The queue's settings as they are now say what follows from an answer.
                self._unseen.extend(reply.messages)
                self._submit(_DESCRIBE, DescribeQueue(self.queue))
        elif isinstance(reply, Described):
            self._queue_id = reply.queue
            self._push_all(reply.settings)
        elif isinstance(reply, Detached):
            self._pusher.drop(self, "it is gone")
        elif isinstance(reply, Refused) and number != _OTHER:
            self._pusher.drop(self, reply.text or reply.why.name.lower())

    def _push_all(self, settings: QueueSettings) -> None:
        unseen, self._unseen = self._unseen, []
        if self._stopped.is_set():
            self._in_hand += len(unseen)
            self._pusher.run(self._give_back(unseen))
            return
        for message in unseen:
            if settings.kind != FIFO or self._lines.enter(message):
                self._in_hand += 1
                self._pusher.run(self._carry(message, settings))

    async def _carry(self, message: Delivery, settings: QueueSettings) -> None:
        """Post a message, and then those that came behind it in its order."""
        following: Delivery | None = message
        while following is not None:
            message = following
            follows = await self._attempt(message, settings)
            following, behind = self._lines.leave(message, taken=follows.outcome == ACK)
            # Those behind are given back after the one they must not overtake.
            answers = [self._settle([message], follows)]
            if behind:
                answers.append(self._settle(behind, Sequel(RELEASE)))
            await asyncio.wait(answers)
        self._in_hand -= 1
        self._drop_if_idle()

    async def _give_back(self, messages: list[Delivery]) -> None:
        await asyncio.wait([self._settle(messages, Sequel(RELEASE))])
        self._in_hand -= len(messages)
        self._drop_if_idle()

    async def _attempt(self, message: Delivery, settings: QueueSettings) -> Sequel:
        if not await self._has_turn():
            return Sequel(RELEASE)
        async with self._pusher.place(doubted=not self._heard):
            # The push may be stopped, or another one, since it waits for its place.
            if self._stopped.is_set():
                return Sequel(RELEASE)
            push = self._push
            answer = await self._pusher.post(push, self.queue, message)
        now_ms = self._pusher.now_ms()
        follows = sequel(push, settings, message.delivery_count, answer, now_ms)
        if follows.outcome != ACK:
            words = (self.queue, message.offset, message.delivery_count, follows.failure)
            _log.info("`%s`: message %d, delivery %d: %s", *words)
        if follows.hold_ms:
            self._pace.hold(asyncio.get_running_loop().time(), follows.hold_ms / 1_000)
        if follows.heard != self._heard:
            self._heard = follows.heard
            self._grant()
        return follows

    async def _has_turn(self) -> bool:
        """Wait as long as the rate, or the endpoint, wants it; false where the push was stopped."""
        loop = asyncio.get_running_loop()
        while not self._stopped.is_set():
            wait_s = self._pace.wait_s(loop.time())
            if wait_s <= 0:
                return True
            try:
                async with asyncio.timeout(wait_s):
                    await self._stopped.wait()
            except TimeoutError:
                continue
        return False

    def _grant(self) -> None:
        """An endpoint that does not work gets one request at a time, and holds one place."""
        credit = self._push.concurrency if self._heard else 1
        if credit != self._credit and not self._stopped.is_set():
            self._submit(_OTHER, GrantCredit(_CONSUMER, credit - self._credit))
            self._credit = credit
            _log.info("`%s` is pushed to %s, %d at once", self.queue, self._shown(), credit)

    def _shown(self) -> str:
        return shown_url(self._push.url)

    def _settle(self, messages: list[Delivery], follows: Sequel) -> "asyncio.Future[None]":
        """Settle messages; what is returned is done when they are, or never can be."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._is_over:
            done.cancel()
            return done
        self._numbers += 1
        self._settling[self._numbers] = done
        self._submit(
            self._numbers,
            Settle(
                self.queue,
                [one.offset for one in messages],
                [one.lease for one in messages],
                [one.delivery_count for one in messages],
                follows.outcome,
                follows.after_ms,
                queue_id=self._queue_id,
                failure=follows.failure,
            ),
        )
        return done

    def _settled(self, number: int, reply: Reply) -> None:
        if isinstance(reply, Refused) or (isinstance(reply, Settled) and reply.failed):
            _log.warning("`%s`: what was posted could not be settled: %s", self.queue, reply)
        done = self._settling.pop(number, None)
        if done is not None and not done.done():
            done.set_result(None)

    def _drop_if_idle(self) -> None:
        if self._stopped.is_set() and not self._in_hand and not self._unseen:
            self._pusher.drop(self)
