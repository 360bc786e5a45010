"""What becomes of messages whose runs are over: acks, retries, rejects and releases, many in one
step.

It stands between a shift and the broker. The rule kept here: one step is under way at a time, and
all that is over meanwhile is the next; an ack that came too late is told, never dropped.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from postroad.api.aio import AsyncBroker
from postroad.api.asks import Asks
from postroad.api.operations import Operations
from postroad.app.again import CUT_OFF, passed
from postroad.app.company import Ending, Party, asking, bytes_of, party_of
from postroad.app.large import Acked, then
from postroad.app.outcomes import Failing
from postroad.errors import (
    Changed,
    LeaseLost,
    Refusal,
)
from postroad.limits import BATCH_COMMANDS_MAX, COMPANY_BYTES, COMPANY_TRIES_MAX, WORKER_AGAIN_MS
from postroad.model.commands import Command
from postroad.model.message import Delivery
from postroad.model.replies import Refused, Why
from postroad.model.value import value

_log = logging.getLogger("postroad.app")


class Hears(Protocol):
    """Who is told how the settling went."""

    def lost(self, messages: Sequence[Delivery]) -> None:
        """The leases of these were not ours any more."""

    def refused(self, ending: Ending, error: BaseException) -> None:
        """What goes with the ack of a message was refused, or could not be said: its run has
        failed."""

    def left_out(self, text: str) -> None:
        """One that came along was refused."""


class Settler:
    """The messages of one worker that are over, until that is durable."""

    def __init__(self, broker: AsyncBroker, queue: str, hears: Hears) -> None:
        self._broker = broker
        self._queue = queue
        self._hears = hears
        self.acked: Acked | None = None
        self._loop = asyncio.get_running_loop()
        self._acks: list[Delivery] = []
        self._failing: list[Failing] = []
        self._released: list[Delivery] = []
        self._endings: list[Ending] = []
        self._besides: list[Command] = []
        self._is_late = False
        self._task: asyncio.Task[None] | None = None
        self.broken: asyncio.Future[BaseException] = self._loop.create_future()

    def ack(self, message: Delivery) -> None:
        """The work is done."""
        self._acks.append(message)
        if self._task is None:
            self._begin()

    def fail(self, failing: Failing) -> None:
        """The work failed."""
        self._failing.append(failing)
        if self._task is None:
            self._begin()

    def end(self, ending: Ending) -> None:
        """The work is done, or failed, and there is company."""
        self._endings.append(ending)
        if self._task is None:
            self._begin()

    def release(self, messages: Sequence[Delivery]) -> None:
        """The work was not begun, or not done to its end, and the messages are not to blame."""
        self._released.extend(messages)
        if messages and self._task is None:
            self._begin()

    def also(self, commands: Sequence[Command]) -> None:
        """This is to be done, too, behind what was said to be over before."""
        self._besides.extend(commands)
        if commands and self._task is None:
            self._begin()

    async def settled(self) -> None:
        """Wait until all of it is durable."""
        while self._task is not None:
            await asyncio.wait((self._task,))

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._settle(), name=f"settle {self._queue}")

    async def _settle(self) -> None:
        # Begun a turn later: what else is over in this turn comes along.
        try:
            while self._has_more():
                await self._step()
                if self._is_late:
                    self._is_late = False
                    await passed(self._loop, WORKER_AGAIN_MS)
        except BaseException as error:
            if not self.broken.done():
                self.broken.set_result(error)
            raise
        finally:
            self._task = None

    def _has_more(self) -> bool:
        alone = self._acks or self._failing or self._released
        return bool(alone or self._endings or self._besides)

    async def _step(self) -> None:
        """Settle what there is."""
        alone = _Alone(self._acks, self._failing, self._released, self._besides)
        endings = self._endings
        self._acks, self._failing, self._released, self._besides = [], [], [], []
        self._endings = []
        if not endings:
            await self._free(alone)
            return
        found = await self._parties(endings)
        parties = [party for party in found if not self._is_let_go(party)]
        await asyncio.gather(
            self._free(alone),
            self._beside([party for party in parties if not party.with_ack]),
            self._with_ack([party for party in parties if party.with_ack]),
        )

    def _is_let_go(self, party: Party) -> bool:
        """Whether a message's queue is gone: what stands for itself is done without it."""
        if not party.ending.is_orphan:
            return False
        self._hears.lost([party.ending.message])
        self.also(party.ending.freeing if party.with_ack else party.beside)
        return True

    async def _parties(self, endings: list[Ending]) -> list[Party]:
        parties: list[Party] = []
        companions: list[Ending] = []
        for ending in endings:
            if ending.companions:
                companions.append(ending)
            else:
                parties.append(Party(ending, list(ending.asked), list(ending.beside), False))
        found = await asyncio.gather(*map(self._party, companions))
        parties.extend(party for party in found if party is not None)
        return parties

    async def _party(self, ending: Ending) -> Party | None:
        try:
            return await party_of(ending)
        except CUT_OFF as error:
            self._say_again(error)
            self._endings.append(ending)
        except Exception as error:  # noqa: BLE001  (a companion is code of others)
            self._refused(ending, error)
        return None

    async def _free(self, alone: "_Alone") -> None:
        """Settle what stands each for itself: one lease that was lost takes nothing from the
        others."""
        try:
            if alone.is_acks:
                await self._ack_all(alone.acks)
                return
            operations = self._operations(alone)
            for start in range(0, len(operations), BATCH_COMMANDS_MAX):
                part = operations[start : start + BATCH_COMMANDS_MAX]
                self._tell(await self._broker.batch(part, all_or_nothing=False))
        except LeaseLost:
            # The queue is gone, and all leases with it; what else there is to do stands.
            self._hears.lost([*alone.acks, *(one.message for one in alone.failing)])
            self.also(alone.besides)
        except CUT_OFF as error:
            self._say_again(error)
            self._acks[:0], self._failing[:0] = alone.acks, alone.failing
            self._released[:0], self._besides[:0] = alone.released, alone.besides

    async def _ack_all(self, acks: list[Delivery]) -> None:
        try:
            await self._broker.do(self._acking(acks))
        except LeaseLost as error:
            self._tell([error])

    async def _beside(self, parties: list[Party]) -> None:
        """Settle messages with company that stands for itself."""
        for part in _parts(parties):
            try:
                operations = self._operations_of(part)
                self._tell(await self._broker.batch(operations, all_or_nothing=False))
            except CUT_OFF as error:
                self._say_again(error)
                self._endings.extend(party.ending for party in part)
            except LeaseLost:
                self._hears.lost([party.ending.message for party in part])
                self.also([one for party in part for one in party.beside])
            except Refusal as error:
                # One of them is nothing that a batch takes: the others must not wait for it.
                if len(part) > 1:
                    for party in part:
                        await self._beside([party])
                else:
                    self._hears.left_out(str(error))
                    self._settle_bare(part[0].ending)
                    self.also(part[0].ending.beside)

    def _settle_bare(self, ending: Ending) -> None:
        if ending.failing is None:
            self.ack(ending.message)
        else:
            self.fail(ending.failing)

    async def _with_ack(self, parties: list[Party]) -> None:
        """Settle messages with what is done with them or not at all: together, for that is one
        step, and where any of it is refused each by itself."""
        alone: list[Party] = []
        for part in _parts(parties):
            if len(part) == 1 or not await self._together(part):
                alone.extend(part)
        await asyncio.gather(*map(self._bound, alone))

    async def _together(self, part: list[Party]) -> bool:
        try:
            await self._broker.batch(self._operations_of(part))
        except CUT_OFF as error:
            self._say_again(error)
            self._endings.extend(party.ending for party in part)
        except Refusal:
            return False
        return True

    def _operations_of(self, part: list[Party]) -> list[Asks[Any]]:
        """All that a part of the parties wants done."""
        acks = [party.ending.message for party in part if party.ending.failing is None]
        operations: list[Asks[Any]] = [self._acking(acks)] if acks else []
        for party in part:
            if party.ending.failing is not None:
                operations.append(self._settling(party.ending))
            operations.extend(map(asking, party.with_ack))
            operations.extend(map(asking, party.beside))
        return operations

    async def _bound(self, party: Party) -> None:
        """Settle one message with what is done with it or not at all."""
        ending = party.ending
        try:
            if not await self._whole(party, [*party.with_ack, *party.beside]):
                await self._without_others(party)
        except CUT_OFF as error:
            self._say_again(error)
            self._endings.append(ending)
        except LeaseLost:
            self._hears.lost([ending.message])
            self.also(ending.freeing)
        except Changed as error:
            ending.tries += 1
            if party.again and ending.tries < COMPANY_TRIES_MAX:
                self._endings.append(ending)
            else:
                self._refused(ending, error)
        except Refusal as error:
            self._refused(ending, error)

    async def _without_others(self, party: Party) -> None:
        """What stands for itself may have been in the way, and comes behind; but what the worker
        says of its keys belongs into the step of the ack, where that can be."""
        own = party.ending.beside
        others = party.beside[len(own) :]
        if own and others and await self._whole(party, [*party.with_ack, *own]):
            self.also(others)
            return
        await self._whole(party, party.with_ack)
        self.also(party.beside)

    async def _whole(self, party: Party, company: list[Any]) -> bool:
        """All or nothing; false where it was refused, and there is less to be tried."""
        settling = self._settling(party.ending)
        try:
            await self._broker.batch([settling, *(asking(one) for one in company)])
        except LeaseLost:
            raise
        except Refusal:
            if len(company) == len(party.with_ack):
                raise
            return False
        return True

    def _refused(self, ending: Ending, error: BaseException) -> None:
        if ending.failing is None:
            self._hears.refused(ending, error)
            return
        # What goes with a failure cannot fail it once more: it goes without.
        self._hears.left_out(str(error))
        self.fail(ending.failing)
        self.also(ending.beside)

    def _operations(self, alone: "_Alone") -> list[Asks[Any]]:
        later = self._broker.later
        operations: list[Asks[Any]] = list(map(asking, alone.besides))
        if alone.acks:
            operations.append(self._acking(alone.acks))
        # What comes behind a failed one in its order goes back before it does.
        if alone.released:
            operations.append(later.release(alone.released))
        alike: dict[tuple[bool, int | None, str], list[Failing]] = {}
        for one in alone.failing:
            alike.setdefault((one.rejected, one.after_ms, one.failure), []).append(one)
        operations.extend(
            settling_of(later, [one.message for one in group], group[0]) for group in alike.values()
        )
        return operations

    def _settling(self, ending: Ending) -> Asks[None]:
        if ending.failing is None:
            return self._acking([ending.message])
        return settling_of(self._broker.later, [ending.message], ending.failing)

    def _acking(self, messages: Sequence[Delivery]) -> Asks[None]:
        asks = self._broker.later.ack(messages)
        return asks if self.acked is None else then(asks, messages, self.acked)

    def _tell(self, results: Sequence[object]) -> None:
        for one in results:
            if isinstance(one, LeaseLost):
                self._hears.lost([each for each in one.failed if isinstance(each, Delivery)])
            elif isinstance(one, Refused) and one.why is Why.NO_SUCH_QUEUE:
                _log.debug("queue `%s`: who asked is gone: %s", self._queue, one)
            elif isinstance(one, Refused):
                self._hears.left_out(one.text)
            elif isinstance(one, Exception):
                _log.error("queue `%s`: a message was not settled: %s", self._queue, one)

    def _say_again(self, error: Exception) -> None:
        self._is_late = True
        _log.warning("queue `%s`: settling again: %s", self._queue, error)


