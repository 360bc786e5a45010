"""Replies held until they may leave: durable, and filled with their bodies.

One rule: the answers of one caller leave in the order they were given, none before the group it
waits for is durable.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from postroad.core.decision import Answer, Shares
from postroad.core.handout import Handout, Piece, fetched, fill_piece, split
from postroad.engine.cache import Cache
from postroad.model.ask import Caller
from postroad.model.batch import BatchDone
from postroad.model.lists import ListItems
from postroad.model.message import Delivery
from postroad.model.replies import Peeked, PeekedMessage, Received, Reply


class Held:
    """An answer on its way out."""

    __slots__ = ("caller", "filling", "number", "reply", "wait")

    def __init__(self, caller: Caller, number: int, wait: int) -> None:
        self.caller = caller
        self.number = number
        self.wait = wait
        self.reply: Reply | None = None
        self.filling: Filling | None = None


class Filling:
    """A handout that gets its bodies piece by piece; pieces still to come are pinned against
    eviction and deletion."""

    __slots__ = ("at", "handout", "messages")

    def __init__(self, handout: Handout) -> None:
        self.handout = handout
        self.at = 0
        self.messages: list[Delivery] = []

    def fill(self, cache: Cache) -> bool:
        """Fill as far as bodies are in memory; true when all are there."""
        pieces = self.handout.pieces
        while self.at < len(pieces):
            piece = pieces[self.at]
            bodies = cache.fetch(piece)
            if bodies is None:
                return False
            fill_piece(self.handout, piece, bodies, self.messages)
            self.at += 1
        return True

    def missing(self) -> list[Piece]:
        """The pieces still to be filled."""
        return self.handout.pieces[self.at :]

    def leased(self) -> list[Delivery]:
        """The messages that bear a lease; those not filled yet come without a body."""
        found = list(self.messages)
        queue = self.handout.queue
        for piece in self.missing():
            for at, offset in enumerate(piece.offsets()):
                count = 1 if piece.counts is None else piece.counts[at] + 1
                found.append(Delivery(queue, offset, piece.lease, count, 0, 0, b""))
        return [message for message in found if message.lease]

    def reply(self) -> Reply:
        """The filled reply."""
        handout = self.handout
        if handout.parts is not None:
            return fetched(handout.parts, self.messages)
        if handout.name:
            return ListItems(handout.name, self.messages)
        if handout.states is None:
            size = handout.bytes if handout.consumer else 0
            more = (handout.next_offset, handout.gone, size)
            return Received(self.messages, handout.consumer, *more)
        rows = zip(handout.states, handout.dues, self.messages, strict=True)
        return Peeked([PeekedMessage(*row) for row in rows], handout.next_offset)


class Bundle(Filling):
    """The answers of a batch, of which several may be handouts. `fillings`: those, by the place of
    their answer; `owners`: of each piece the handout it belongs to."""

    __slots__ = ("fillings", "owners", "replies")

    def __init__(self, replies: Sequence[Reply | Handout]) -> None:
        whole = Handout(0, 0)
        self.replies = replies
        self.fillings: dict[int, Filling] = {}
        self.owners: list[Filling] = []
        for at, reply in enumerate(replies):
            if isinstance(reply, Handout):
                filling = Filling(reply)
                self.fillings[at] = filling
                self.owners.extend([filling] * len(reply.pieces))
                whole.pieces.extend(reply.pieces)
        super().__init__(whole)

    def fill(self, cache: Cache) -> bool:
        """Fill all of them, in order."""
        pieces = self.handout.pieces
        while self.at < len(pieces):
            bodies = cache.fetch(pieces[self.at])
            if bodies is None:
                return False
            owner = self.owners[self.at]
            fill_piece(owner.handout, pieces[self.at], bodies, owner.messages)
            self.at += 1
        return True

    def leased(self) -> list[Delivery]:
        """Of all of them."""
        found: list[Delivery] = []
        start = 0
        for filling in self.fillings.values():
            count = len(filling.handout.pieces)
            filling.at = min(count, max(0, self.at - start))
            start += count
            found.extend(filling.leased())
        return found

    def reply(self) -> Reply:
        """All answers, filled."""
        filled: list[Any] = list(self.replies)
        for at, filling in self.fillings.items():
            filled[at] = filling.reply()
        return BatchDone(filled)


class Outbox:
    """Answers that wait. `send(caller, number, reply)` lets one leave."""

    def __init__(self, cache: Cache, send: Callable[[Caller, int, Reply], None]) -> None:
        self.cache = cache
        self.send = send
        self.durable = 0
        self.fillings: list[Held] = []
        self._lines: dict[Caller, deque[Held]] = {}
        self._waiting: deque[Held] = deque()

    def put(self, answer: Answer) -> None:
        """An answer was given; it leaves at once when nothing holds it."""
        ask = answer.ask
        held = Held(ask.caller, ask.number, answer.wait)
        reply = answer.reply
        if isinstance(reply, Handout):
            self._begin_filling(held, Filling(reply))
        elif isinstance(reply, BatchDone):
            self._begin_filling(held, Bundle(reply.replies))
        else:
            held.reply = reply
        line = self._lines.get(ask.caller)
        if line is None and held.reply is not None and held.wait <= self.durable:
            self.send(held.caller, held.number, held.reply)
            return
        if line is None:
            line = deque()
            self._lines[ask.caller] = line
        line.append(held)
        if held.wait > self.durable:
            self._waiting.append(held)

    def share(self, shares: Shares) -> None:
        """One handout for several asks; each takes its part as if it had been handed out alone."""
        filling = Filling(shares.handout)
        if not filling.fill(self.cache):
            parts = split(shares.handout, shares.counts)
            for ask, part in zip(shares.asks, parts, strict=True):
                self.put(Answer(ask, part, shares.wait))
            return
        at = 0
        for ask, count in zip(shares.asks, shares.counts, strict=True):
            reply = Received(filling.messages[at : at + count])
            at += count
            if shares.wait <= self.durable and ask.caller not in self._lines:
                self.send(ask.caller, ask.number, reply)
            else:
                self.put(Answer(ask, reply, shares.wait))

    def is_durable(self, group: int) -> None:
        """All groups up to this one are durable."""
        self.durable = group
        later: deque[Held] = deque()
        ready: dict[Caller, None] = {}
        for held in self._waiting:
            if held.wait > group:
                later.append(held)
            else:
                ready[held.caller] = None
        self._waiting = later
        for caller in ready:
            self._release(caller)

    def refill(self) -> None:
        """Blocks were loaded: fill what can be filled."""
        still: list[Held] = []
        for held in self.fillings:
            filling = held.filling
            assert filling is not None
            at = filling.at
            whole = filling.fill(self.cache)
            for piece in filling.handout.pieces[at : filling.at]:
                self.cache.unpin((piece.shelf, piece.block))
            if whole:
                held.reply = filling.reply()
                held.filling = None
                self._release(held.caller)
            else:
                still.append(held)
        self.fillings = still

    def wanted_blocks(self, most: int) -> list[Piece]:
        """Pieces whose blocks must be loaded next, one per block."""
        found: dict[tuple[int, int], Piece] = {}
        for held in self.fillings:
            if held.filling is None:
                continue
            for piece in held.filling.missing()[:most]:
                key = (piece.shelf, piece.block)
                if key in found or key in self.cache.coming or self.cache.has(key):
                    continue
                found[key] = piece
            if len(found) >= most:
                break
        return list(found.values())[:most]

    def forget(self, caller: Caller) -> list[Delivery]:
        """A caller is gone: what was for it is dropped; returns the leased messages among it."""
        undelivered: list[Delivery] = []
        for held in self._lines.pop(caller, ()):
            undelivered.extend(_leased_in(held))
        self._waiting = deque(held for held in self._waiting if held.caller is not caller)
        for held in self.fillings:
            if held.caller is caller and held.filling is not None:
                for piece in held.filling.missing():
                    self.cache.unpin((piece.shelf, piece.block))
        self.fillings = [held for held in self.fillings if held.caller is not caller]
        return undelivered

    def _begin_filling(self, held: Held, filling: Filling) -> None:
        if filling.fill(self.cache):
            held.reply = filling.reply()
            return
        held.filling = filling
        for piece in filling.missing():
            self.cache.pin((piece.shelf, piece.block))
        self.fillings.append(held)

    def _release(self, caller: Caller) -> None:
        line = self._lines.get(caller)
        while line and line[0].reply is not None and line[0].wait <= self.durable:
            held = line.popleft()
            assert held.reply is not None
            self.send(held.caller, held.number, held.reply)
        if line is not None and not line and self._lines.get(caller) is line:
            del self._lines[caller]


def _leased_in(held: Held) -> list[Delivery]:
    """The messages of an answer that bear a lease; those not filled yet come without a body."""
    return leased_in(held.reply) if held.filling is None else held.filling.leased()


def leased_in(reply: Reply | None) -> list[Delivery]:
    """The messages of an answer that bear a lease."""
    replies = reply.replies if isinstance(reply, BatchDone) else [reply]
    found = [one for part in replies if isinstance(part, Received) for one in part.messages]
    return [message for message in found if message.lease]
