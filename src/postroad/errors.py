"""What a program that uses Postroad may catch: broken promises, never a client's mistake.

It stands at the bottom of the road, below everything that raises. The rule kept here: each message
is one line that says what happened, to which thing, and what to do.
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
