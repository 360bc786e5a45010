"""One worker at work: leases in batches, runs in slots, acks in steps, and a heartbeat.

It stands between a run of the app and one queue. The rule kept here: a message is acked after its
task returned and at no other time; what was not begun goes back.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from postroad.api.aio import AsyncBroker
from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.app.again import CUT_OFF
from postroad.app.claims import Claim
from postroad.app.company import Companion, Ending, asking
from postroad.app.context import Context
from postroad.app.declare import describing
from postroad.app.failing import failing_of, is_final
from postroad.app.functions import NeverEnded
from postroad.app.gate import Gate, Guard
from postroad.app.hands import Hands, Run
from postroad.app.hooks import Hooks
from postroad.app.jobs import result_of
from postroad.app.large import Forgetting, fetched
from postroad.app.leasing import Leasing
from postroad.app.settler import Settler
from postroad.app.slots import Slots
from postroad.app.worker import Worker
from postroad.errors import LeaseLost
from postroad.limits import CLAIMS_STOP_S
from postroad.model.message import Delivery
from postroad.model.policy import FIFO, QueueSettings

_log = logging.getLogger("postroad.app")

Function = Callable[..., Any]
"""A task as a coroutine function, wherever it runs."""


class Counts:
    """What a worker did: runs that succeeded, failed, and leases it lost; `left_out`: what was to
    be done beside acks and was refused; `duplicates`: messages acked without a run, for their
    idempotency keys were done; `gone`: how often its queue was."""

    def __init__(self) -> None:
        self.succeeded = 0
        self.failed = 0
        self.lost = 0
        self.left_out = 0
        self.duplicates = 0
        self.gone = 0


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
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._attempts = worker.queue_options().get("deliveries_max") or 0
        self._leasing = Leasing(worker, broker, self)
        self.broken: asyncio.Future[BaseException] = self._loop.create_future()
        self._companions = tuple(worker.app.companions)
        self._claim_check = worker.app.claim_check
        self._forgetting = Forgetting(self._claim_check)
        self._settler = Settler(broker, worker.queue, self)
        self._settler.broken = self.broken

    async def start(self) -> None:
        """Begin."""
        worker, options = self.worker, self.worker.options
        described = await self._broker.do(describing(self._broker.later, worker))
        settings = described.settings
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
        self._settler.acked = self._forgetting.hears(settings)
        name = f"work {worker.queue}"
        self._slots = Slots(self, options.concurrency, options.timeout_s, name)
        self._leasing.start(described.queue)
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
        until_s = self._loop.time() + stop_s
        await self._leasing.stop()
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
        await self._forgetting.ended(max(CLAIMS_STOP_S, until_s - self._loop.time()))

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
        if message.head or run.asked or self._gate is not None or run.is_lost:
            ending = Ending(message, self._wanting(message), run.asked, result)
            ending.is_orphan = run.is_lost
            self._end(ending)
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
        self._fail(run.message, error, self._taken(run.message), run.is_lost)
        self._ended()

    def left(self, run: Run) -> None:
        """The run was ended from outside, before its end."""
        if run.is_lost:
            self.hands.over(run)
            self._free([run.message])
            self._tell_lost([run.message])
            return
        self._release([*self.hands.over(run, done=False), run.message])

    async def take(self, messages: Sequence[Delivery]) -> None:
        """These were leased."""
        if self._gate is not None:
            await self._gate.admit(messages, self.now_ms())
        else:
            self.hands.leased(messages, self.now_ms())
            self._slots.wake()

    def give_back(self, messages: Sequence[Delivery]) -> None:
        """These were leased, and come again."""
        self._settler.release(messages)

    def orphan(self) -> int:
        """The queue of all that is in hand is gone; how many messages that was."""
        self.counts.gone += 1
        dropped = self.hands.orphan()
        self._free(dropped)
        self._count_lost(dropped)
        return len(dropped) + len(self.hands.running)

    def adopt(self, settings: QueueSettings) -> None:
        """This is how the queue is now. Nothing of it is in hand."""
        self._attempts = settings.deliveries_max or self._attempts
        self.hands.adopt(settings.lease_ms, ordered=settings.kind == FIFO)
        self._settler.acked = self._forgetting.hears(settings)
        if self._gate is not None:
            self._gate.adopt(settings.kind == FIFO)

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
        """What was to be done with an ack was refused: the run has failed, or the message is no
        duplicate that is over."""
        if ending.is_duplicate:
            self.counts.duplicates -= 1
        else:
            self.counts.succeeded -= 1
        self.counts.failed += 1
        self._fail(ending.message, error, ending.claim, ending.is_orphan)

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
        self._free(messages)

    def _free(self, messages: Sequence[Delivery]) -> None:
        """The keys these hold may be claimed by others."""
        if self._gate is not None:
            self._settler.also(self._gate.claims.freeing_all(messages))

    def _fail(
        self, message: Delivery, error: BaseException, claim: Claim | None, is_orphan: bool
    ) -> None:
        failing = failing_of(message, error, self.worker.options.retry, self._attempts)
        final = is_final(failing, self._attempts)
        self._log_failure(message, error, final)
        wanting = self._wanting(message)
        if wanting or claim is not None or is_orphan:
            ending = Ending(message, wanting)
            ending.is_orphan = is_orphan
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
        if ending.beside or ending.companions or ending.asked or ending.is_orphan:
            self._settler.end(ending)
        else:
            self._settler.ack(ending.message)

    def _wanting(self, message: Delivery) -> list[Companion]:
        """The companions that want something of a message."""
        if not message.head:
            return []
        return [one for one in self._companions if one.wants(message)]

    def _ended(self) -> None:
        if self.hands.waiting:
            self._slots.wake()
        self._leasing.look()

    async def _extend(self, held: Sequence[Delivery]) -> None:
        lease_ms = self.worker.options.lease_ms
        renewing = [] if self._gate is None else self._gate.claims.renewing(held)
        orphans = {id(run.message) for run in self.hands.running.values() if run.is_lost}
        held = [one for one in held if id(one) not in orphans] if orphans else held
        try:
            if not renewing:
                if held:
                    await self._broker.extend(held, lease_ms)
                return
            # A run whose lease is lost goes on, and keeps its key until it is over.
            operations: list[Asks[Any]] = list(map(asking, renewing))
            if held:
                operations.append(self.later.extend(held, lease_ms))
            for result in await self._broker.batch(operations, all_or_nothing=False):
                if isinstance(result, LeaseLost):
                    raise result
        except LeaseLost as error:
            self._settler.also(renewing)  # nothing was asked where the queue is known to be gone
            self._lose([one for one in error.failed if isinstance(one, Delivery)])
        except CUT_OFF as error:
            _log.warning("queue `%s`: leases were not extended: %s", self.worker.queue, error)

    def _lose(self, lost: Sequence[Delivery]) -> None:
        """Leases that could not be extended: what waits is another's now."""
        dropped = self.hands.drop(lost)
        if dropped:
            self._free(dropped)
            self._tell_lost(dropped)
            # Nothing else may be in hand, and then nothing ends that would let more be leased.
            self._ended()

    def _tell_lost(self, lost: Sequence[Delivery]) -> None:
        self._count_lost(lost)
        for message in lost:
            _log.warning(
                "queue `%s`: the lease of message %d was lost (delivery %d); it may run again",
                self.worker.queue,
                message.offset,
                message.delivery_count,
            )

    def _count_lost(self, lost: Sequence[Delivery]) -> None:
        self.counts.lost += len(lost)
        if self._hooks.lost:
            for message in lost:
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
