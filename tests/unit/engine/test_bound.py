"""All that a journal in files has on disk stays within its bound, whatever the process does."""

import random

import pytest

from postroad.engine.settings import EngineSettings
from postroad.journal.files import FileJournal
from postroad.journal.options import JournalOptions
from postroad.model import commands as asks
from postroad.model.replies import Received
from tests.sim.disk import SimDisk
from tests.unit.engine.rooms import Room

SEGMENT = 16_384
BOUND = 16 * SEGMENT
SETTINGS = EngineSettings(journal_bytes=BOUND)


class RoomOnDisk(Room):
    """A room whose journal is in files; `start` is what a start after kill -9 is."""

    def __init__(self) -> None:
        self.disk = SimDisk(random.Random(0))
        super().__init__(SETTINGS)

    def start(self) -> None:
        self.disk.kill()
        options = JournalOptions(segment_bytes=SEGMENT, reserve_bytes=SEGMENT, bound_bytes=BOUND)
        self.journal = FileJournal(self.disk, "/j", options)  # type: ignore[assignment]
        super().start()

    def on_disk(self) -> int:
        return sum(len(self.disk.content(path)) for path in self.disk.paths())


@pytest.mark.parametrize("consumed", [True, False], ids=["consumed", "kept"])
@pytest.mark.parametrize("life", [5, 30, 1_000])
def test_the_journal_stays_within_its_bound_however_short_the_lives(
    life: int, consumed: bool
) -> None:
    room = RoomOnDisk()
    room.ask(asks.DeclareQueue("mail"))
    most = 0
    for number in range(1, 400):
        room.ask(asks.Publish(("mail",), [bytes(3_000)]))
        if consumed:
            got = room.ask(asks.Receive("mail", 1))
            assert isinstance(got, Received)
            one = got.messages[0]
            room.ask(asks.Settle("mail", [one.offset], [one.lease], [one.delivery_count]))
        most = max(most, room.on_disk())
        if number % life == 0:
            room.start()
    assert BOUND // 4 < most <= BOUND
