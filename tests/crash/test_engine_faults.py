"""The disk fails, fills or goes dark under a whole engine, at each of its calls."""

import random

import pytest

from postroad.errors import JournalFailed, PostroadError
from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.replies import Why
from postroad.store.checkpoint import MemoryCheckpoints
from tests.crash.rig import Promises, Rig, Stopped, fresh
from tests.sim.disk import Crashed, SimDisk


def calls_of_a_clean_run() -> int:
    disk = SimDisk(random.Random(0))
    Promises().play(fresh(disk)[0])
    return disk.calls


def after(disk: SimDisk, checkpoints: MemoryCheckpoints, promises: Promises) -> None:
    """Start again, look, go on, stop cleanly, and look once more."""
    checkpoints.crash()
    rig = Rig(disk, checkpoints)
    promises.hold(rig)
    if "in" in rig.ask(asks.ListQueues()).names:
        promises.publish(rig, ("in",), 99, 3)
    rig.stop()
    disk.crash()
    promises.hold(Rig(disk, checkpoints))


@pytest.mark.parametrize("power_goes_after_the_stop", [False, True])
def test_a_failed_call_stops_the_engine_or_harms_nothing(
    *, power_goes_after_the_stop: bool
) -> None:
    stopped = 0
    for number in range(1, calls_of_a_clean_run() + 1):
        disk = SimDisk(random.Random(number))
        disk.fail_at = {number}
        promises = Promises()
        checkpoints = MemoryCheckpoints()
        try:
            promises.play(Rig(disk, checkpoints))
        except (Stopped, OSError, JournalFailed):
            stopped += 1
        disk.fail_at = set()
        disk.kill()
        if power_goes_after_the_stop:
            disk.crash()
        after(disk, checkpoints, promises)
    assert stopped > number / 2


def test_a_power_cut_during_any_call_loses_nothing_promised() -> None:
    for number in range(2, calls_of_a_clean_run() + 1):
        disk = SimDisk(random.Random(number))
        disk.crash_at = number
        promises = Promises()
        checkpoints = MemoryCheckpoints()
        with pytest.raises(Crashed):
            promises.play(Rig(disk, checkpoints))
        disk.crash()
        after(disk, checkpoints, promises)


def test_a_full_disk_refuses_publishes_lets_settles_go_on_and_is_left_behind() -> None:
    disk = SimDisk(random.Random(1))
    rig, checkpoints = fresh(disk)
    promises = Promises()
    promises.play(rig)
    disk.capacity = disk.used()
    refused = 0
    for turn in range(100, 140):
        reply = rig.ask(asks.Publish(("in",), [b"%d|" % turn + bytes(1_000)]))
        refused += isinstance(reply, replies.Refused) and reply.why is Why.NO_SPACE
        promises.maybe.add(b"%d|" % turn + bytes(1_000))
    assert 0 < refused < 40
    for _ in range(3):
        promises.ack(rig, "in", 5)
    promises.hold(rig)
    disk.capacity = None
    rig.rest(5_000)
    reply = rig.ask(asks.Publish(("in",), [b"again|"]))
    assert isinstance(reply, replies.Published)
    promises.there.add(b"again|")
    disk.crash()
    promises.hold(Rig(disk, checkpoints))


def test_parts_of_a_directory_that_do_not_belong_together_are_not_started() -> None:
    disk = SimDisk(random.Random(2))
    rig, checkpoints = fresh(disk)
    Promises().play(rig)
    rig.stop()
    disk.kill()
    assert rig.engine.journal.bounds()[0] > 1
    with pytest.raises(PostroadError, match="there is no checkpoint"):
        Rig(disk, MemoryCheckpoints())
    for path in disk.paths():
        if path.startswith("/data/journal"):
            disk.unlink(path)
    with pytest.raises(PostroadError, match="the journal ends at"):
        Rig(disk, checkpoints)
