"""The disk fails, or the power goes, at each call of the store; no block promised is lost."""

import random

from postroad.store.files import FileStore
from tests.sim.disk import Crashed, SimDisk

FILE_BYTES = 4_000


class Promises:
    """Blocks put and not deleted, over many lives of a store."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.blocks: dict[int, bytes] = {}
        self.epoch = 0

    def start(self, disk: SimDisk) -> FileStore:
        self.epoch += 1
        store = FileStore(disk, "/b", file_bytes=FILE_BYTES, open_files_max=3)
        store.begin(self.epoch)
        store.keep_only((id_, len(block)) for id_, block in self.blocks.items())
        for id_, block in self.blocks.items():
            assert store.get(id_, len(block)) == block
        return store

    def put(self, store: FileStore) -> None:
        sizes = self.rng.choices((20, 300, 1_200, 5_000), k=self.rng.randint(1, 6))
        blocks = [self.rng.randbytes(size) for size in sizes]
        self.blocks.update(zip(store.put(blocks), blocks, strict=True))

    def delete(self, store: FileStore) -> None:
        gone = self.rng.sample(sorted(self.blocks), k=len(self.blocks) // 3)
        # Only what is durably not needed is deleted: it is forgotten before.
        for id_ in gone:
            del self.blocks[id_]
        store.delete(gone)


def scripted(promises: Promises, disk: SimDisk) -> None:
    for _ in range(3):
        store = promises.start(disk)
        for _ in range(4):
            promises.put(store)
            promises.delete(store)
        store.close()


def calls_of_a_clean_run() -> int:
    disk = SimDisk(random.Random(0))
    scripted(Promises(1), disk)
    return disk.calls


def test_a_failed_call_loses_no_block_even_if_the_store_goes_on() -> None:
    for number in range(1, calls_of_a_clean_run() + 1):
        disk = SimDisk(random.Random(number))
        disk.fail_at = {number}
        promises = Promises(1)
        store: FileStore | None = None
        for turn in range(12):
            try:
                if store is None:
                    store = promises.start(disk)
                promises.put(store)
                promises.delete(store)
            except OSError:
                # A full disk, say: placing stops for a while, the store is used on.
                pass
            if turn == 8:
                disk.crash()
                store = None
        disk.fail_at = set()
        disk.crash()
        promises.start(disk)


def test_a_power_cut_during_any_call_loses_no_block() -> None:
    for seed in (1, 2):
        for number in range(1, calls_of_a_clean_run() + 1):
            disk = SimDisk(random.Random(seed << 32 | number))
            disk.crash_at = number
            promises = Promises(1)
            try:
                scripted(promises, disk)
            except Crashed:
                disk.crash()
            promises.start(disk).close()


def test_two_hundred_stories_of_chance_lose_no_block() -> None:
    for seed in range(200):
        disk = SimDisk(random.Random(seed))
        promises = Promises(seed)
        for _ in range(5):
            disk.short_writes = promises.rng.choice((0, 0.3))
            disk.fail_at = {disk.calls + promises.rng.randint(1, 60)}
            disk.crash_at = disk.calls + promises.rng.randint(1, 120)
            try:
                store = promises.start(disk)
                for _ in range(6):
                    promises.put(store)
                    promises.delete(store)
            except OSError:
                disk.kill()
            except Crashed:
                disk.crash()
            disk.crash()
        disk.fail_at = set()
        promises.start(disk).close()
        assert disk.used() < 4 * FILE_BYTES + 3 * sum(map(len, promises.blocks.values()))
