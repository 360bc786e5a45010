"""The power goes at each call of the disk while messages are put back and moved: each is always in
one place."""

import random
from collections import Counter
from typing import Any

import pytest

from postroad.model import commands as asks
from postroad.model.choices import Edit
from postroad.model.history import PutBack
from postroad.model.policy import QueueSettings
from postroad.model.replies import Declared, Moved, Published, Settled, TaskStarted
from postroad.store.checkpoint import MemoryCheckpoints
from tests.crash.rig import Rig
from tests.sim.disk import Crashed, SimDisk

KEEP = QueueSettings(keep_settled_ms=10_000_000)


class Journey:
    """Messages that settle, come back, and go elsewhere. `there`: bodies that were promised;
    `maybe`: those that were asked for; `settled`: how many acks were confirmed."""

    def __init__(self) -> None:
        self.there: set[bytes] = set()
        self.maybe: set[bytes] = set()

    def play(self, rig: Rig) -> None:
        """Publish, ack, put some back, put all back in slices, and move a part away."""
        for name in ("in", "out"):
            assert isinstance(rig.ask(asks.DeclareQueue(name, KEEP)), Declared)
        for turn in range(5):
            bodies = [b"%d/%d|" % (turn, at) + bytes(at * 60) for at in range(10)]
            self.maybe.update(bodies)
            assert isinstance(rig.ask(asks.Publish(("in",), bodies)), Published)
            self.there.update(bodies)
            ack_all(rig, "in")
        assert rig.ask(PutBack("in", 5)).count == 5
        assert isinstance(rig.ask(asks.StartMoveTask("in", settled=True)), TaskStarted)
        rig.rest()
        edit = Edit(removed=("none",))
        assert isinstance(rig.ask(asks.Move("in", "out", 12, edit=edit)), Moved)
        ack_all(rig, "out")
        assert isinstance(rig.ask(asks.Move("out", "in", 5, None, ("settled",))), Moved)
        rig.rest()

    def hold(self, rig: Rig) -> None:
        """Each message that was promised is in one place, alive or kept."""
        found = Counter(bodies_in(rig, ("ready", "delayed", "leased", "dead", "settled")))
        assert not self.there - set(found), "lost"
        assert set(found) <= self.maybe, "never published"
        twice = [body[:6] for body, count in found.items() if count > 1]
        assert not twice, "in two places"

    def go_on(self, rig: Rig) -> None:
        """What was begun is brought to its end, and begun again there is nothing left to do."""
        if "out" not in rig.ask(asks.ListQueues()).names:
            return
        rig.rest(60_000)
        self.hold(rig)
        for name in ("in", "out"):
            assert isinstance(rig.ask(asks.StartMoveTask(name, settled=True)), TaskStarted)
            rig.rest()
        self.hold(rig)
        assert not bodies_in(rig, ("settled",))


def ack_all(rig: Rig, name: str) -> None:
    got = rig.ask(asks.Receive(name, 100, 60_000, 0)).messages
    offsets, leases = [one.offset for one in got], [one.lease for one in got]
    counts = [one.delivery_count for one in got]
    assert rig.ask(asks.Settle(name, offsets, leases, counts)) == Settled()


def bodies_in(rig: Rig, states: tuple[str, ...]) -> list[bytes]:
    found: list[bytes] = []
    for name in rig.ask(asks.ListQueues()).names:
        peeked: Any = rig.ask(asks.Peek(name, 0, 1_000, states))
        found.extend(one.message.body for one in peeked.messages)
    return found


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.core.tasks.MOVE_MESSAGES_MAX", 7)


def calls_of_a_clean_run() -> int:
    disk = SimDisk(random.Random(0))
    Journey().play(Rig(disk, MemoryCheckpoints()))
    return disk.calls


def test_a_power_cut_during_any_call_leaves_each_message_in_one_place() -> None:
    for number in range(2, calls_of_a_clean_run() + 1):
        disk = SimDisk(random.Random(number))
        disk.crash_at = number
        journey = Journey()
        checkpoints = MemoryCheckpoints()
        with pytest.raises(Crashed):
            journey.play(Rig(disk, checkpoints))
        disk.crash()
        checkpoints.crash()
        rig = Rig(disk, checkpoints)
        journey.hold(rig)
        journey.go_on(rig)
        rig.stop()
        disk.crash()
        journey.hold(Rig(disk, checkpoints))
