"""One worker at work: leases in batches, runs in slots, acks in steps, and a heartbeat.

It stands between a run of the app and one queue. The rule kept here: a message is acked after its
task returned and at no other time; what was not begun goes back.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from postroad.api.aio import AsyncBroker
from postroad.api.operations import Operations
from postroad.app.claims import Claim
from postroad.app.company import Companion, Ending, asking
from postroad.app.context import Context
from postroad.app.failing import failing_of, is_final
from postroad.app.functions import NeverEnded
from postroad.app.gate import Gate, Guard
from postroad.app.hands import Hands, Run
from postroad.app.hooks import Hooks
from postroad.app.jobs import result_of
from postroad.app.large import fetched
from postroad.app.rate import Bucket, per_second_of
from postroad.app.settler import Settler, passed
from postroad.app.slots import Slots
from postroad.app.worker import Worker
from postroad.errors import ConnectionLost, LeaseLost, NotConnected, TimedOut
from postroad.limits import WORKER_AGAIN_MS, WORKER_WAIT_MS
from postroad.model.message import Delivery
from postroad.model.policy import FIFO

_log = logging.getLogger("postroad.app")
_AGAIN: Final = (ConnectionLost, NotConnected, TimedOut)

Function = Callable[..., Any]
"""A task as a coroutine function, wherever it runs."""


class Counts:
    """What a worker did: runs that succeeded, failed, and leases it lost; `left_out`: what was to
    be done beside acks and was refused; `duplicates`: messages acked without a run, for their
    idempotency keys were done."""

    def __init__(self) -> None:
        self.succeeded = 0
        self.failed = 0
        self.lost = 0
        self.left_out = 0
        self.duplicates = 0


class Shift:
    """A worker's run, from its first lease to its last ack."""

    def __init__(
        self,
        worker: Worker[Any, Any],
        broker: AsyncBroker,
        function: Function,
        around: tuple[Hooks, Any],
        now_ms: Callable[[], int],
    ) -> None:
        """`around`: the hooks and the state of the app."""
        self.worker = worker
        self.counts = Counts()
        self.now_ms = now_ms
        self._broker = broker
        self._function = function
        self._hooks, self._state = around
        self._codec = worker.codec
        self._plain = not (self._hooks.any or self._codec.needs_context)
        self._loop = asyncio.get_running_loop()
        self._gate: Gate | None = None
        self._room: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._attempts = worker.queue_options().get("deliveries_max") or 0
        rate = worker.options.rate
        needs_bucket = rate is not None and per_second_of(rate) is None
        self._bucket = Bucket(rate, now_ms()) if rate is not None and needs_bucket else None
        self.broken: asyncio.Future[BaseException] = self._loop.create_future()
        self._companions = tuple(worker.app.companions)
        self._claim_check = worker.app.claim_check
        self._settler = Settler(broker, worker.queue, self)
        self._settler.broken = self.broken

    async def start(self) -> None:
        """Begin. Raises `QueueNotFound` where somebody deleted the queue."""
        worker, options = self.worker, self.worker.options
        settings = (await self._broker.describe(worker.queue)).settings
        self.hands = Hands(
            options.concurrency,
            options.prefetch,
            settings.lease_ms,
            options.timeout_ms,
            ordered=settings.kind == FIFO,
        )
        self._attempts = settings.deliveries_max or self._attempts
        claims = worker.claims(settings.lease_ms)
        if claims is not None:
            guard = Guard(
                worker.queue, self._broker, claims, settings.kind == FIFO, self._claim_check
            )
            self._gate = Gate(guard, self)
            self._plain = False
        name = f"work {worker.queue}"
        self._slots = Slots(self, options.concurrency, options.timeout_s, name)
        self._fetching = self._loop.create_task(self._fetch(), name=f"lease {worker.queue}")
        self.tick()

    def tick(self) -> None:
        """Extend the leases that need it, end the runs that take too long, and look again when it
        is time."""
        if self._timer is not None:
            self._timer.cancel()
        at_ms = self.now_ms()
        for run in self.hands.overdue(at_ms):
            self._slots.end(run)
        held = self.hands.beat(at_ms)
        if held:
            self._spawn(self._extend(held))
        wait_s = (self.hands.next_wake_ms(at_ms) - at_ms) / 1_000
        self._timer = self._loop.call_later(wait_s, self.tick)

    async def stop(self, stop_s: float) -> None:
        """Lease nothing more, give back what was not begun, and wait so long for what runs; then
        that goes back, too.
        """
        self._fetching.cancel()
        with suppress(asyncio.CancelledError):
            await self._fetching
        if self._gate is not None:
            self._gate.close()
        self._release(self.hands.put_down())
        await self._slots.stop(stop_s)
        for run in list(self.hands.running.values()):
            self.left(run)
        if self._timer is not None:
            self._timer.cancel()
        await self._settler.settled()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def hurry(self) -> None:
        """End what runs at once: a stop that waits for it is over soon."""
        self._slots.end_all()

    async def work(self, run: Run) -> Any:
        """Run the task; its result."""
        message = run.message
        if self._gate is not None:
            self._gate.claims.check(message)
        if self._claim_check is not None:
            message = await fetched(self._claim_check, message)
        if self._plain:
            args, kwargs = self._codec.decode(message, None)
            return await self._function(*args, **kwargs)
        context = self._context(message)
        run.asked = context.asked
        args, kwargs = self._codec.decode(message, context)
        return await self._hooks.run(context, lambda: self._function(*args, **kwargs))

    def succeeded(self, run: Run, result: Any) -> None:
        """The task returned."""
        message = run.message
        self.counts.succeeded += 1
        if message.head or run.asked or self._gate is not None:
            self._end(Ending(message, self._wanting(message), run.asked, result))
        else:
            self._settler.ack(message)
        self.hands.over(run)
        self._ended()

    def failed(self, run: Run, error: BaseException) -> None:
        """The task raised."""
        if isinstance(error, NeverEnded):
            self.left(run)
            self.broke(error)
            return
        self.counts.failed += 1
        self._release(self.hands.over(run, done=False))
        self._fail(run.message, error, self._taken(run.message))
        self._ended()

    def left(self, run: Run) -> None:
        """The run was ended from outside, before its end."""
        self._release([*self.hands.over(run, done=False), run.message])

    def broke(self, error: BaseException) -> None:
        """The worker itself is broken."""
        if not self.broken.done():
            self.broken.set_result(error)

    @property
    def later(self) -> Operations:
        """The operations of the broker."""
        return self._broker.later

    def fence_of(self, message: Delivery) -> int:
        """A number that grows with each right to work on what the message asks for."""
        fence = 0 if self._gate is None else self._gate.claims.fence_of(message)
        return fence or message.lease

    async def extend(self, message: Delivery, seconds: float) -> None:
        """Let a lease end so many seconds from now."""
        await self._broker.extend(message, round(seconds * 1_000))

    def lost(self, messages: Sequence[Delivery]) -> None:
        """The leases of these were not ours any more."""
        self._tell_lost(messages)

    def refused(self, ending: Ending, error: BaseException) -> None:
        """What was to be done with an ack was refused: the run has failed."""
        self.counts.succeeded -= 1
        self.counts.failed += 1
        self._fail(ending.message, error, ending.claim)

    def left_out(self, text: str) -> None:
        """What was to be done beside an ack was refused."""
        self.counts.left_out += 1
        _log.error("queue `%s`: not done beside an ack: %s", self.worker.queue, text)

    def begin(self, messages: Sequence[Delivery]) -> None:
        """These may run."""
        if messages:
            self.hands.leased(messages, self.now_ms())
            self._slots.wake()
        self._ended()

    def duplicate(self, message: Delivery, result: bytes) -> None:
        """Another run has done what this message asks for, and came to `result`."""
        self.counts.duplicates += 1
        _log.debug("%s: message %d is done already", self.worker.name, message.offset)
        if self._hooks.duplicate:
            self._spawn(self._hooks.tell_duplicate(self._context(message)))
        ending = Ending(message, self._wanting(message))
        ending.was_done(result, self._codec)
        if ending.companions:
            self._settler.end(ending)
        else:
            self._settler.ack(message)

    def _taken(self, message: Delivery) -> Claim | None:
        return None if self._gate is None else self._gate.claims.taken(message)

    def _release(self, messages: Sequence[Delivery]) -> None:
        self._settler.release(messages)
        if self._gate is not None:
            self._settler.also(self._gate.claims.freeing_all(messages))

    def _fail(self, message: Delivery, error: BaseException, claim: Claim | None) -> None:
        failing = failing_of(message, error, self.worker.options.retry, self._attempts)
        final = is_final(failing, self._attempts)
        self._log_failure(message, error, final)
        wanting = self._wanting(message)
        if wanting or claim is not None:
            ending = Ending(message, wanting)
            ending.failed(error, failing, final)
            if claim is not None and self._gate is not None:
                ending.beside = [self._gate.claims.freeing(claim)]
                self._gate.over(claim.key)
            self._settler.end(ending)
        else:
            self._settler.fail(failing)

    def _end(self, ending: Ending) -> None:
        if self._gate is not None and (claim := self._gate.claims.taken(ending.message)):
            ending.claim = claim
            ending.beside = [self._gate.claims.doing(claim, result_of(ending))]
            ending.freeing = [self._gate.claims.freeing(claim)]
            self._gate.over(claim.key)
        if ending.beside or ending.companions or ending.asked:
            self._settler.end(ending)
        else:
            self._settler.ack(ending.message)

    def _wanting(self, message: Delivery) -> list[Companion]:
        """The companions that want something of a message."""
        if not message.head:
            return []
        return [one for one in self._companions if one.wants(message)]

    def _ended(self) -> None:
        hands = self.hands
        if hands.waiting:
            self._slots.wake()
        if self._room is not None and hands.is_low() and not self._room.done():
            self._room.set_result(None)

    async def _fetch(self) -> None:
        try:
            while True:
                count = self.hands.wanted(self.now_ms())
                if count == 0:
                    self._room = self._loop.create_future()
                    await self._room
                    self._room = None
                    continue
                await self._lease(count)
        except Exception as error:  # noqa: BLE001  (raised again by the run, after its stop)
            self.broke(error)

    async def _lease(self, count: int) -> None:
        """Lease up to so many, waiting for the first of them."""
        bucket = self._bucket
        if bucket is not None:
            count = bucket.take(count, self.now_ms())
            if count == 0:
                await passed(self._loop, bucket.wait_ms())
                return
        queue = self.worker.queue
        try:
            messages = await self._broker.receive(queue, count, wait_ms=WORKER_WAIT_MS)
        except _AGAIN as error:
            _log.warning("queue `%s`: leasing again: %s", queue, error)
            messages = []
            await passed(self._loop, WORKER_AGAIN_MS)
        if bucket is not None:
            bucket.give_back(count - len(messages))
        if messages and self._gate is not None:
            await self._gate.admit(messages, self.now_ms())
        elif messages:
            self.hands.leased(messages, self.now_ms())
            self._slots.wake()

    async def _extend(self, held: Sequence[Delivery]) -> None:
        lease_ms = self.worker.options.lease_ms
        renewing = [] if self._gate is None else self._gate.claims.renewing(held)
        try:
            if not renewing:
                await self._broker.extend(held, lease_ms)
                return
            # A run whose lease is lost goes on, and keeps its key until it is over.
            operations = [self.later.extend(held, lease_ms), *map(asking, renewing)]
            for result in await self._broker.batch(operations, all_or_nothing=False):
                if isinstance(result, LeaseLost):
                    raise result
        except LeaseLost as error:
            self._lose([one for one in error.failed if isinstance(one, Delivery)])
        except _AGAIN as error:
            _log.warning("queue `%s`: leases were not extended: %s", self.worker.queue, error)

    def _lose(self, lost: Sequence[Delivery]) -> None:
        """Leases that could not be extended: what waits is another's now."""
        dropped = self.hands.drop(lost)
        if dropped:
            if self._gate is not None:
                self._settler.also(self._gate.claims.freeing_all(dropped))
            self._tell_lost(dropped)
            # Nothing else may be in hand, and then nothing ends that would let more be leased.
            self._ended()

    def _tell_lost(self, lost: Sequence[Delivery]) -> None:
        self.counts.lost += len(lost)
        for message in lost:
            _log.warning(
                "queue `%s`: the lease of message %d was lost (delivery %d); it may run again",
                self.worker.queue,
                message.offset,
                message.delivery_count,
            )
            if self._hooks.lost:
                self._spawn(self._hooks.tell_lost(self._context(message)))

    def _log_failure(self, message: Delivery, error: BaseException, final: bool) -> None:
        what = (self.worker.name, message.offset, message.delivery_count, self._attempts)
        if final:
            _log.error("%s: message %d failed for good (%d of %d)", *what, exc_info=error)
        else:
            _log.warning("%s: message %d failed (%d of %d): %r", *what, error)

    def _context(self, message: Delivery) -> Context:
        return Context(message, self.worker.queue, self._state, self)

    def _spawn(self, coroutine: Any) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
