"""Back-pressure for who publishes: what happens where a queue takes no more.

It stands over both faces. The rule kept here: what was refused changed nothing, so it may be asked
again; and what is waited is counted, so that no clock is needed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from threading import Event
from typing import Any, Final, Literal, TypeVar, Unpack, get_args

from postroad.api.aio import AsyncBroker
from postroad.api.asks import Asks
from postroad.api.broker import Broker
from postroad.api.messages import Body, CommonOptions, MessageOptions, Outgoing, bytes_of
from postroad.api.operations import Operations
from postroad.api.places import Place
from postroad.errors import BadCommand, QueueFull
from postroad.limits import FLOW_WAIT_S_MAX, FLOW_WAIT_S_MIN
from postroad.model.policy import QueueSettings

R = TypeVar("R")

WhenFull = Literal["wait", "fail", "drop"]
WAIT, FAIL, DROP = get_args(WhenFull)

_ENDLESS: Final = float("inf")


class _NeverFits(QueueFull):
    """The queue would be too small if it were empty, so that nobody needs to wait."""


class BackPressure:
    """How one program publishes where queues may be full. It may be used by many threads, or tasks,
    at once.

    `when_full`: `wait` until there is room, `fail` with `QueueFull`, or `drop` the message.
    `timeout_s`: waits of one call together; then `QueueFull` is raised; `None`: for ever.
    `pause_above`: a queue that holds more messages that wait counts as full, whether it has a limit
    or not; looked at now and then, so that it is passed by a few. Raises `BadCommand`.
    """

    def __init__(
        self,
        when_full: WhenFull = "wait",
        *,
        timeout_s: float | None = None,
        pause_above: int | None = None,
    ) -> None:
        if when_full not in (WAIT, FAIL, DROP):
            raise BadCommand("`when_full` is wait, fail or drop")
        if timeout_s is not None and (type(timeout_s) not in (int, float) or not timeout_s >= 0):
            raise BadCommand("`timeout_s` is a number of seconds from 0 on")
        if pause_above is not None and (type(pause_above) is not int or pause_above < 0):
            raise BadCommand("`pause_above` is a whole number from 0 on")
        self.waited_s = 0.0
        """By all calls together."""
        self.dropped = 0
        """Calls whose messages were dropped."""
        self._when_full = when_full
        self._timeout_s = _ENDLESS if timeout_s is None else timeout_s
        self._pause_above = pause_above
        self._room: dict[str, int] = {}

    def publish(
        self, broker: Broker, queue: str, body: Body, **options: Unpack[MessageOptions]
    ) -> Place | None:
        """As `broker.publish`; `None` where the message was dropped."""
        later = broker.later
        return self._run(
            lambda: broker.do(
                self._publish(later, queue, [body], later.publish(queue, body, **options))
            )
        )

    def publish_many(
        self,
        broker: Broker,
        queue: str,
        messages: Sequence[Body | Outgoing],
        **options: Unpack[CommonOptions],
    ) -> Place | None:
        """As `broker.publish_many`; `None` where the messages were dropped."""
        later = broker.later

        def once() -> Place:
            publishing = later.publish_many(queue, messages, **options)
            return broker.do(self._publish(later, queue, messages, publishing))

        return self._run(once)

    async def apublish(
        self, broker: AsyncBroker, queue: str, body: Body, **options: Unpack[MessageOptions]
    ) -> Place | None:
        """As `publish`, for a running loop."""
        later = broker.later

        async def once() -> Place:
            publishing = later.publish(queue, body, **options)
            return await broker.do(self._publish(later, queue, [body], publishing))

        return await self.acall(once)

    async def apublish_many(
        self,
        broker: AsyncBroker,
        queue: str,
        messages: Sequence[Body | Outgoing],
        **options: Unpack[CommonOptions],
    ) -> Place | None:
        """As `publish_many`, for a running loop."""
        later = broker.later

        async def once() -> Place:
            publishing = later.publish_many(queue, messages, **options)
            return await broker.do(self._publish(later, queue, messages, publishing))

        return await self.acall(once)

    def call(self, attempt: Callable[[], R]) -> R | None:
        """The result of anything that raises `QueueFull` where there is no room, such as
        `lambda: task.delay(...)`; `None` where it was dropped.
        """
        return self._run(attempt)

    async def acall(self, attempt: Callable[[], Awaitable[R]]) -> R | None:
        """As `call`, for a running loop: `attempt` returns what is awaited."""
        waits = self._waits()
        while True:
            try:
                return await attempt()
            except QueueFull as error:
                wait_s = self._next_wait(waits, error)
            if wait_s is None:
                return None
            await _passed(wait_s)

    def _run(self, attempt: Callable[[], R]) -> R | None:
        waits = self._waits()
        while True:
            try:
                return attempt()
            except QueueFull as error:
                wait_s = self._next_wait(waits, error)
            if wait_s is None:
                return None
            Event().wait(wait_s)

    def _next_wait(self, waits: Generator[float, None, None], error: QueueFull) -> float | None:
        """How long to wait before the next try; `None`: the message is dropped. Raises `error`."""
        if self._when_full == DROP:
            self.dropped += 1
            return None
        patient = self._when_full == WAIT and not isinstance(error, _NeverFits)
        wait_s = next(waits, None) if patient else None
        if wait_s is None:
            raise error
        self.waited_s += wait_s
        return wait_s

    def _waits(self) -> Generator[float, None, None]:
        """The waits of one call, each twice as long as the one before."""
        left_s, wait_s = self._timeout_s, FLOW_WAIT_S_MIN
        while left_s > 0:
            yield min(wait_s, left_s)
            left_s -= wait_s
            wait_s = min(2 * wait_s, FLOW_WAIT_S_MAX)

    def _publish(
        self,
        later: Operations,
        queue: str,
        messages: Sequence[Body | Outgoing],
        publishing: Asks[Place],
    ) -> Asks[Place]:
        """Publish, where not too many messages wait. Raises `QueueFull`."""
        above, count = self._pause_above, len(messages)
        if above is not None:
            room = self._room.get(queue, 0)
            if room < count:
                found = yield from later.describe(queue)
                waiting = found.ready + found.delayed
                if waiting > above:
                    raise QueueFull(f"queue `{queue}` has {waiting:,} messages that wait", queue)
                # Others publish, too: half of what there is may be used before the next look.
                room = (above - waiting) // 2
            self._room[queue] = room - count
        try:
            return (yield from publishing)
        except QueueFull:
            settings = (yield from later.describe(queue)).settings
            if not _could_fit(settings, messages):
                text = f"queue `{queue}` never has room for so much at once; publish less, or more"
                raise _NeverFits(f"{text} often", queue) from None
            raise


def _could_fit(settings: QueueSettings, messages: Sequence[Body | Outgoing]) -> bool:
    """Whether a queue has room for messages when it is empty, as far as their bodies say."""
    if settings.length_max is not None and len(messages) > settings.length_max:
        return False
    if settings.bytes_max is None:
        return True
    bodies = (one.body if isinstance(one, Outgoing) else one for one in messages)
    return sum(len(bytes_of(body)) for body in bodies) <= settings.bytes_max


async def _passed(seconds: float) -> None:
    """Wait so long."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    timer = asyncio.get_running_loop().call_later(seconds, done.set_result, None)
    try:
        await done
    finally:
        timer.cancel()
