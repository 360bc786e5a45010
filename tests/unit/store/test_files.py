"""The file store where it differs from memory: damage, faults, handles, syncs."""

import errno
import random

import pytest

from postroad.errors import CorruptBlock
from postroad.store.files import FRAME_BYTES, FileStore
from postroad.store.handles import Handles
from tests.sim.disk import SimDisk

FILE_BYTES = 4_000


@pytest.fixture
def disk() -> SimDisk:
    return SimDisk(random.Random(0))


def begun(disk: SimDisk, epoch: int = 1) -> FileStore:
    store = FileStore(disk, "/b", file_bytes=FILE_BYTES)
    store.begin(epoch)
    return store


def test_the_file_being_written_is_left_once_half_of_it_is_dead(disk: SimDisk) -> None:
    store = begun(disk)
    ids = store.put([bytes(500)] * 6)
    store.delete(ids[:3])
    (more,) = store.put([bytes(100)])
    assert store.file_of(more) == store.file_of(ids[0]), "half of it still lives"
    store.delete(ids[3:5])
    assert store.sparse_files(0.5) == [store.file_of(ids[0])]
    (other,) = store.put([bytes(100)])
    assert store.file_of(other) != store.file_of(ids[0])
    assert store.get(ids[5], 500) == bytes(500)


def test_the_file_being_written_goes_when_all_of_it_is_dead(disk: SimDisk) -> None:
    store = begun(disk)
    store.delete(store.put([bytes(500)] * 5))
    assert disk.paths() == []
    assert store.bytes_used() == 0
    (id,) = store.put([b"next"])
    assert store.get(id, 4) == b"next"


def test_every_changed_byte_of_a_block_is_named_with_file_and_offset(disk: SimDisk) -> None:
    store = begun(disk)
    first, second = store.put([b"a" * 50, b"b" * 60])
    path = disk.paths()[0]
    for at in range(FRAME_BYTES + 50, 2 * FRAME_BYTES + 110):
        disk.flip(path, at)
        with pytest.raises(CorruptBlock, match="run `postroad check`") as caught:
            store.get(second, 60)
        assert (caught.value.file, caught.value.offset) == (path, FRAME_BYTES + 50)
        assert store.get(first, 50) == b"a" * 50
        disk.flip(path, at)
    assert store.get(second, 60) == b"b" * 60


def test_a_block_at_anothers_place_is_damage(disk: SimDisk) -> None:
    store = begun(disk)
    first, second = store.put([b"a" * 50, b"b" * 50])
    path = disk.paths()[0]
    content = disk.content(path)
    half = FRAME_BYTES + 50
    disk.replace(path, content[half:] + content[:half])
    store.close()
    store = begun(disk, 2)
    for id_ in (first, second):
        with pytest.raises(CorruptBlock, match="does not match its checksum"):
            store.get(id_, 50)


def test_a_block_cut_short_is_damage(disk: SimDisk) -> None:
    store = begun(disk)
    (id_,) = store.put([b"a" * 50])
    store.close()
    path = disk.paths()[0]
    disk.replace(path, disk.content(path)[:-1])
    with pytest.raises(CorruptBlock, match="the file ends within the block"):
        begun(disk, 2).get(id_, 50)


def test_one_put_is_one_sync(disk: SimDisk) -> None:
    store = begun(disk)
    store.put([b"first"])
    disk.log.clear()
    store.put([b"x" * 100] * 20)
    assert [call for call, _ in disk.log] == ["pwrite", "sync"]


def test_a_put_over_several_files_syncs_each_and_the_names(disk: SimDisk) -> None:
    store = begun(disk)
    store.put([b"x" * 1_500] * 5)
    calls = [call for call, _ in disk.log]
    assert calls.count("sync") == 3
    assert calls[-1] == "sync_directory"
    assert calls.count("sync_directory") == 1


@pytest.mark.parametrize("call", ["create", "pwrite", "sync", "sync_directory"])
def test_after_a_failed_put_the_store_goes_on_in_a_new_file(disk: SimDisk, call: str) -> None:
    store = begun(disk)
    disk.fail_when = lambda name, _: errno.ENOSPC if name == call else None
    with pytest.raises(OSError, match=f"{call} failed"):
        store.put([b"x" * 1_500] * 3)
    disk.fail_when = None
    ids = store.put([b"y" * 100])
    assert store.get(ids[0], 100) == b"y" * 100
    # What the failed one left is no block of anybody.
    assert store.bytes_used() == FRAME_BYTES + 100
    disk.crash()
    store = begun(disk, 2)
    store.keep_only([(ids[0], 100)])
    assert store.get(ids[0], 100) == b"y" * 100


def test_a_failed_put_takes_no_earlier_block_with_it(disk: SimDisk) -> None:
    store = begun(disk)
    (early,) = store.put([b"early"])
    disk.fail_when = lambda name, _: errno.EIO if name == "sync" else None
    with pytest.raises(OSError, match="sync failed"):
        store.put([b"late"])
    disk.fail_when = None
    assert store.get(early, 5) == b"early"
    store.delete([early])
    assert store.bytes_used() == 0


def test_strange_files_are_left_alone(disk: SimDisk) -> None:
    strange = ["/b/notes", "/b/blocks-1", "/b/blocks-x-1", "/b/blocks-1-y"]
    for path in strange:
        disk.replace(path, b"mine")
    store = begun(disk)
    store.keep_only([])
    assert disk.paths() == sorted(strange)
    assert store.bytes_used() == 0


def test_an_epoch_is_used_once(disk: SimDisk) -> None:
    store = begun(disk, 3)
    store.put([b"x"])
    with pytest.raises(AssertionError, match="used once"):
        store.begin(3)
    store.begin(4)
    (id_,) = store.put([b"y"])
    assert store.get(id_, 1) == b"y"


def test_a_store_must_begin_before_it_takes_blocks(disk: SimDisk) -> None:
    with pytest.raises(AssertionError, match="begin comes before put"):
        FileStore(disk, "/b").put([b"x"])


def test_few_files_are_open_at_once(disk: SimDisk) -> None:
    for name in "abcd":
        disk.replace(f"/b/{name}", name.encode())
    handles = Handles(disk, 2)
    for name in "abcdab":
        handle = handles.borrow(f"/b/{name}")
        assert handle.file.pread(1, 0) == name.encode()
        handles.give_back(handle)
    assert len(handles._handles) == 2
    assert [call for call, _ in disk.log].count("open") == 6
    handles.give_back(handles.borrow("/b/b"))
    assert [call for call, _ in disk.log].count("open") == 6, "what was used last is still open"


def test_a_file_is_not_closed_while_someone_reads_it(disk: SimDisk) -> None:
    for name in "abc":
        disk.replace(f"/b/{name}", name.encode())
    handles = Handles(disk, 1)
    reading = [handles.borrow("/b/a"), handles.borrow("/b/a"), handles.borrow("/b/b")]
    handles.give_back(handles.borrow("/b/c"))
    handles.forget("/b/a")
    handles.close()
    assert [handle.file.pread(1, 0) for handle in reading] == [b"a", b"a", b"b"]
    for handle in reading:
        handles.give_back(handle)
    for handle in reading:
        with pytest.raises(OSError, match="closed"):
            handle.file.pread(1, 0)


def test_forgetting_what_is_not_open_changes_nothing(disk: SimDisk) -> None:
    handles = Handles(disk, 1)
    handles.forget("/b/a")
    handles.close()
