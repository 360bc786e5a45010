"""What every store keeps, whatever holds its blocks."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from postroad.disk.real import RealDisk
from postroad.errors import CorruptBlock
from postroad.store.files import FileStore
from postroad.store.interface import Store, block_id, file_of, offset_of
from postroad.store.memory import MemoryStore
from tests.sim.disk import SimDisk

Make = Callable[[], Store]
FILE_BYTES = 4_000


@pytest.fixture(params=["memory", "files", "files on short writes", "real files"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Opens the same store each time it is called."""
    if request.param == "memory":
        memory = MemoryStore(FILE_BYTES)
        return lambda: memory
    if request.param == "real files":
        return lambda: FileStore(RealDisk(), str(tmp_path / "blocks"), file_bytes=FILE_BYTES)
    disk = SimDisk(random.Random(1))
    disk.short_writes = 0.5 if "short" in request.param else 0
    return lambda: FileStore(disk, "/blocks", file_bytes=FILE_BYTES, open_files_max=2)


def begun(opening: Make, epoch: int = 1) -> Store:
    store = opening()
    store.begin(epoch)
    return store


def blocks_of(sizes: list[int]) -> list[bytes]:
    return [random.Random(number).randbytes(size) for number, size in enumerate(sizes)]


def test_a_block_put_is_got_back_by_its_id(opening: Make) -> None:
    store = begun(opening)
    blocks = blocks_of([1, 100, 1_000, 3_000, 17, 900, 900, 900, 900])
    ids = store.put(blocks)
    assert len(set(ids)) == len(blocks)
    assert [store.get(id_, len(block)) for id_, block in zip(ids, blocks, strict=True)] == blocks


def test_nothing_put_is_nothing_stored(opening: Make) -> None:
    store = begun(opening)
    assert store.put([]) == []
    assert store.bytes_used() == 0


def test_a_block_larger_than_a_file_has_one_of_its_own(opening: Make) -> None:
    store = begun(opening)
    blocks = blocks_of([500, 9_000, 500, 500])
    ids = store.put(blocks)
    assert store.get(ids[1], 9_000) == blocks[1]
    assert offset_of(ids[1]) == 0
    files = [store.file_of(id_) for id_ in ids]
    assert files[0] < files[1] < files[2] == files[3]


def test_ids_tell_file_and_offset_and_grow(opening: Make) -> None:
    store = begun(opening, 5)
    ids = store.put(blocks_of([900] * 10))
    assert ids == sorted(ids)
    assert {store.file_of(id_) for id_ in ids} == {
        file_of(block_id(5, counter, 0)) for counter in range(ids_files(ids))
    }


def ids_files(ids: list[int]) -> int:
    return len({file_of(id_) for id_ in ids})


def test_ids_of_a_later_run_are_never_those_of_an_earlier(opening: Make) -> None:
    first = begun(opening, 1)
    early = first.put(blocks_of([100] * 5))
    first.close()
    second = begun(opening, 2)
    second.keep_only((id_, 100) for id_ in early)
    late = second.put(blocks_of([100] * 5))
    assert max(early) < min(late)
    assert [second.get(id_, 100) for id_ in early] == blocks_of([100] * 5)


def test_blocks_nobody_names_are_gone_after_a_start(opening: Make) -> None:
    store = begun(opening)
    blocks = blocks_of([1_500] * 8)
    ids = store.put(blocks)
    store.close()
    store = opening()
    kept = store.keep_only([(ids[0], 1_500), (ids[1], 1_500), (ids[7], 1_500)])
    assert (kept.blocks, kept.block_bytes) == (3, 4_500)
    assert (kept.files, kept.files_deleted) == (2, 2)
    assert store.get(ids[7], 1_500) == blocks[7]
    with pytest.raises(CorruptBlock):
        store.get(ids[3], 1_500)


def test_an_empty_start_deletes_everything(opening: Make) -> None:
    store = begun(opening)
    store.put(blocks_of([1_500] * 8))
    store.close()
    store = opening()
    store.begin(2)
    assert store.keep_only([]).files == 0
    assert store.bytes_used() == 0


def test_a_named_block_whose_file_is_gone_is_damage(opening: Make) -> None:
    store = begun(opening)
    (id_,) = store.put(blocks_of([100]))
    with pytest.raises(CorruptBlock):
        store.keep_only([(id_, 100), (block_id(1, 77, 0), 100)])
    with pytest.raises(CorruptBlock):
        store.keep_only([(id_, 5_000)])


def test_a_file_goes_when_nothing_in_it_lives(opening: Make) -> None:
    store = begun(opening)
    ids = store.put(blocks_of([1_500] * 9))
    used = store.bytes_used()
    store.delete(ids[0:1])
    assert store.bytes_used() == used
    store.delete(ids[1:2])
    assert store.bytes_used() < used
    with pytest.raises(CorruptBlock):
        store.get(ids[0], 1_500)
    assert store.get(ids[2], 1_500) == blocks_of([1_500] * 9)[2]


def test_deleting_twice_or_what_never_was_changes_nothing(opening: Make) -> None:
    store = begun(opening)
    ids = store.put(blocks_of([1_500] * 4))
    store.delete([ids[0], ids[0], block_id(9, 9, 9)])
    store.delete([ids[0]])
    assert store.get(ids[1], 1_500) == blocks_of([1_500] * 4)[1]


def test_the_file_being_written_goes_once_it_is_left(opening: Make) -> None:
    store = begun(opening)
    ids = store.put(blocks_of([1_500]))
    store.delete(ids)
    assert store.bytes_used() > 0
    later = store.put(blocks_of([3_000]))
    assert store.bytes_used() < 3_200
    assert store.get(later[0], 3_000) == blocks_of([3_000])[0]


def test_sparse_files_are_those_with_too_little_alive(opening: Make) -> None:
    store = begun(opening)
    ids = store.put(blocks_of([900] * 13))
    files = sorted({store.file_of(id_) for id_ in ids})
    assert len(files) == 4
    assert store.sparse_files(0.99) == []
    store.delete(ids[0:3])
    store.delete(ids[4:6])
    assert store.sparse_files(0.5) == files[:1]
    assert store.sparse_files(0.6) == files[:2]
    assert files[3] not in store.sparse_files(2.0), "the one being written is left alone"


def test_a_get_of_another_size_is_refused(opening: Make) -> None:
    store = begun(opening)
    (id_,) = store.put(blocks_of([100]))
    for size in (99, 101):
        with pytest.raises(CorruptBlock):
            store.get(id_, size)


def test_a_store_closed_and_opened_has_its_blocks(opening: Make) -> None:
    store = begun(opening)
    blocks = blocks_of([700] * 30)
    ids = store.put(blocks)
    store.close()
    store = opening()
    store.keep_only((id_, 700) for id_ in ids)
    assert [store.get(id_, 700) for id_ in ids] == blocks
    store.delete(ids)
    store.begin(2)
    assert store.bytes_used() == 0


def test_a_place_outside_an_ids_bits_is_refused() -> None:
    with pytest.raises(AssertionError):
        block_id(1 << 20, 0, 0)
    with pytest.raises(AssertionError):
        block_id(0, 1 << 18, 0)
    with pytest.raises(AssertionError):
        block_id(0, 0, 1 << 26)
    assert block_id((1 << 20) - 1, (1 << 18) - 1, (1 << 26) - 1) == (1 << 64) - 1
