"""Large bodies kept aside, and fetched to the byte."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from postroad import Broker
from postroad.claimcheck import CLAIM_HEADER, ClaimCheck
from postroad.claimcheck.claim import claim_of
from postroad.claimcheck.places import Folder
from postroad.disk.interface import File
from postroad.disk.real import RealDisk
from postroad.errors import BadCommand, ClaimLost
from postroad.model.message import Delivery, plain_head
from postroad.testing.clock import ManualClock

LARGE = b"x" * 1_000
NAME = "0" * 32


@pytest.fixture
def check(tmp_path: Path) -> ClaimCheck:
    return ClaimCheck(tmp_path / "claims", above_bytes=100)


def sent(check: ClaimCheck, body: bytes = LARGE, **headers: str) -> Delivery:
    """The message as its receiver gets it."""
    with Broker.open(None) as broker:
        broker.declare("videos")
        broker.publish_many("videos", [check.outgoing(body, headers=dict(headers))])
        return broker.pop("videos")[0]


def files(check: ClaimCheck) -> list[Path]:
    return [one for one in Path(check.where).rglob("*") if one.is_file()]


def claiming(**reference: object) -> Delivery:
    head = plain_head({CLAIM_HEADER: json.dumps(reference)})
    return Delivery(1, 1, 1, 1, 0, 0, b"", head)


def test_a_large_body_travels_as_a_reference_and_is_fetched(check: ClaimCheck) -> None:
    message = sent(check, kind="raw")
    assert len(message.body) < 200
    assert message.headers["kind"] == "raw"
    assert check.body(message) == LARGE
    assert check.whole(message).body == LARGE
    with check.open(message) as file:
        assert file.read(10) == b"x" * 10
    claim = claim_of(message)
    assert claim is not None
    assert json.loads(message.body) == msgspec.to_builtins(claim)


def test_a_small_body_travels_by_itself(check: ClaimCheck) -> None:
    message = sent(check, b"x" * 100)
    assert message.body == b"x" * 100
    assert CLAIM_HEADER not in message.headers
    assert check.whole(message) is message
    assert check.open(message).read() == message.body
    check.drop(message)
    assert files(check) == []


def test_two_messages_with_one_body_have_each_their_own(check: ClaimCheck) -> None:
    first, second = sent(check), sent(check)
    check.drop(first)
    assert check.body(second) == LARGE
    check.drop([first, second])
    assert files(check) == []


def test_a_body_that_is_gone_is_told(check: ClaimCheck) -> None:
    message = sent(check)
    check.drop(message)
    for fetch in (check.body, check.whole, check.open):
        with pytest.raises(ClaimLost, match="any more"):
            fetch(message)


@pytest.mark.parametrize("other", [b"", b"x" * 999, b"x" * 1_001, b"x" * 999 + b"y"])
def test_a_body_that_was_changed_is_told(check: ClaimCheck, other: bytes) -> None:
    message = sent(check)
    files(check)[0].write_bytes(other)
    with pytest.raises(ClaimLost, match="its body"):
        check.body(message)


@pytest.mark.parametrize(
    "reference",
    [
        {},
        {"name": "../../etc/passwd", "bytes": 1, "sha256": ""},
        {"name": "/etc/passwd", "bytes": 1, "sha256": ""},
        {"name": NAME + "\n", "bytes": 1, "sha256": ""},
        {"name": NAME, "bytes": -1, "sha256": ""},
        {"name": NAME, "bytes": 1 << 60, "sha256": ""},
        {"name": NAME, "bytes": "1", "sha256": ""},
        {"name": 7, "bytes": 1, "sha256": ""},
    ],
)
def test_a_reference_that_cannot_be_followed_is_told(
    check: ClaimCheck, reference: dict[str, object]
) -> None:
    with pytest.raises(ClaimLost, match="reference"):
        check.body(claiming(**reference))


@pytest.mark.parametrize("text", [b"\xff", "", "[" * 5_000, 7, None])
def test_a_header_that_is_no_reference_is_told_or_is_none(
    check: ClaimCheck, text: str | bytes | int | None
) -> None:
    message = Delivery(1, 1, 1, 1, 0, 0, b"own", plain_head({CLAIM_HEADER: text}))
    if text is None:
        assert check.body(message) == b"own"
        return
    with pytest.raises(ClaimLost):
        check.body(message)


def test_a_sweep_forgets_what_is_older_and_what_was_never_finished(tmp_path: Path) -> None:
    clock = ManualClock(1_000_000_000_000)
    check = ClaimCheck(tmp_path / "claims", above_bytes=0, clock=clock)
    assert check.sweep(0) == 0
    old, new = sent(check), sent(check)
    names = {one.name: one for one in files(check)}
    part = Path(check.where) / "ff" / ("f" * 32 + ".part")
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(b"half")
    for file, age_s in ((names[_name(old)], 3_601), (part, 7_200), (names[_name(new)], 3_599)):
        os.utime(file, (1_000_000_000 - age_s,) * 2)
    assert check.sweep(3_600) == 1
    assert [one.name for one in files(check)] == [_name(new)]
    assert check.body(new) == LARGE


def test_a_sweep_leaves_what_is_no_body(tmp_path: Path) -> None:
    check = ClaimCheck(tmp_path, above_bytes=0, clock=ManualClock(1 << 44))
    kept = [tmp_path / "no" / "notes.txt", tmp_path / "aa" / "folder" / "file"]
    for one in kept:
        one.parent.mkdir(parents=True)
        one.write_bytes(b"mine")
    sent(check)
    assert check.sweep(60) == 1
    assert all(one.is_file() for one in kept)


def test_a_body_is_found_that_came_after_a_list_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = pytest.importorskip("fsspec.implementations.memory").MemoryFileSystem
    check = ClaimCheck("memory://claims/of-the-store", above_bytes=100)
    message, kept, size = sent(check), [True], memory.size

    def size_as_listed(fs: object, path: str) -> int:
        if kept:
            raise FileNotFoundError(path)
        return int(size(fs, path))

    monkeypatch.setattr(memory, "size", size_as_listed)
    monkeypatch.setattr(memory, "invalidate_cache", lambda *_: kept.clear())
    assert check.body(message) == LARGE


def _name(message: Delivery) -> str:
    claim = claim_of(message)
    assert claim is not None
    return claim.name


def test_any_place_of_fsspec_will_do() -> None:
    pytest.importorskip("fsspec")
    check = ClaimCheck("memory://claims/of-the-shop", above_bytes=100)
    message = sent(check)
    assert check.body(message) == LARGE
    with check.open(message) as file:
        assert file.read() == LARGE
    assert check.sweep(3_600) == 0
    check.drop(message)
    check.drop(message)
    with pytest.raises(ClaimLost):
        check.body(message)
    sent(check)
    clock = ManualClock(1 << 44)
    assert ClaimCheck("memory://claims/of-the-shop", clock=clock).sweep(60) == 1


def test_what_cannot_be_a_place_or_a_size_is_refused(tmp_path: Path, check: ClaimCheck) -> None:
    with pytest.raises(BadCommand, match="fsspec reaches"):
        ClaimCheck("no-such-thing://claims")
    for size in (-1, 1.5, True):
        with pytest.raises(BadCommand, match="above_bytes"):
            ClaimCheck(tmp_path, above_bytes=size)  # type: ignore[arg-type]
    for age in (-1, float("nan"), True):
        with pytest.raises(BadCommand, match="older_than_s"):
            check.sweep(age)
    with pytest.raises(TypeError, match="bytes or text"):
        check.outgoing(7)  # type: ignore[arg-type]


class Crash(Exception):  # noqa: N818
    """The process ends here."""


class CrashingDisk(RealDisk):
    """A disk whose `at`th call is the last one; a write then is half done."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Crash

    def make_directory(self, path: str) -> None:
        self.step()
        super().make_directory(path)

    def create(self, path: str) -> File:
        self.step()
        return CrashingFile(super().create(path), self)

    def rename(self, old: str, new: str) -> None:
        self.step()
        super().rename(old, new)

    def sync_directory(self, path: str) -> None:
        self.step()
        super().sync_directory(path)


