"""The promises, held against what clients asked and what they were told, and nothing else.

Only two things are looked at from outside: what the journal says is durable, and at an audit what
peeks show.
"""

from collections.abc import Callable, Sequence
from typing import Any

from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.message import Delivery
from postroad.model.replies import Why
from tests.sim.checkers.accounts import Accounts, Snapshot
from tests.sim.checkers.batches import BatchRules
from tests.sim.checkers.crews import CrewRules
from tests.sim.checkers.exchanges import ExchangeRules
from tests.sim.checkers.fields import FieldRules
from tests.sim.checkers.graves import GraveRules, dies_of_it
from tests.sim.checkers.keys import KeyRules
from tests.sim.checkers.kv import KvRules
from tests.sim.checkers.later import LaterRules
from tests.sim.checkers.limits import BoundRules, PauseRules, RateRules
from tests.sim.checkers.lists import ListRules, is_about_lists
from tests.sim.checkers.lives import IdleRules, OwnerRules, SingleRules
from tests.sim.checkers.mates import MateRules
from tests.sim.checkers.offsets import OffsetRules
from tests.sim.checkers.past import PastRules
from tests.sim.checkers.registers import NEVER
from tests.sim.checkers.rounds import RoundRules
from tests.sim.checkers.schedules import ScheduleRules
from tests.sim.checkers.schemas import SchemaRules
from tests.sim.checkers.topics import TopicRules
from tests.sim.checkers.turns import TurnRules
from tests.sim.checkers.watcher import Watcher
from tests.sim.checkers.ways import WayRules
from tests.sim.copies import FOREVER_MS, Asked, Copy, Fate, Known, Violation
from tests.sim.leases import LeaseRules
from tests.sim.tap import Tap


