"""A process killed while it writes: what it was told is durable is there, and nothing invented."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from postroad.disk.real import RealDisk
from postroad.journal.envelope import Filter, unpack
from postroad.journal.files import FileJournal
from postroad.journal.lock import lock_directory
from postroad.journal.options import JournalOptions
from postroad.store.files import FileStore

SEGMENT_BYTES = 65_536

# Appends as fast as it can; each line it prints is a promise it was given.
CHILD = """
import os, sys
from postroad.disk.real import RealDisk
from postroad.journal.envelope import DATA, pack
from postroad.journal.files import FileJournal
from postroad.journal.lock import lock_directory
from postroad.journal.options import JournalOptions
from postroad.store.files import FileStore

directory, epoch = sys.argv[1], int(sys.argv[2])
disk = RealDisk()
lock_directory(disk, directory, os.getpid())
options = JournalOptions(segment_bytes=65_536, reserve_bytes=65_536)
journal = FileJournal(disk, directory + "/journal", options)
journal.claim(epoch, 0)
store = FileStore(disk, directory + "/blocks", file_bytes=100_000)
store.begin(epoch)
n = 0
while True:
    n += 1
    body = b"%d/%d " % (epoch, n) * (n % 97 + 1)
    answers = []
    group = pack(kind=DATA, flags=0, epoch=epoch, n=n, now_ms=n, payload=body)
    journal.append(group, answers.append)
    print("J", answers[0], n, flush=True)
    if n % 10 == 0:
        print("S", store.put([body])[0], n, flush=True)
        journal.trim(journal.bounds()[1] - 1_000)
"""


def lines_until_killed(directory: Path, epoch: int, count: int) -> list[list[str]]:
    """Run the child until it printed so many lines, kill it, and return all it printed."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(directory), str(epoch)],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(count)]
        os.kill(child.pid, signal.SIGKILL)
        lines += child.stdout.readlines()
    # The last line may be cut.
    return [line.split() for line in lines if line.endswith("\n")]


def body_of(epoch: int, n: int) -> bytes:
    return b"%d/%d " % (epoch, n) * (n % 97 + 1)


@pytest.mark.parametrize("counts", [(900, 30, 400)])
def test_what_a_killed_process_was_promised_is_there(
    tmp_path: Path, counts: tuple[int, ...]
) -> None:
    blocks: dict[int, bytes] = {}
    for epoch, count in enumerate(counts, 1):
        promised: dict[int, bytes] = {}
        for kind, number, n in lines_until_killed(tmp_path, epoch, count):
            (promised if kind == "J" else blocks)[int(number)] = body_of(epoch, int(n))
        disk = RealDisk()
        held = lock_directory(disk, str(tmp_path), os.getpid())
        journal = FileJournal(
            disk, f"{tmp_path}/journal", JournalOptions(SEGMENT_BYTES, SEGMENT_BYTES)
        )
        assert not journal.sealed
        first, stop = journal.bounds()
        replay = Filter()
        found = {}
        for position, group in journal.read(first, stop):
            envelope = unpack(group)
            found[position] = envelope.payload
            replay.feed(envelope)
        kept = {position: body for position, body in promised.items() if position >= first}
        assert len(kept) > min(count, 900) / 2
        assert all(found[position] == body for position, body in kept.items())
        # One group may have been on its way; it is whole or not there.
        assert stop - 1 - max(kept) in (0, 1)
        assert found[stop - 1] == body_of(epoch, replay.n)
        store = FileStore(disk, f"{tmp_path}/blocks", file_bytes=100_000)
        store.keep_only((id_, len(body)) for id_, body in blocks.items())
        assert all(store.get(id_, len(body)) == body for id_, body in blocks.items())
        store.close()
        held.release()