class CrashingFile:
    """A file of such a disk."""

    def __init__(self, file: File, disk: CrashingDisk) -> None:
        self._file = file
        self._disk = disk
        self.size = file.size
        self.pread = file.pread
        self.allocate = file.allocate
        self.close = file.close

    def pwrite(self, parts: Sequence[bytes], offset: int) -> int:
        half = b"".join(parts)[: max(1, sum(map(len, parts)) // 2)]
        self._file.pwrite((half,), offset)
        self._disk.step()
        return len(half)

    def sync(self) -> None:
        self._disk.step()
        self._file.sync()


def test_a_crash_at_any_step_leaves_no_message_without_its_body(tmp_path: Path) -> None:
    crashes = 0
    for at in range(1_000):
        folder = tmp_path / str(at)
        check = ClaimCheck(folder, above_bytes=100, clock=ManualClock(1 << 44))
        check._place = Folder(folder, CrashingDisk(at))
        with Broker.open(None) as broker:
            broker.declare("videos")
            try:
                broker.publish_many("videos", [check.outgoing(LARGE)])
            except Crash:
                crashes += 1
            found = broker.pop("videos", wait_ms=0)
        after = ClaimCheck(folder, above_bytes=100, clock=ManualClock(1 << 44))
        assert [after.body(one) for one in found] == ([] if check_crashed(found) else [LARGE])
        if not check_crashed(found):
            break
        after.sweep(60)
        assert files(after) == [], "an orphan that no sweep finds"
    assert crashes > 5


def check_crashed(found: list[Delivery]) -> bool:
    """Whether nothing was published."""
    return not found


def test_a_reference_keeps_what_goes_with_the_message(check: ClaimCheck) -> None:
    made = check.outgoing(LARGE, headers={"a": "b"}, key="k", delay_ms=5)
    assert (made.key, made.delay_ms) == ("k", 5)
    assert made.headers is not None
    assert made.headers["a"] == "b"
    assert replace(made, body=b"").body == b""


@pytest.mark.parametrize("scheme", ["file://", "local://"])
def test_a_url_of_a_file_is_the_directory_and_is_synced_as_one(tmp_path: Path, scheme: str) -> None:
    here = ClaimCheck(tmp_path / "claims", above_bytes=100)
    there = ClaimCheck(f"{scheme}{tmp_path}/claims", above_bytes=100)
    assert isinstance(there._place, Folder)
    message = sent(there)
    assert here.body(message) == LARGE
    there.drop(message)
    assert files(here) == []
    with pytest.raises(BadCommand, match="names no directory"):
        ClaimCheck(scheme)


def test_a_directory_that_others_made_is_synced_before_it_is_trusted(tmp_path: Path) -> None:
    synced: list[str] = []

    class Noting(RealDisk):
        def sync_directory(self, path: str) -> None:
            synced.append(path)
            super().sync_directory(path)

    (tmp_path / "00").mkdir()
    place = Folder(tmp_path, Noting())
    for _ in range(2):
        place.put(NAME, LARGE)
    assert synced == [str(tmp_path), str(tmp_path / "00"), str(tmp_path / "00")]


def test_a_body_that_is_not_its_messages_own_is_dropped_only_by_who_says_so(
    check: ClaimCheck,
) -> None:
    message = sent(check)
    check.drop(message, own=True)
    assert check.body(message) == LARGE
    text, claim = check.check_in(LARGE, own=True)
    assert json.loads(text)["own"] is True
    owned = Delivery(1, 1, 1, 1, 0, 0, text, plain_head({CLAIM_HEADER: claim}))
    check.drop(owned, own=True)
    with pytest.raises(ClaimLost):
        check.body(owned)
    assert check.body(message) == LARGE
