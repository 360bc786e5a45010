"""The disk fails, or the power goes, at each of its calls; nothing acknowledged is lost."""

import random

import pytest

from postroad.journal.options import JournalOptions, Sync
from tests.crash.ledger import Ledger, Stopped
from tests.sim.disk import Crashed, SimDisk


def scripted(ledger: Ledger, disk: SimDisk) -> None:
    """Two clean lives with several segments, a trim in each."""
    for _ in range(2):
        ledger.start(disk)
        for turn in range(12):
            ledger.append(40 if turn % 3 else 1_500)
            if turn == 8:
                ledger.trim(ledger.next - 3)
        ledger.close()


def calls_of_a_clean_run() -> int:
    disk = SimDisk(random.Random(0))
    scripted(Ledger(), disk)
    return disk.calls


def aftermath(ledger: Ledger, disk: SimDisk) -> None:
    """Restart, write on, lose the power once more, and look again."""
    ledger.start(disk)
    ledger.append(300)
    disk.crash()
    ledger.start(disk)
    ledger.append(300)
    ledger.close()
    disk.crash()
    journal = ledger.start(disk)
    assert journal.torn_bytes == 0


@pytest.mark.parametrize("power_goes_after_the_stop", [False, True])
def test_a_failed_call_loses_nothing_acknowledged(*, power_goes_after_the_stop: bool) -> None:
    stopped = 0
    for number in range(1, calls_of_a_clean_run() + 1):
        disk = SimDisk(random.Random(number))
        disk.fail_at = {number}
        ledger = Ledger()
        try:
            scripted(ledger, disk)
        except (Stopped, OSError):
            stopped += 1
        disk.fail_at = set()
        disk.kill()
        if power_goes_after_the_stop:
            disk.crash()
        aftermath(ledger, disk)
    assert stopped > number / 2


@pytest.mark.parametrize("seed", range(4))
def test_a_power_cut_during_any_call_loses_nothing_acknowledged(seed: int) -> None:
    for number in range(1, calls_of_a_clean_run() + 1):
        disk = SimDisk(random.Random(seed << 32 | number))
        disk.crash_at = number
        ledger = Ledger()
        with pytest.raises(Crashed):
            scripted(ledger, disk)
        disk.crash()
        aftermath(ledger, disk)


def life(ledger: Ledger, disk: SimDisk, rng: random.Random, *, strict: bool) -> None:
    """One life of chance: it ends by a clean stop, a kill, a fault or a power cut."""
    disk.short_writes = rng.choice((0, 0, 0.3))
    disk.fail_at = {disk.calls + rng.randint(1, 400)} if rng.random() < 0.4 else set()
    disk.crash_at = disk.calls + rng.randint(1, 400) if rng.random() < 0.4 else None
    ledger.start(disk, strict=strict)
    for _ in range(rng.randint(0, 40)):
        ledger.append(rng.choice((1, 40, 400, 1_900)))
        if rng.random() < 0.05:
            ledger.trim(rng.randint(1, ledger.next))
    if rng.random() < 0.5:
        ledger.close()


@pytest.mark.parametrize("hundred", range(4))
def test_two_hundred_stories_of_chance_lose_nothing_acknowledged(hundred: int) -> None:
    for seed in range(hundred * 50, hundred * 50 + 50):
        rng = random.Random(seed)
        disk = SimDisk(rng)
        ledger = Ledger()
        for _ in range(8):
            try:
                life(ledger, disk, rng, strict=True)
            except (Stopped, OSError):
                pass
            except Crashed:
                disk.crash()
            disk.kill() if rng.random() < 0.5 else disk.crash()
        disk.fail_at = set()
        disk.crash_at = None
        aftermath(ledger, disk)


@pytest.mark.parametrize("sync", [Sync.NEVER, Sync.INTERVAL])
def test_a_weaker_setting_may_lose_the_end_but_never_keeps_the_start_from_working(
    sync: Sync,
) -> None:
    lost = 0
    for seed in range(100):
        rng = random.Random(seed)
        disk = SimDisk(rng)
        ledger = Ledger(JournalOptions(8_192, 1_024, 2_000, sync, sync_interval_ms=20))
        for _ in range(6):
            try:
                life(ledger, disk, rng, strict=False)
            except (Stopped, OSError):
                pass
            except Crashed:
                disk.crash()
            disk.crash()
            lost += lost_by(ledger, disk)
    assert lost > 0, "the seeds show the price of the setting"


def lost_by(ledger: Ledger, disk: SimDisk) -> int:
    disk.fail_at = set()
    disk.crash_at = None
    kept = len(ledger.kept)
    ledger.trimmed = max(ledger.trimmed, 1)
    ledger.start(disk, strict=False)
    return int(len(ledger.kept) < kept)
