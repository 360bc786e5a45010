"""Broken promises: what went wrong with the directory, the journal, or the way a broker was used.

It stands at the bottom of the road. The rule kept here: each message is one line that says what
happened, to which thing, and what to do.
"""


class PostroadError(Exception):
    """Anything Postroad raises on purpose."""


class DirectoryLocked(PostroadError):  # noqa: N818  (the name is the sentence)
    """Another process holds the data directory; `pid` is its id, 0 when it is not known."""

    def __init__(self, pid: int, directory: str) -> None:
        """Say who has `directory` and what to do."""
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"the data directory `{directory}` is in use by {who};"
            " connect to that one, stop it, or choose another directory"
        )
        self.pid = pid
        self.directory = directory


class Corrupt(PostroadError):  # noqa: N818
    """The journal is damaged where only a bug or the disk can have damaged it."""

    def __init__(self, file: str, offset: int, why: str) -> None:
        """Name the file, the byte offset in it and what is wrong there."""
        super().__init__(
            f"the journal file `{file}` is damaged at byte {offset:,}: {why};"
            " run `postroad check` on its directory, then restore from a copy"
        )
        self.file = file
        self.offset = offset
        self.why = why


class TooNew(Corrupt):
    """The journal is whole, and written by a newer Postroad in a way that this one cannot read."""

    def __init__(self, file: str, offset: int, why: str) -> None:
        """Name the file, the byte offset in it and what is not known here."""
        super().__init__(file, offset, why)
        self.args = (
            f"the journal file `{file}` was written by a newer Postroad: at byte {offset:,} {why};"
            " use that one on this data directory",
        )


class CorruptBlock(PostroadError):  # noqa: N818
    """A block in the store is not what was written."""

    def __init__(self, file: str, offset: int, why: str) -> None:
        """Name the file, the byte offset in it and what is wrong there."""
        super().__init__(
            f"the store file `{file}` is damaged at byte {offset:,}: {why};"
            " run `postroad check` on its directory, then restore from a copy"
        )
        self.file = file
        self.offset = offset
        self.why = why


class CorruptCheckpoint(PostroadError):  # noqa: N818
    """A row of the checkpoint, or the whole of it (`key` empty), is not what was saved."""

    def __init__(self, key: bytes, why: str) -> None:
        """Name the row and what is wrong with it."""
        which = f"row {key.hex()} of the checkpoint" if key else "the checkpoint"
        super().__init__(f"{which} is damaged: {why}; restore the data directory from a copy")
        self.key = key
        self.why = why


class Incomplete(PostroadError):  # noqa: N818
    """The parts of the data directory do not belong together: one of them is missing or older."""

    def __init__(self, why: str) -> None:
        """Say what does not fit."""
        super().__init__(
            f"the data directory is not complete: {why}; restore all of it from one copy"
        )
        self.why = why


class DirectoryUnusable(PostroadError):  # noqa: N818
    """The system does not let the data directory be made, read or written."""

    def __init__(self, directory: str, error: OSError) -> None:
        """Name the directory, what the system said of which file, and what to do."""
        file = f" (`{error.filename}`)" if error.filename else ""
        super().__init__(
            f"cannot use the data directory `{directory}`: {error.strerror or error}{file};"
            " see to its rights and the disk, or choose another directory"
        )
        self.directory = directory


class Trimmed(PostroadError):  # noqa: N818
    """A read began before the first group the journal still keeps."""

    def __init__(self, start: int, first: int) -> None:
        """Name the position asked for and the first one kept."""
        super().__init__(f"journal position {start} is trimmed; the first one kept is {first}")
        self.start = start
        self.first = first


class TooLarge(PostroadError):  # noqa: N818
    """A group is larger than one append may be; nothing was written."""

    def __init__(self, group_bytes: int, group_bytes_max: int) -> None:
        """Name both sizes in bytes."""
        super().__init__(
            f"a journal group of {group_bytes:,} bytes is larger than {group_bytes_max:,};"
            " split the step with the CONTINUES flag"
        )
        self.group_bytes = group_bytes
        self.group_bytes_max = group_bytes_max


class JournalFailed(PostroadError):  # noqa: N818
    """The journal could not be written; the process must stop and start anew."""


class BrokerClosed(PostroadError):  # noqa: N818
    """The broker was closed; open it again."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("the broker is closed; open it again to go on")


class AlreadyOpen(DirectoryLocked):
    """This process has the data directory open already; use that broker, it may be shared by
    threads.
    """

    def __init__(self, pid: int, directory: str) -> None:
        """Say what to do about `directory`."""
        super().__init__(pid, directory)
        self.args = (
            f"the data directory `{directory}` is open in this process already;"
            " share that broker among threads, or close it first",
        )


class Forked(PostroadError):  # noqa: N818
    """A broker does not survive a fork: the parent process holds the directory."""

    def __init__(self, pid: int) -> None:
        """Name the process that opened it."""
        super().__init__(
            f"this broker was opened by process {pid}; after a fork only that process may use it,"
            " so open brokers after forking, or let the children be clients of a server"
        )
        self.pid = pid


class ForeignLoop(PostroadError):  # noqa: N818
    """An asyncio broker belongs to the event loop that opened it."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "this broker was opened on another event loop; use it there, or share a `Broker`"
        )


class BadReceipt(PostroadError):  # noqa: N818
    """This is no proof of a lease: not a text that `receipt` gave, or a message that was popped or
    peeked.
    """

    def __init__(self, text: str = "") -> None:
        """`text`: what is wrong with it."""
        super().__init__(text or "this text is no receipt; use what `receipt` returned")
