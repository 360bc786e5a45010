"""The power goes at each call of the disk while lists are pushed to, moved between and changed in
the middle: afterwards they are as before the last step or as after it, message by message."""

import random
from typing import Any

import pytest

from postroad.model import commands as asks
from postroad.model import lists
from postroad.model.ask import Ask
from postroad.model.lists import ENDS, LEFT, RIGHT
from postroad.model.policy import QueueSettings
from postroad.model.replies import Refused
from postroad.store.checkpoint import MemoryCheckpoints
from tests.crash.rig import Rig
from tests.sim.disk import Crashed, SimDisk

NAMES = ("a", "b")
OPERATIONS = 60

Row = tuple[bytes, ...]
Rows = dict[str, Row]


class Script:
    """Two lists as they were promised. `may`: how they may be found after a crash."""

    def __init__(self) -> None:
        self.rows: Rows = dict.fromkeys(NAMES, ())
        self.may = [self.rows]
        self.made = 0
        self.dice = random.Random(7)

    def play(self, rig: Rig) -> None:
        """Always the same operations."""
        for _ in range(OPERATIONS):
            self.do(rig)

    def do(self, rig: Rig) -> None:
        """One operation, confirmed."""
        command, rows = self.next_operation()
        self.may = [self.rows, rows]
        reply = rig.ask(command)
        assert not isinstance(reply, Refused), reply
        self.rows = rows
        self.may = [rows]

    def next_operation(self) -> tuple[Any, Rows]:
        """Something to ask, and how the lists are then."""
        dice = self.dice
        name, end = dice.choice(NAMES), dice.choice(ENDS)
        row = self.rows[name]
        if len(row) < 4 or dice.random() < 0.2:
            bodies = [self.body() for _ in range(dice.randint(1, 4))]
            return lists.ListPush(name, end, bodies), self.with_row(name, put(row, end, bodies))
        at = dice.randrange(len(row))
        kind = dice.randrange(6)
        if kind < 3:
            return self.move(name, end)
        body = self.body()
        if kind == 3:
            command: Any = lists.ListInsert(name, row[at], body)
            return command, self.with_row(name, (*row[:at], body, *row[at:]))
        if kind == 4:
            command = lists.ListSet(name, at, body)
            return command, self.with_row(name, (*row[:at], body, *row[at + 1 :]))
        command = lists.ListRemove(name, row[at])
        return command, self.with_row(name, (*row[:at], *row[at + 1 :]))

    def move(self, name: str, end: str) -> tuple[Any, Rows]:
        """From one list to the other, or round in one."""
        target, to = self.dice.choice(NAMES), self.dice.choice(ENDS)
        row = self.rows[name]
        taken = row[0] if end == LEFT else row[-1]
        rows = self.with_row(name, row[1:] if end == LEFT else row[:-1])
        rows[target] = put(rows[target], to, [taken])
        return lists.ListMove(name, target, end, to), rows

    def with_row(self, name: str, row: Row) -> Rows:
        return {**self.rows, name: row}

    def body(self) -> bytes:
        """One that was never there; some are large, so that blocks are placed and read back."""
        self.made += 1
        return b"%d|" % self.made + bytes(self.dice.choice((0, 9, 900, 3_000)))

    def hold(self, rig: Rig) -> None:
        """All of the last operation is there, or nothing of it."""
        found: Rows = {}
        for name in NAMES:
            found[name] = tuple(one.body for one in rig.ask(lists.ListRange(name)).messages)
        assert found in self.may
        self.rows = found
        self.may = [found]


def put(row: Row, end: str, bodies: list[bytes]) -> Row:
    return (*bodies[::-1], *row) if end == LEFT else (*row, *bodies)


def calls_of_a_clean_run() -> int:
    disk = SimDisk(random.Random(0))
    Script().play(Rig(disk, MemoryCheckpoints()))
    return disk.calls


def test_a_power_cut_during_any_call_leaves_lists_as_before_a_step_or_as_after_it() -> None:
    cut_everywhere()


def cut_everywhere() -> None:
    """Live the script once for each call of the disk, with a power cut there."""
    for number in range(2, calls_of_a_clean_run() + 1):
        disk = SimDisk(random.Random(number))
        disk.crash_at = number
        script = Script()
        checkpoints = MemoryCheckpoints()
        with pytest.raises(Crashed):
            script.play(Rig(disk, checkpoints))
        disk.crash()
        checkpoints.crash()
        rig = Rig(disk, checkpoints)
        script.hold(rig)
        for _ in range(3):
            script.do(rig)
        rig.stop()
        disk.crash()
        script.hold(Rig(disk, checkpoints))


def test_a_move_that_waited_reads_its_message_from_the_disk() -> None:
    rig = Rig(SimDisk(random.Random(1)), MemoryCheckpoints())
    for at in range(30):
        rig.ask(lists.ListPush("far", RIGHT, [b"%d|" % at + bytes(3_000)]))
    row = [one.body for one in rig.ask(lists.ListRange("far")).messages]
    rig.rest()
    rig.ask(asks.ChangeQueue("far", QueueSettings(paused=True), only=("paused",)))
    waiting = []
    for _ in range(5):
        rig.asked += 1
        waiting.append(rig.asked)
        command = lists.ListMove("far", "near", LEFT, RIGHT, 10_000)
        rig.engine.submit(Ask(rig.caller, rig.asked, command))
    rig.rest()
    assert not rig.replies
    far = rig.engine.core.state.by_name["far"]
    first = rig.engine.core.state.shelves[far.id].where(0)[0]
    assert not rig.engine.cache.has((far.id, first)), "the oldest is on the disk alone"
    rig.ask(asks.ChangeQueue("far", QueueSettings(), only=("paused",)))
    rig.rest()
    moved: list[Any] = [rig.replies[one] for one in waiting]
    assert [one.messages[0].body for one in moved] == row[:5]
    for name, rest in (("near", row[:5]), ("far", row[5:])):
        assert [one.body for one in rig.ask(lists.ListRange(name)).messages] == rest
