"""A directory is damaged behind the engine's back: its start names the file, or nothing is lost."""

import random

import pytest

from postroad.errors import Corrupt, CorruptBlock
from postroad.model import commands as asks
from postroad.store.checkpoint import MemoryCheckpoints
from tests.crash.rig import Promises, Rig, Stopped, fresh
from tests.sim.disk import SimDisk

LAST = b"last|"


class Damaged:
    """A directory of a killed engine, made once; `open` puts it on a disk of its own."""

    def __init__(self, *, sealed: bool) -> None:
        disk = SimDisk(random.Random(3))
        rig, self.checkpoints = fresh(disk)
        self.promises = Promises()
        self.promises.play(rig)
        # The last group may be taken for a torn one, which nobody was told of.
        rig.ask(asks.Publish(("in",), [LAST]))
        self.promises.maybe.add(LAST)
        if sealed:
            rig.stop()
        self.files = {path: disk.content(path) for path in disk.paths()}

    def disk(self) -> SimDisk:
        disk = SimDisk(random.Random(4))
        for path, content in self.files.items():
            disk.replace(path, content)
        return disk

    def look(self, disk: SimDisk) -> bool:
        """Start and compare; false when the start was refused, or a block, by its file."""
        saved = MemoryCheckpoints()
        cut, rows = self.checkpoints.load()
        assert cut is not None
        saved.save(cut, dict(rows))
        try:
            rig = Rig(disk, saved)
            self.promises.hold(rig)
        except (Corrupt, CorruptBlock) as refused:
            named = refused.file in self.files or refused.file == "journal"
            return self._said(refused, named)
        except Stopped as stopped:
            return self._said(stopped, "the store file `/data/store/blocks-" in str(stopped))
        return True

    def _said(self, what: Exception, named: bool) -> bool:
        assert named, what
        assert " at byte " in str(what)
        return False


@pytest.fixture(scope="module")
def killed() -> Damaged:
    return Damaged(sealed=False)


def used(content: bytes) -> int:
    return len(content.rstrip(b"\0"))


def test_a_flipped_byte_is_named_or_does_no_harm(killed: Damaged) -> None:
    dice = random.Random(5)
    refused = tried = 0
    for path, content in killed.files.items():
        for at in sorted(dice.sample(range(used(content)), min(used(content), 24))):
            disk = killed.disk()
            disk.flip(path, at, 1 << dice.randrange(8))
            tried += 1
            refused += not killed.look(disk)
    assert refused > 20
    assert tried > refused


def test_a_last_segment_that_ends_early_is_named_or_only_its_last_group_is_gone(
    killed: Damaged,
) -> None:
    path = max(path for path in killed.files if path.endswith(".segment") and "/0" in path)
    content = killed.files[path]
    end = used(content)
    for size in [*range(end - 40, end), end]:
        disk = killed.disk()
        disk.replace(path, content[:size] + bytes(len(content) - size))
        assert killed.look(disk), "what was torn off at the end was never acknowledged"


def test_a_torn_group_before_a_seal_is_named() -> None:
    stopped = Damaged(sealed=True)
    path = max(path for path in stopped.files if path.endswith(".segment") and "/0" in path)
    disk = stopped.disk()
    disk.flip(path, used(stopped.files[path]) - 60)
    assert not stopped.look(disk)