class Checker:
    """Hears every ask and every answer; raises `Violation`."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.known = Known()
        self.leases = LeaseRules(tap, self.known)
        self.event = 0
        self.open: dict[tuple[int, int], Asked] = {}
        self.delivered = 0
        self.space_was_short = False
        self.stopping = False
        self.accounts = Accounts(self)
        self.kv = KvRules(tap)
        self.batches = BatchRules(self)
        self.keys = KeyRules(self.known, self.open)
        self.experts: dict[type, Any] = {}
        self.topics = TopicRules()
        self.exchanges = ExchangeRules(self)
        self.owners = OwnerRules()
        self.watchers: tuple[Watcher, ...] = (
            *(PastRules(self), LaterRules(self), SchemaRules(), WayRules(self)),
            *(self.owners, SingleRules(), IdleRules(self)),
            *(RateRules(self), BoundRules(self), PauseRules(self)),
            *(ListRules(self), FieldRules(), GraveRules(), ScheduleRules(self)),
            *(CrewRules(self), RoundRules(), OffsetRules(self), MateRules(self)),
            TurnRules(),
        )
        for expert in self.all_experts():
            self.experts.update(dict.fromkeys(expert.asks, expert))
        self._expect: dict[type, Callable[[Asked], None]] = {
            asks.Publish: self._will_publish,
            asks.Settle: self.leases.will_settle,
            asks.Extend: self.leases.will_settle,
            asks.PurgeQueue: self._will_empty,
            asks.DeleteQueue: self._will_empty,
            asks.DeclareQueue: self._will_set,
            asks.ChangeQueue: self._will_set,
            asks.GrantCredit: self._will_grant,
            asks.Move: self._will_move,
            asks.StartMoveTask: self._will_move,
        }
        self._hear: dict[type, Callable[[Asked, Any, int], None]] = {
            replies.Published: self._published,
            replies.Received: self._received,
            replies.Settled: self._settled,
            replies.Purged: self._purged,
            replies.Declared: self._declared,
            replies.Done: self._done,
            replies.Refused: self._refused,
        }

    def all_experts(self) -> tuple[Any, ...]:
        """Who knows the rules of each kind of thing."""
        return self.batches, self.kv, self.topics, self.exchanges

    def asked(self, session: int, number: int, command: Any, now: int) -> None:
        """A session asks."""
        self.event += 1
        ask = Asked(session, number, command, now, self.event)
        self.open[(session, number)] = ask
        self.expect(ask)

    def expect(self, ask: Asked) -> None:
        """What an ask may bring about."""
        expert = self.experts.get(type(ask.command))
        expect = self._expect.get(type(ask.command))
        if expert is not None:
            expert.asked(ask)
        elif expect is not None:
            expect(ask)
        for watcher in self.watchers:
            watcher.asked(ask)

    def answered(self, session: int, number: int, reply: Any, now: int) -> None:
        """A session hears an answer."""
        self.event += 1
        ask = self.open.get((session, number))
        if ask is None:
            raise Violation(f"session {session} heard {reply} to nothing it asked")
        if ask.answered and not isinstance(ask.command, asks.Attach):
            raise Violation(f"session {session} heard twice of ask {number}: {reply}")
        ask.answered = True
        self.hear(ask, reply, now)
        if not isinstance(ask.command, asks.Attach) or isinstance(reply, replies.Refused):
            del self.open[(session, number)]

    def hear(self, ask: Asked, reply: Any, now: int) -> None:
        """What an answer tells."""
        expert = self.experts.get(type(ask.command))
        hear = self._hear.get(type(reply))
        if expert is not None:
            expert.answered(ask, reply, now, self.event)
        elif hear is not None:
            hear(ask, reply, now)
        for watcher in self.watchers:
            watcher.answered(ask, reply, now, self.event)

    def doubt(self, ask: Asked, until: int) -> None:
        """Nobody will tell what becomes of an ask, or became of it before the event `until`."""
        expert = self.experts.get(type(ask.command))
        if expert is not None:
            expert.unknown(ask, until)
        else:
            self._unknown(ask)
        for watcher in self.watchers:
            watcher.unknown(ask, until)

    def forgotten(self, session: int) -> None:
        """A session is gone: what it asked and did not hear of may or may not be so."""
        self.event += 1
        for key in [key for key in self.open if key[0] == session]:
            self.doubt(self.open.pop(key), NEVER)
        self.leases.forgotten(session)
        for watcher in self.watchers:
            watcher.forgotten(session)

    def died(self, now: int) -> None:
        """The process is gone, and all sessions with it; `now` was its last instant."""
        self.event += 1
        for ask in self.open.values():
            self.doubt(ask, self.event)
        self.open.clear()
        self.stopping = False
        self.leases.died()
        for watcher in self.watchers:
            watcher.died(now)

    def began(self, now: int) -> None:
        """A new life begins."""
        for watcher in self.watchers:
            watcher.began(now)

    def unanswered(self) -> list[Asked]:
        """Asks that should have been answered by now."""
        return [ask for ask in self.open.values() if not ask.waits]

    def audit(self, snapshot: Snapshot, now: int) -> None:
        """Nothing is on its way: what is there must be what may be there, and all that must."""
        self.accounts.audit(snapshot, now)

    def recognise(self, name: str, delivery: Delivery) -> Copy:
        """Which copy a delivery is, with all it must bring along."""
        first, _, _ = delivery.body[:24].partition(b"|")
        publish, _, index = first.partition(b".")
        origin = self.tap.names.get(delivery.identity[0], "")
        key = (int(publish), int(index), origin)
        copy = self.known.copies.get(key)
        if copy is None or copy.fate is Fate.REFUSED:
            raise Violation(f"a phantom in `{name}`: {key}, {copy}")
        if delivery.body != copy.body or delivery.head != copy.head:
            raise Violation(f"{copy} came with other bytes")
        if copy.publish not in self.tap.publishes:
            raise Violation(f"{copy} was delivered before it was durable")
        if self.tap.names.get(delivery.queue) != name:
            raise Violation(f"{copy} was asked of `{name}` and bears queue {delivery.queue}")
        if copy.place not in (None, delivery.identity):
            raise Violation(f"{copy} was {copy.place} and is {delivery.identity}")
        if copy.published_ms not in (0, delivery.published_ms):
            raise Violation(f"{copy} changed its time")
        fresh = copy.place is None
        copy.place = delivery.identity
        if fresh:
            self.keys.seen(copy, delivery.identity, delivery.published_ms)
        copy.spot = (delivery.queue, delivery.offset)
        copy.published_ms = delivery.published_ms
        if copy.ttl_ms is not None:
            copy.expires_ms = copy.published_ms + copy.ttl_ms
        return copy

    def _will_publish(self, ask: Asked) -> None:
        command = ask.command
        for name in command.queues:
            for index, body in enumerate(command.bodies):
                publish = int(body.partition(b".")[0])
                head = b"" if command.heads is None else command.heads[index]
                copy = Copy(publish, index, name, body, head)
                if command.delays_ms is not None:
                    copy.delay_ms = command.delays_ms[index] or 0
                if command.ttls_ms is not None:
                    copy.ttl_ms = command.ttls_ms[index]
                    copy.expires_ms = FOREVER_MS if copy.ttl_ms is None else 0
                self._mark(copy, command)
                self.known.copies[(publish, index, name)] = copy
                ask.copies.append(copy)

    def _mark(self, copy: Copy, command: asks.Publish) -> None:
        """Key, priority and id of a copy."""
        if command.keys is not None:
            copy.key = command.keys[copy.index]
        if command.priorities is not None:
            copy.priority = command.priorities[copy.index]
        if command.dedup_ids is not None:
            copy.dedup_id = command.dedup_ids[copy.index]
            copy.alone = copy.dedup_id is not None
        self.keys.will_publish(copy)

    def _will_empty(self, ask: Asked) -> None:
        name = ask.command.name
        # What is leased outlives a purge of what is ready, and who has it nobody knows for certain.
        some = isinstance(ask.command, asks.PurgeQueue) and ask.command.ready_only
        ask.sure = [] if some else self.known.at_home(name)
        ask.copies = self.known.maybe_in(name)
        for copy in ask.copies:
            copy.ends += 1
        if isinstance(ask.command, asks.DeleteQueue):
            self.known.view(name).maybe_deleted = True

    def _will_set(self, ask: Asked) -> None:
        if ask.command.settings is not None:
            self.known.view(ask.command.name).add(ask.command.settings)

    def _will_grant(self, ask: Asked) -> None:
        for other in self.open.values():
            attached = isinstance(other.command, asks.Attach) and other.session == ask.session
            if attached and other.command.consumer == ask.command.consumer:
                other.taken -= ask.command.credit

    def _will_move(self, ask: Asked) -> None:
        target = ask.command.target
        targets = set(self.known.views) if target is None else {target}
        if target is None and getattr(ask.command, "settled", False):
            targets = {ask.command.source}
        self.known.view(ask.command.source).targets |= targets

    def _published(self, ask: Asked, reply: replies.Published, _now: int) -> None:
        count = len(ask.command.bodies)
        for number, (queue, first) in enumerate(reply.places):
            for index in range(count):
                copy = ask.copies[number * count + index]
                offset = first + index if reply.offsets is None else reply.offsets[index]
                if index in reply.known:
                    self.keys.known_already(copy, (queue, offset), reply.published_ms)
                    continue
                if copy.publish not in self.tap.publishes:
                    raise Violation(f"{copy} was confirmed before it was durable")
                if copy.place not in (None, (queue, offset)):
                    raise Violation(f"{copy} is at {copy.place}, not at {(queue, offset)}")
                copy.place = (queue, offset)
                copy.spot = copy.spot or copy.place
                copy.published_ms = reply.published_ms
                if copy.ttl_ms is not None:
                    copy.expires_ms = reply.published_ms + copy.ttl_ms
                if copy.fate is Fate.ASKED:
                    copy.fate = Fate.THERE
                self.keys.seen(copy, copy.place, reply.published_ms)

    def _settled(self, ask: Asked, reply: replies.Settled, now: int) -> None:
        self.leases.settled(ask, reply, now, self.event)

    def _received(self, ask: Asked, reply: replies.Received, now: int) -> None:
        command = ask.command
        name = command.queue
        leased = isinstance(command, asks.Receive) or (
            isinstance(command, asks.Attach) and command.leased
        )
        ask.taken += len(reply.messages)
        copies = [self.recognise(name, delivery) for delivery in reply.messages]
        self.keys.received(ask, reply.messages, copies, now)
        for delivery, copy in zip(reply.messages, copies, strict=True):
            self.delivered += 1
            # What is pushed may have been on its way since before the end.
            fresh = not isinstance(command, asks.Attach) and ask.event > copy.gone_at
            if copy.fate is Fate.GONE and copy.backs:
                copy.fate = Fate.THERE
            elif copy.fate is Fate.GONE and fresh:
                raise Violation(f"{copy} is delivered again after its end was confirmed")
            if copy.fate in (Fate.ASKED, Fate.DOUBTFUL):
                copy.fate = Fate.THERE
            early = copy.published_ms + copy.delay_ms - now
            if delivery.note is None and early > 0:
                raise Violation(f"{copy} was delivered {early} ms before its delay was over")
            self.leases.delivered(name, delivery, copy, ask, now)
            if not leased:
                copy.end(self.event)

    def _purged(self, ask: Asked, _reply: replies.Purged, _now: int) -> None:
        self._end_all(ask.sure)

    def _declared(self, ask: Asked, reply: replies.Declared, _now: int) -> None:
        if is_about_lists(ask.command):
            return
        view = self.known.view(ask.command.name)
        if not view.sure:
            view.sure_since = self.event
        view.sure = True
        if not reply.created and ask.command.settings in view.settings:
            view.settings.remove(ask.command.settings)

    def _done(self, ask: Asked, _reply: replies.Done, _now: int) -> None:
        if isinstance(ask.command, asks.DeleteQueue):
            self._end_all(ask.sure)

    def _refused(self, ask: Asked, reply: replies.Refused, _now: int) -> None:
        command = ask.command
        if dies_of_it(ask, reply):
            return
        if isinstance(command, asks.Publish):
            for copy in ask.copies:
                if copy.fate not in (Fate.ASKED, Fate.DOUBTFUL):
                    raise Violation(f"{copy} was seen and then refused")
                copy.fate = Fate.REFUSED
        else:
            for copy in ask.copies:
                copy.ends -= 1
        if reply.why is Why.NO_SPACE and not self.space_was_short:
            raise Violation("publishes are refused for want of space on a disk with room")
        if reply.why is Why.NO_SUCH_QUEUE:
            for name in _names(command):
                view = self.known.views.get(name)
                # It may have been refused before the queue came, and heard of it only now.
                sure = view is not None and 0 < view.sure_since < ask.event
                if view is None or not sure or view.maybe_deleted or view.fleeting:
                    return
            raise Violation(f"a queue that was declared is not there: {reply.text}")

    def _end_all(self, copies: Sequence[Copy]) -> None:
        for copy in copies:
            copy.end(self.event)

    def _unknown(self, ask: Asked) -> None:
        command = ask.command
        if isinstance(command, asks.Publish):
            for copy in ask.copies:
                if copy.fate is Fate.ASKED:
                    copy.fate = Fate.DOUBTFUL
        elif isinstance(command, asks.Pop):
            self.known.view(command.queue).pops_lost += command.count
        elif isinstance(command, asks.Attach) and not command.leased:
            self.known.view(command.queue).pops_lost += command.credit - ask.taken


def _names(command: Any) -> list[str]:
    if isinstance(command, asks.Publish):
        return list(command.queues)
    if isinstance(command, asks.Move | asks.StartMoveTask):
        return [command.source, *([command.target] if command.target else [])]
    return [str(getattr(command, "queue", None) or getattr(command, "name", ""))]
