"""An app under test: its calls go to a broker in memory, and its tasks run where they are called.

It stands in for a link and a worker. The rule kept here: messages are published, leased and settled
by a real broker as ever; only who runs them, and when, is the test's to say.
"""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from postroad.api.asks import Asks
from postroad.api.broker import Broker
from postroad.api.operations import Operations
from postroad.app.claims import Claim, Claims
from postroad.app.company import Companion, Ending, asking, party_of
from postroad.app.context import Context
from postroad.app.declare import declaring
from postroad.app.failing import failing_of, is_final
from postroad.app.flows.names import CANVAS
from postroad.app.flows.working import joined_here
from postroad.app.hooks import Hooks
from postroad.app.inline_reads import InlineReads
from postroad.app.jobs import result_of
from postroad.app.large import fetched, let_go, may_go, told_keys
from postroad.app.link import Link
from postroad.app.outcomes import RetryAfter
from postroad.app.settler import settling_of
from postroad.errors import BlocksLoop, Changed
from postroad.limits import COMPANY_TRIES_MAX, IDEMPOTENCY_LOOK_MS
from postroad.model.message import Delivery

if TYPE_CHECKING:
    from postroad.app.app import App
    from postroad.app.worker import Worker

R = TypeVar("R")

_NAMES: Final = ("with app.test()", "async with app.test()")


