"""What a server takes of disk and memory, as whoever runs it sees it."""

from pathlib import Path

from tests.compat.clients import WAKE_MS_MAX, Queue, connected
from tests.compat.conftest import Serve
from tests.compat.processes import until

MIB = 1024 * 1024
JOURNAL_BYTES = 8 * MIB
JOURNAL = ("--journal-bytes", "8MiB", "--segment-bytes", "1MiB", "--reserve-bytes", "1MiB")
CACHE = ("--cache-bytes", "4MiB")
STORE_FILE_BYTES = 64 * MIB
"""The file being written is not given back before it is full."""
LOAD_BYTES = 96 * MIB
MEMORY_BYTES_MAX = 60 * MIB
"""For the cache, what is on its way to the disk, and requests; far below the load."""


def disk_bytes(data: Path) -> int:
    """What the files of a directory take."""
    sizes = 0
    for file in data.rglob("*"):
        try:
            sizes += file.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return sizes


def test_what_waits_is_on_disk_and_what_is_deleted_gives_its_space_back(serve: Serve) -> None:
    served = serve(*JOURNAL, *CACHE)
    before = served.memory_bytes
    entries = [{"Id": str(n), "MessageBody": f"{n}" * 100_000} for n in range(10)]
    with connected(served.url) as sqs:
        mail = Queue(sqs, "mail")
        for _ in range(LOAD_BYTES // 1_000_000):
            sqs.send_message_batch(QueueUrl=mail.url, Entries=entries)
        assert disk_bytes(served.data) >= LOAD_BYTES - JOURNAL_BYTES
        assert served.memory_bytes - before < MEMORY_BYTES_MAX
        while got := mail.receive():
            assert {one["Body"] for one in got} <= {one["MessageBody"] for one in entries}
            mail.delete_all(got)
        most = STORE_FILE_BYTES + 2 * JOURNAL_BYTES
        freed = until(lambda: disk_bytes(served.data) <= most, WAKE_MS_MAX)
        assert freed, disk_bytes(served.data)