@value
class _Alone:
    """What stands for itself."""

    acks: list[Delivery]
    failing: list[Failing]
    released: list[Delivery]
    besides: list[Command]

    @property
    def is_acks(self) -> bool:
        """Whether there is nothing but acks."""
        return bool(self.acks) and not (self.failing or self.released or self.besides)


def _parts(parties: Sequence[Party]) -> Iterator[list[Party]]:
    """As many as fit into one batch, after each other: a message is in one with its company."""
    part: list[Party] = []
    count = size = 0
    for party in parties:
        more = len(party.with_ack) + len(party.beside) + 1
        more_bytes = bytes_of(party.with_ack) + bytes_of(party.beside)
        if part and (count + more >= BATCH_COMMANDS_MAX or size + more_bytes > COMPANY_BYTES):
            yield part
            part, count, size = [], 0, 0
        part.append(party)
        count += more
        size += more_bytes
    if part:
        yield part


def settling_of(
    later: Operations, messages: Sequence[Delivery], failing: Failing | None
) -> Asks[None]:
    """The ack of messages, or where their runs failed their retry or reject."""
    if failing is None:
        return later.ack(messages)
    if failing.rejected:
        return later.reject(messages, failure=failing.failure)
    return later.retry(messages, failing.after_ms, failure=failing.failure)
