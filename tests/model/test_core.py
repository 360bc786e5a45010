"""The core against the naive model: whatever is asked, in whatever order, both know the same."""

from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from msgspec.structs import replace

from postroad.core.load import canonical
from postroad.model import commands
from postroad.model.commands import ACK, REJECT, RELEASE, RETRY, SESSION_LEASE
from postroad.model.policy import QueueSettings
from postroad.model.replies import Published, Purged, Refused, Settled, Why
from tests.model.choices import IDS, KEYS, LEVELS, LIVES, NAMES, PICKS, SESSIONS, SETTINGS, TIMES
from tests.model.deeds import DEEDS, WEIGHTED, deed
from tests.model.historian import Historian
from tests.model.naive import Held, NaiveQueue, is_unclaimed
from tests.model.witness import Waiting
from tests.unit.core.road import SALT, replayed


class Core(Historian):
    """What may happen to queues, in any order."""

    @initialize(
        given=st.tuples(*[st.fixed_dictionaries(SETTINGS)] * 3),
        lives=st.tuples(*[st.fixed_dictionaries(LIVES)] * 3),
        purged=st.booleans(),
    )
    def begin_near_the_end_of_a_page(
        self, given: tuple[dict[str, Any]], lives: tuple[dict[str, Any]], purged: bool
    ) -> None:
        for name, some, life in zip("abc", given, lives, strict=True):
            plain = {**some, "length_max": None, "leased_max": None, "delay_ms": 0}
            plain |= {"key_leased_max": None, "paused": False, "keep_settled_ms": None}
            self.declare(name, plain, {**life, "ttl_ms": life["ttl_ms"] or None})
        self.road.publish(*[b""] * 4_090, to=("a",))
        if purged:
            self.ask(commands.PurgeQueue("a"))
        else:
            self.road.settle(self.road.receive("a", 4_090))
        self.road.told.clear()
        for name, some in zip("abc", given, strict=True):
            self.change(name, some)

    @deed(2, name=NAMES, given=st.fixed_dictionaries(SETTINGS), life=st.fixed_dictionaries(LIVES))
    def declare(self, name: str, given: dict[str, Any], life: dict[str, Any]) -> None:
        settings = QueueSettings(**given, **life)
        settings = self.elsewhere(name, settings, commands.DeclareQueue(name, settings))
        self.ask(commands.DeclareQueue(name, settings))
        if name not in self.queues:
            self.queues[name] = NaiveQueue(self.road.queue(name).id, name, settings)
        self.look()

    @deed(1, name=NAMES, given=st.fixed_dictionaries(SETTINGS))
    def change(self, name: str, given: dict[str, Any]) -> None:
        queue = self.queues.get(name)
        if queue is None:
            return
        old = queue.settings
        settings = QueueSettings(**given)
        command = commands.ChangeQueue(name, settings, only=tuple(given))
        settings = self.elsewhere(name, settings, command)
        self.ask(commands.ChangeQueue(name, settings, only=tuple(given)))
        queue.settings = replace(old, **{name: getattr(settings, name) for name in given})
        if queue.settings.overflow != "reject":
            queue.overflow()
        self.look()

    def elsewhere(
        self, name: str, settings: QueueSettings, command: commands.Command
    ) -> QueueSettings:
        """Settings with dead letters in another queue; a command with its own is refused."""
        if settings.dead_letter_queue != name:
            return settings
        if name not in self.queues or isinstance(command, commands.ChangeQueue):
            refused = self.ask(command)
            assert isinstance(refused, Refused)
            assert refused.why is Why.BAD_SETTINGS
        return replace(settings, dead_letter_queue=None)

    @deed(1, name=NAMES, unused=st.booleans(), empty=st.sampled_from([False, False, True]))
    def delete(self, name: str, unused: bool, empty: bool) -> None:
        reply = self.ask(commands.DeleteQueue(name, unused, empty))
        queue = self.queues.get(name)
        used = any(one.queue is queue for one in self.consumers.values())
        if queue is None or (unused and used) or (empty and queue.held):
            assert isinstance(reply, Refused)
            return
        del self.queues[name]
        for kind in (self.receives, self.consumers):
            for number in [number for number, one in kind.items() if one.queue is queue]:
                del kind[number]
        self.look()

    @deed(1, name=NAMES, ready_only=st.booleans())
    def purge(self, name: str, ready_only: bool) -> None:
        queue = self.queues.get(name)
        reply = self.ask(commands.PurgeQueue(name, ready_only))
        if queue is None:
            return
        if ready_only:
            ready = queue.of("ready")
            assert reply == Purged(len(ready))
            for offset in ready:
                del queue.held[offset]
            self.look()
            return
        assert reply == Purged(len(queue.held))
        queue.ghosts.update((one, queue.held[one]) for one in queue.of("leased"))
        queue.held, queue.kept = {}, {}
        self.look()

    @deed(
        6,
        names=st.lists(NAMES, min_size=1, max_size=3, unique=True),
        sizes=st.lists(st.integers(0, 6), min_size=1, max_size=5),
        delay_ms=st.sampled_from([None, None, 0, 40]),
        ttl_ms=st.sampled_from([None, None, 0, 60]),
        columns=st.tuples(st.none() | KEYS, st.none() | LEVELS, st.none() | IDS),
    )
    def publish(
        self,
        names: list[str],
        sizes: list[int],
        delay_ms: int | None,
        ttl_ms: int | None,
        columns: tuple[list[str | None] | None, list[int] | None, list[str | None] | None],
    ) -> None:
        self.bodies += 1
        bodies = [(b"%d" % self.bodies * 6)[:size] for size in sizes]
        delays = None if delay_ms is None else [delay_ms, *[None] * (len(bodies) - 1)]
        ttls = None if ttl_ms is None else [*[None] * (len(bodies) - 1), ttl_ms]
        keys, levels, ids = columns
        keys, levels = keys and keys[: len(bodies)], levels and levels[: len(bodies)]
        ids = ids and ids[: len(bodies)]
        places = [self.road.queue(name).next_offset for name in names if name in self.queues]
        command = commands.Publish(tuple(names), bodies, None, delays, ttls, keys, levels, ids)
        reply = self.ask(command)
        found = [self.queues[name] for name in names if name in self.queues]
        full = any(one.rejects(bodies, keys, ids, self.now) for one in found)
        strict = delays is not None and any(one.settings.kind == "fifo" for one in found)
        if len(found) < len(names) or full or strict:
            assert isinstance(reply, Refused)
            return
        assert isinstance(reply, Published)
        for queue, first in zip(found, places, strict=True):
            offsets: list[int] = []
            for at, body in enumerate(bodies):
                delay = delays[at] if delays else None
                key, id = keys[at] if keys else None, ids[at] if ids else None
                known = queue.is_known(key, id, self.now)
                offsets.append(first if known < 0 else known)
                if known >= 0:
                    continue
                wait_ms = queue.settings.delay_ms if delay is None else delay
                one = Held(body, (queue.id, first), self.now, self.now)
                one.key, one.priority = key, levels[at] if levels else 0
                one.weight = 0 if queue.settings.bytes_max is None else len(body)
                one.due_ms = self.now + wait_ms if wait_ms else 0
                one.state = "delayed" if wait_ms else "ready"
                one.end_ms = self.now + ttl_ms if ttls and ttls[at] is not None else 0  # type: ignore[operator]
                queue.held[first] = one
                queue.know(key, id, first, self.now)
                first += 1  # noqa: PLW2901  (it is where the next one goes)
            if len(found) == 1:
                assert reply.places == ((queue.id, offsets[0]),)
                new = offsets == [*range(offsets[0], offsets[0] + len(offsets))]
                assert new if reply.offsets is None else list(reply.offsets) == offsets
            if queue.settings.overflow != "reject":
                queue.overflow()
        self.look()

    @deed(
        8,
        session=SESSIONS,
        name=NAMES,
        count=st.integers(1, 6),
        lease_ms=st.sampled_from([None, 0, 50, SESSION_LEASE]),
        wait_ms=st.sampled_from([0, 0, 60]),
        leased=st.sampled_from([True, True, True, True, False]),
    )
    def receive(
        self, session: int, name: str, count: int, lease_ms: int | None, wait_ms: int, leased: bool
    ) -> None:
        queue = self.queues.get(name)
        if queue is None:
            return
        waiting = Waiting(session, queue, count, lease_ms)
        waiting.leased = leased
        waiting.until_ms = self.now + wait_ms
        self.receives[self.road.asked + 1] = waiting
        command = commands.Receive(name, count, lease_ms, wait_ms)
        reply = self.ask(command if leased else commands.Pop(name, count, wait_ms), session)
        if isinstance(reply, Refused):
            assert reply.why is Why.TOO_MANY_LEASED
            assert not queue.room()
            del self.receives[self.road.asked]
        self.look()

    @deed(
        2,
        session=SESSIONS,
        name=NAMES,
        credit=st.integers(0, 4),
        lease_ms=st.sampled_from([None, None, 70]),
        leased=st.sampled_from([True, True, False]),
        more=st.tuples(
            st.sampled_from([0, 0, 0, 5, -1]),
            st.sampled_from([False, False, False, True]),
            st.sampled_from([0, 0, 1]),
            st.sampled_from([0, 0, 1, 5]),
        ),
    )
    def attach(
        self,
        session: int,
        name: str,
        credit: int,
        lease_ms: int | None,
        leased: bool,
        more: tuple[int, bool, int, int],
    ) -> None:
        queue = self.queues.get(name)
        if queue is None or len(self.consumers) > 3:
            return
        number = self.road.asked + 1
        consumer = Waiting(session, queue, credit, lease_ms)
        consumer.leased = leased
        consumer.priority, consumer.exclusive, consumer.pool = *more[:2], (session, more[2])
        consumer.window_bytes = more[3]
        others = [one for one in self.consumers.values() if one.queue is queue]
        self.consumers[number] = consumer
        reply = self.ask(commands.Attach(name, number, credit, lease_ms, leased, *more), session)
        if isinstance(reply, Refused):
            assert reply.why is Why.EXCLUSIVE_CONSUMER
            assert others
            assert consumer.exclusive or others[0].exclusive
            del self.consumers[number]
        else:
            assert not others or not (consumer.exclusive or others[0].exclusive)
        self.look()

    @deed(1, session=SESSIONS, limit=st.sampled_from([None, 0, 1, 2, 5]))
    def set_pool(self, session: int, limit: int | None) -> None:
        self.pools[session, 1] = limit
        self.ask(commands.SetPool(1, limit), session)
        self.look()

    @deed(2, session=SESSIONS, share=st.sampled_from([0, 1, 2, 3]))
    def count_arrived(self, session: int, share: int) -> None:
        arrived = self.on_way.get(session, 0) * share // 2
        self.on_way[session] = max(0, self.on_way.get(session, 0) - arrived)
        self.ask(commands.CountArrived(arrived), session)
        self.look()

    @deed(1, pick=st.integers(0, 3), credit=st.integers(-2, 3), what=st.sampled_from("sgd"))
    def grant_or_detach(self, pick: int, credit: int, what: str) -> None:
        if not self.consumers:
            return
        number = list(self.consumers)[pick % len(self.consumers)]
        consumer = self.consumers[number]
        if what == "d":
            del self.consumers[number]
            self.left(consumer.queue)
            self.ask(commands.Detach(number), consumer.session)
        else:
            consumer.wants = credit if what == "s" else consumer.wants + credit
            self.ask(commands.GrantCredit(number, credit, what == "s"), consumer.session)
        self.look()

    @deed(
        6,
        picks=PICKS,
        wrong=st.booleans(),
        outcome=st.sampled_from([ACK, ACK, RELEASE, RETRY, REJECT]),
        after_ms=st.sampled_from([None, 0, 30]),
        strict=st.booleans(),
        failure=st.sampled_from(["", "it broke", "it broke again"]),
    )
    def settle(
        self,
        picks: list[int],
        wrong: bool,
        outcome: int,
        after_ms: int | None,
        strict: bool,
        failure: str,
    ) -> None:
        if not self.receipts:
            return
        queue, receipts = self.picked(picks, wrong)
        if queue is None:
            return
        offsets, leases, counts = (list(column) for column in zip(*receipts, strict=True))
        next_offset = self.road.queue(queue.name).next_offset
        command = commands.Settle(
            queue.name, offsets, leases, counts, outcome, after_ms, strict, failure=failure
        )
        reply = self.ask(command)
        failed: list[tuple[int, Why]] = []
        ends: dict[int, bool] = {}
        for at, (offset, lease, count) in enumerate(receipts):
            one = queue.held.get(offset)
            ghost = queue.ghosts.get(offset)
            if one is not None and one.state == "leased" and one.lease == lease:
                ends[offset] = True
            elif ghost is not None and ghost.lease == lease:
                self.credit_back(queue.ghosts.pop(offset))
            elif outcome == ACK and one is None and offset < next_offset:
                pass
            elif outcome == ACK and not strict and is_unclaimed(one, lease, count):
                ends[offset] = False
            else:
                failed.append((at, Why.NO_SUCH_LEASE))
        assert reply == Settled(tuple(failed))
        for offset, in_time in ends.items():
            if in_time:
                self.credit_back(queue.held[offset])
            queue.settle(offset, outcome, after_ms, (self.now, SALT), failure)
        self.look()

    @deed(3, picks=PICKS, wrong=st.booleans(), lease_ms=st.sampled_from([0, 50, 100, 200]))
    def extend(self, picks: list[int], wrong: bool, lease_ms: int) -> None:
        if not self.receipts:
            return
        queue, receipts = self.picked(picks, wrong)
        if queue is None:
            return
        offsets = [one[0] for one in receipts]
        reply = self.ask(
            commands.Extend(queue.name, offsets, [one[1] for one in receipts], lease_ms)
        )
        failed = []
        for at, (offset, lease, _) in enumerate(receipts):
            one = queue.held.get(offset)
            if one is not None and one.state == "leased" and one.lease == lease:
                one.deadline_ms = self.now + lease_ms
            else:
                failed.append((at, Why.NO_SUCH_LEASE))
        assert reply == Settled(tuple(failed))
        self.look()

    @deed(5, ms=TIMES)
    def wait(self, ms: int) -> None:
        self.road.now += ms
        self.look()

    @deed(1, session=SESSIONS)
    def end_session(self, session: int) -> None:
        self.road.core.forget(self.callers[session])
        self.callers[session] = self.road.connect(self.callers[session].number + 10)
        self.pools = {at: one for at, one in self.pools.items() if at[0] != session}
        self.on_way[session] = 0
        self.forget(lambda one: one.session == session)
        self.come_back(session + 1, counted=True)
        self.look()

    @deed(1, from_rows=st.booleans())
    def restart(self, from_rows: bool) -> None:
        self.epoch += 1
        if not from_rows:
            self.rows, self.start = {}, 0
        self.road.restart(self.epoch, self.rows, self.start)
        self.cut_at = None
        self.callers = [self.road.connect(caller.number + 10) for caller in self.callers]
        self.pools, self.receives, self.consumers, self.on_way = {}, {}, {}, {}
        for session in (1, 2, 3):
            self.come_back(session, counted=False)
        self.look()

    @deed(2)
    def begin_a_checkpoint(self) -> None:
        if self.cut_at is not None:
            return
        self.road.state.ledger.cut()
        self.cut_at = len(self.road.steps)
        self.paid = {}

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(WEIGHTED, key=WEIGHTED.count, reverse=True)))
        getattr(self, name)(**data.draw(DEEDS[name], name))

    def teardown(self) -> None:
        self.finish_checkpoint()
        live = canonical(self.road.state)
        assert canonical(replayed(self.road.records())) == live
        assert canonical(replayed(self.road.records(self.start), self.rows.items())) == live
        self.begin_a_checkpoint()
        self.finish_checkpoint()
        assert canonical(replayed([], self.rows.items())) == live


TestCore = Core.TestCase
PROFILE = hypothesis_settings()
TestCore.settings = hypothesis_settings(
    max_examples=6 * PROFILE.max_examples, stateful_step_count=50
)
