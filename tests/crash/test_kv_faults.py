"""Keys on a disk that goes dark or fails at each of its calls: what was told is so, and no more."""

import random
from typing import Any

import pytest

from postroad.errors import JournalFailed
from postroad.model import kv
from postroad.model.kv import IF_ABSENT, MAP, SORTED
from postroad.model.kv_replies import KvMembersScanned, KvScanned, KvSeen
from postroad.model.replies import Refused
from postroad.store.checkpoint import MemoryCheckpoints
from tests.crash.rig import Rig, Stopped
from tests.sim.disk import Crashed, SimDisk

Seen = dict[tuple[str, bytes], object]
SPACES = ("a", "b")


def script() -> list[Any]:
    """Commands whose answers are the same each time; several checkpoints and segments."""
    asked: list[Any] = []
    for turn in range(12):
        keys = [b"key %d" % (turn * 5 + at) for at in range(12)]
        asked += [
            kv.KvSet("a", keys, [bytes(100 * (turn % 4))] * 12),
            kv.KvIncrement("b", b"count", turn),
            kv.KvMapSet("a", b"map", keys, keys),
            kv.KvSortedSet("b", b"scores", keys, [turn * 1.5] * 12, increment=True),
            kv.KvSet("b", [b"first"], [b"%d" % turn], only=IF_ABSENT),
            kv.KvDelete("a", keys[:3]),
            kv.KvMembersRemove("a", b"map", MAP, keys[6:9]),
            kv.KvExpire("a", keys[4:6], 3_600_000 + turn),
            kv.KvSortedRange("b", b"scores", low=0, high=1, remove=True),
        ]
        if turn % 3 == 2:
            asked += [kv.KvRename("a", b"map", b"map %d" % turn, "b"), kv.KvDelete("b", [b"first"])]
        if turn % 6 == 5:
            asked += [kv.KvFlush("a")]
    return asked


SCRIPT = script()


def seen(rig: Rig) -> Seen:
    """Everything there is to see, versions too."""
    found: Seen = {}
    for space in SPACES:
        page = rig.ask(kv.KvScan(space, 0, 1_000))
        assert isinstance(page, KvScanned)
        for key in page.keys:
            look = rig.ask(kv.KvLook(space, [key]))
            assert isinstance(look, KvSeen)
            info = look.infos[0]
            told: object = info.size
            if info.kind in {MAP, SORTED}:
                members = rig.ask(kv.KvMembersScan(space, key, info.kind, 0, 1_000))
                assert isinstance(members, KvMembersScanned)
                told = (members.members, members.values, members.scores)
            found[space, key] = (info.kind, info.version, info.expires_ms > 0, told)
    return found


def clean_run() -> tuple[list[Seen], int]:
    """What is to be seen after each command, and the calls of a run that looks at nothing."""
    rig = Rig(SimDisk(random.Random(0)), MemoryCheckpoints())
    after: list[Seen] = [{}]
    for command in SCRIPT:
        assert not isinstance(rig.ask(command), Refused)
        after.append(seen(rig))
    disk = SimDisk(random.Random(0))
    play(Rig(disk, MemoryCheckpoints()), [])
    return after, disk.calls


def play(rig: Rig, done: list[Any]) -> None:
    for command in SCRIPT:
        if isinstance(rig.ask(command), Refused):
            # A failed call may have been the one that made room: from here on the script is over.
            raise Stopped("refused")
        done.append(command)
    rig.rest()


@pytest.mark.parametrize("dark", [True, False])
def test_what_was_told_is_so_after_any_failed_call(*, dark: bool) -> None:
    after, calls = clean_run()
    stopped = 0
    for number in range(2, calls + 1, 3):
        disk = SimDisk(random.Random(number))
        checkpoints = MemoryCheckpoints()
        done: list[Any] = []
        if dark:
            disk.crash_at = number
        else:
            disk.fail_at = {number}
        try:
            play(Rig(disk, checkpoints), done)
        except (Crashed, Stopped, OSError, JournalFailed):
            stopped += 1
        disk.fail_at = set()
        disk.crash()
        checkpoints.crash()
        again = Rig(disk, checkpoints)
        again.engine.core.state.check()
        assert seen(again) in after[len(done) : len(done) + 2], f"call {number}"
        again.rest()
        again.stop()
    assert stopped > calls / 12
