"""What may happen to what settled, to what nobody has received yet, and on the way from queue to
queue."""

from hypothesis import strategies as st

from postroad.model import commands, history
from postroad.model.choices import Edit, Which
from postroad.model.history import Cancelled, MessageDescribed
from postroad.model.replies import Moved, Refused, Why
from tests.model.deeds import deed
from tests.model.naive import Held, NaiveQueue
from tests.model.witness import Witness

NAMES = st.sampled_from(["a", "b", "c"])
PICKS = st.lists(st.integers(0, 40), min_size=1, max_size=6)
STATES = st.sampled_from([("ready",), ("delayed",), ("ready", "delayed"), ("settled",)])


class Historian(Witness):
    """Deeds of people who look after queues."""

    @deed(
        3,
        name=NAMES,
        count=st.integers(0, 5),
        picks=st.none() | PICKS,
        span=st.none() | st.tuples(st.integers(0, 200), st.integers(0, 60)),
        edited=st.booleans(),
        dry=st.sampled_from([False, False, True]),
    )
    def put_back(
        self,
        name: str,
        count: int,
        picks: list[int] | None,
        span: tuple[int, int] | None,
        edited: bool,
        dry: bool,
    ) -> None:
        queue = self.queues.get(name)
        if queue is None:
            return
        which = None
        offsets = sorted(queue.kept)
        wanted = None
        if picks is not None:
            wanted = tuple(self.some_offsets(queue, picks))
            offsets = [one for one in offsets if one in wanted]
        elif span is not None:
            from_ms = self.now - span[0]
            to_ms = self.now - span[1] if span[1] else 0
            which = Which(settled_from_ms=from_ms, settled_to_ms=to_ms)
            times = {at: then for at, (_, then) in queue.kept.items()}
            offsets = [at for at in offsets if from_ms <= times[at] < (to_ms or self.now + 1)]
        expected = offsets if picks is not None else offsets[:count]
        edit = Edit(b"edited") if edited else None
        reply = self.ask(history.PutBack(name, count, wanted, 0, which, edit, dry))
        assert isinstance(reply, Moved)
        assert reply.count == len(expected)
        if picks is None and count:
            assert bool(reply.next_offset) == (len(offsets) > count)
        if dry:
            assert reply.offsets == tuple(expected)
        else:
            self.moved(queue, queue, expected, b"edited" if edited else None)
        self.look()

    @deed(
        2,
        source=NAMES,
        goal=st.sampled_from([None, "a", "b", "c"]),
        count=st.integers(0, 5),
        picks=st.none() | PICKS,
        as_task=st.booleans(),
    )
    def move(
        self, source: str, goal: str | None, count: int, picks: list[int] | None, as_task: bool
    ) -> None:
        queue = self.queues.get(source)
        into = self.queues.get(goal or "")
        if queue is None or into is queue or (goal and into is None):
            return
        offsets = queue.of("ready")
        if as_task:
            self.ask(commands.StartMoveTask(source, goal))
            self.look(moves=(queue, into, False))
            return
        if picks is None:
            offsets = offsets[:count]
        else:
            everything = sorted({*queue.held, 0, 1 << 30})
            chosen = {everything[pick % len(everything)] for pick in picks}
            offsets = [one for one in offsets if one in chosen]
        wanted = None if picks is None else tuple(chosen)
        reply = self.ask(commands.Move(source, goal, count, wanted))
        assert reply == Moved(self.moved(queue, into, offsets))
        self.look()

    @deed(1, name=NAMES, goal=st.sampled_from([None, "a", "b", "c"]))
    def put_back_in_the_background(self, name: str, goal: str | None) -> None:
        queue = self.queues.get(name)
        into = self.queues.get(goal or name)
        if queue is None or into is None or (goal and into is queue):
            return
        self.ask(commands.StartMoveTask(name, goal, settled=True))
        self.look(moves=(queue, into, True))

    @deed(
        2,
        source=NAMES,
        goal=NAMES,
        count=st.integers(1, 5),
        states=STATES,
        age_ms=st.sampled_from([None, 0, 50, 300]),
        dry=st.sampled_from([False, False, True]),
    )
    def move_some(
        self,
        source: str,
        goal: str,
        count: int,
        states: tuple[str, ...],
        age_ms: int | None,
        dry: bool,
    ) -> None:
        queue, into = self.queues.get(source), self.queues.get(goal)
        if queue is None or into is None or into is queue:
            return
        which = None if age_ms is None else Which(published_from_ms=self.now - age_ms)
        held: dict[int, Held] = {at: one for at, (one, _) in queue.kept.items()}
        if states != ("settled",):
            held = {at: queue.held[at] for at in queue.of(*states)}
        offsets = [
            at
            for at, one in sorted(held.items())
            if age_ms is None or one.born_ms >= self.now - age_ms
        ]
        command = commands.Move(source, goal, count, None, states, 0, which, None, dry)
        reply = self.ask(command)
        assert isinstance(reply, Moved)
        assert reply.count == min(count, len(offsets))
        if dry:
            assert reply.offsets == tuple(offsets[:count])
        else:
            self.moved(queue, into, offsets[:count])
        self.look()

    @deed(2, name=NAMES, picks=PICKS, after_ms=st.sampled_from([None, None, 0, 40]))
    def cancel_or_reschedule(self, name: str, picks: list[int], after_ms: int | None) -> None:
        queue = self.queues.get(name)
        if queue is None:
            return
        offsets = self.some_offsets(queue, picks)
        if after_ms is None:
            reply = self.ask(history.Cancel(name, tuple(offsets)))
        else:
            reply = self.ask(history.Reschedule(name, tuple(offsets), after_ms))
            if queue.settings.kind == "fifo":
                assert isinstance(reply, Refused)
                assert reply.why is Why.BAD_COMMAND
                return
        found = [at for at in offsets if at in queue.of("ready", "delayed")]
        missing = sorted(set(offsets) - set(found))
        assert reply == Cancelled(len(found), tuple(missing))
        for offset in found:
            if after_ms is None:
                del queue.held[offset]
                continue
            one = queue.held[offset]
            one.due_ms = self.now + after_ms if after_ms else 0
            one.state = "delayed" if after_ms else "ready"
        self.look()

    @deed(1, name=NAMES, picks=PICKS)
    def ask_about_a_message(self, name: str, picks: list[int]) -> None:
        queue = self.queues.get(name)
        if queue is None:
            return
        (offset, *_) = self.some_offsets(queue, picks)
        reply = self.ask(history.DescribeMessage(name, offset))
        one = queue.held.get(offset)
        kept = queue.kept.get(offset)
        if one is None and kept is None:
            assert isinstance(reply, Refused)
            assert reply.why is Why.NO_SUCH_MESSAGE
            return
        assert isinstance(reply, MessageDescribed)
        assert reply.state == ("settled" if one is None else one.state)
        one = one or kept[0]  # type: ignore[index]
        assert (reply.identity, reply.published_ms) == (one.place, one.born_ms)
        assert reply.deaths == tuple(one.deaths)
        assert [told.why for told in reply.returns] == one.told[-16:]

    def some_offsets(self, queue: NaiveQueue, picks: list[int]) -> list[int]:
        everything = sorted({*queue.held, *queue.kept, 0, 1 << 30})
        return list(dict.fromkeys(everything[pick % len(everything)] for pick in picks))