class Tested:
    """An app whose tasks and readers run here, until the block is left; use `App.test`.

    `broker`: where its messages are, to look at. On a running loop use `async with` and `adrain`.
    """

    def __init__(self, app: "App", broker: Broker | None, *, inline: bool) -> None:
        self._app = app
        self._own = broker is None
        self.broker = Broker.open(None) if broker is None else broker
        self._inline = inline
        self._is_draining = False
        self._state: Any = None
        self._lives = AsyncExitStack()
        self._runner: asyncio.Runner | None = None
        self._before = app.link
        self._claims: dict[str, Claims | None] = {}
        self._reads: list[InlineReads] = []

    def __enter__(self) -> Self:
        if _on_loop():
            if self._app.lifespans:
                raise BlocksLoop(*_NAMES)
        else:
            self._runner = asyncio.Runner()
            self._runner.run(self._live())
        return self._begun()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            with self._runner as runner:
                runner.run(self._lives.aclose())
        self._end()

    async def __aenter__(self) -> Self:
        await self._live()
        return self._begun()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._lives.aclose()
        self._end()

    def drain(self) -> int:
        """Run every job that is ready, all that there is to read for readers, and what comes of
        these; how many runs it took.

        What a task raises is raised here, after its message was settled as ever: to be retried, or
        dead. What a reader raises is, where it failed for good: a batch is run again at once, and
        halved, and the rest of it is committed first. Jobs that are delayed stay where they are.
        Raises `BlocksLoop` on a running loop.
        """
        if _on_loop() or self._runner is None:
            raise BlocksLoop("drain()", "adrain()")
        return self._runner.run(self.adrain())

    async def adrain(self) -> int:
        """As `drain`, for a running loop."""
        if self._is_draining:
            return 0
        self._is_draining = True
        count = 0
        try:
            while True:
                found = self._next()
                if found is not None:
                    count += 1
                    await self._run(*found)
                elif not self._joined():
                    runs = await self._read()
                    count += runs
                    if not runs:
                        break
        finally:
            self._is_draining = False
        return count

    def called(self) -> None:
        """Something was asked of the broker: run what came of it, where that is wanted."""
        if self._inline and not self._is_draining and not _on_loop() and self._runner is not None:
            self._runner.run(self.adrain())

    async def acalled(self) -> None:
        """As `called`, for a running loop."""
        if self._inline:
            await self.adrain()

    @property
    def later(self) -> Operations:
        """The operations of the broker."""
        return self.broker.later

    def fence_of(self, message: Delivery) -> int:
        """A number that grows with each right to work on what the message asks for."""
        found = [one.fence_of(message) for one in self._claims.values() if one is not None]
        return max(found, default=0) or message.lease

    async def extend(self, message: Delivery, seconds: float) -> None:
        """Let the lease of a message end so many seconds from now."""
        self.broker.extend(message, round(seconds * 1_000))

    def _begun(self) -> Self:
        for worker in self._app.workers.values():
            self.broker.do(declaring(self.broker.later, worker))
        self._reads = [InlineReads(one, self.broker) for one in self._app.readers.values()]
        self._app.relink(_InlineLink(self))
        return self

    def _end(self) -> None:
        self._app.relink(self._before)
        if self._own:
            self.broker.close()

    async def _live(self) -> None:
        for lifespan in self._app.lifespans:
            self._state = await self._lives.enter_async_context(lifespan())

    def _next(self) -> "tuple[Worker[Any, Any], Delivery] | None":
        """A job that is ready, and who runs it."""
        for worker in self._app.workers.values():
            found = self.broker.receive(worker.queue, wait_ms=0)
            if found:
                return worker, found[0]
        return None

    def _joined(self) -> bool:
        """Tell flows what has arrived for them; whether anything had."""
        later, count = self.broker.later, 0
        for workflow in (*self._app.workflows, CANVAS):
            count += self.broker.do(joined_here(later, workflow))
        return count > 0

    async def _read(self) -> int:
        """Run what there is to read; how many runs it took."""
        count = 0
        for reads in self._reads:
            hooks = Hooks(self._app.middleware, batches=True)
            count += await reads.read(hooks, self._state)
        return count

    async def _run(self, worker: "Worker[Any, Any]", message: Delivery) -> None:
        claims = self._claims_of(worker)
        if claims is not None and not await self._may_run(worker, claims, message):
            return
        context = Context(message, worker.queue, self._state, self)
        try:
            if claims is not None:
                claims.check(message)
            context.message = await fetched(self._app.claim_check, message)
            args, kwargs = worker.codec.decode(context.message, context)
            call = _call(worker, args, kwargs)
            result = await Hooks(self._app.middleware).run(context, call)
        except Exception as error:
            if await self._failed(worker, message, error):
                raise
            return
        ending = Ending(message, self._wanting(message), context.asked, result)
        if claims is not None and (claim := claims.taken(message)):
            ending.claim = claim
            ending.beside = [claims.doing(claim, result_of(ending))]
        try:
            await self._settle(ending)
        except Exception as error:
            await self._failed(worker, message, error, ending.claim)
            raise
        await self._let_go(worker, message)

    async def _let_go(self, worker: "Worker[Any, Any]", message: Delivery) -> None:
        """Forget the body of a message that is acked, as a worker does."""
        check = self._app.claim_check
        if check is None or not may_go(check, message):
            return
        if self.broker.describe(worker.queue).settings.keep_settled_ms is None:
            await let_go(check, [message])

    def _claims_of(self, worker: "Worker[Any, Any]") -> Claims | None:
        if worker.queue not in self._claims:
            self._claims[worker.queue] = worker.claims(worker.options.lease_ms)
        return self._claims[worker.queue]

    async def _may_run(self, worker: "Worker[Any, Any]", claims: Claims, message: Delivery) -> bool:
        """Whether a message may run; where its key is done or claimed it is settled here."""
        await told_keys(self._app.claim_check, claims, [message])
        asked = list(map(asking, claims.claiming([message])))
        replies = self.broker.batch(asked, all_or_nothing=False) if asked else []
        found = claims.sort([message], replies)
        for one, result in found.done:
            ending = Ending(one, self._wanting(one))
            ending.was_done(result, worker.codec)
            await self._settle(ending)
            await self._let_go(worker, one)
        if found.wait:
            self.broker.retry(found.wait, IDEMPOTENCY_LOOK_MS)
        return bool(found.run)

    async def _failed(
        self,
        worker: "Worker[Any, Any]",
        message: Delivery,
        error: Exception,
        claim: Claim | None = None,
    ) -> bool:
        """Settle a message whose task raised; whether that is told to the test."""
        retry = worker.options.retry
        failing = failing_of(message, error, retry, retry.attempts)
        final = is_final(failing, retry.attempts)
        ending = Ending(message, self._wanting(message))
        ending.failed(error, failing, final)
        claims = self._claims_of(worker)
        if claims is not None and (claim := claim or claims.taken(message)):
            ending.beside = [claims.freeing(claim)]
        await self._settle(ending)
        return final or not isinstance(error, RetryAfter)

    def _wanting(self, message: Delivery) -> list[Companion]:
        """The companions that want something of a message."""
        return [one for one in self._app.companions if message.head and one.wants(message)]

    async def _settle(self, ending: Ending) -> None:
        """Settle a message with its company; raises what is refused."""
        while True:
            party = await party_of(ending)
            settling = settling_of(self.broker.later, [ending.message], ending.failing)
            try:
                with_ack = [asking(one) for one in party.with_ack]
                self.broker.batch([settling, *with_ack])
            except Changed:
                ending.tries += 1
                if not party.again or ending.tries >= COMPANY_TRIES_MAX:
                    raise
            else:
                break
        if party.beside:
            self.broker.batch([asking(one) for one in party.beside], all_or_nothing=False)


class _InlineLink(Link):
    """A link to the broker of a test, which runs jobs after each call."""

    def __init__(self, tested: Tested) -> None:
        super().__init__(tested.broker)
        self._tested = tested

    def do(self, call: Callable[[Operations], Asks[R]], names: tuple[str, str]) -> R:
        result = super().do(call, names)
        self._tested.called()
        return result

    async def ado(self, call: Callable[[Operations], Asks[R]]) -> R:
        broker = self._tested.broker
        result = broker.do(call(broker.later))
        await self._tested.acalled()
        return result


def _call(
    worker: "Worker[Any, Any]", args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[], Coroutine[Any, Any, Any]]:
    """A run of the task: a plain function on a thread, as a worker does it, so that what blocks
    may do so."""

    async def call() -> Any:
        if worker.is_coroutine:
            return await worker.function(*args, **kwargs)
        result = await asyncio.to_thread(worker.function, *args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return call


def _on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
