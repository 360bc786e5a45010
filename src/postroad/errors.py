"""What a program that uses Postroad may catch.

It stands at the bottom of the road, below everything that raises: broken promises, and what the
embedded API makes of a refusal. The rule kept here: each message is one line that says what
happened, to which thing, and what to do.
"""

from collections.abc import Sequence


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


class Refusal(PostroadError):  # noqa: N818
    """The broker refused, and nothing was changed.

    `queue`: the name of the queue it was about, empty when about none. `why`: the reason in one
    word, for logs.
    """

    why = "refused"

    def __init__(self, text: str = "", queue: str = "") -> None:
        """`text`: one line for a person; without it the words of the class say what happened."""
        super().__init__(text or _first_sentence(self.__doc__))
        self.queue = queue


class QueueNotFound(Refusal):
    """There is no such queue; declare it first."""

    why = "no_such_queue"


class SettingsDiffer(Refusal):
    """The queue exists with other settings; change it, or declare it without those."""

    why = "settings_differ"


class BadName(Refusal):
    """The name cannot be a queue's."""

    why = "bad_name"


class BadSettings(Refusal):
    """A setting is out of range or unknown."""

    why = "bad_settings"


class QueueFull(Refusal):
    """The queue holds as much as it may; receive from it, or raise its limit."""

    why = "queue_full"


class NoSpace(Refusal):
    """The disk is almost full; free some space or consume messages."""

    why = "no_space"


class MessageTooLarge(Refusal):
    """The message, or all of them together, is larger than the queue takes."""

    why = "too_large"


class LeaseLost(Refusal):
    """The lease is over and somebody else may have the message; work faster, extend, or lease for
    longer.

    `failed`: those messages or receipts of the call that could not be settled or extended; the
    others were.
    """

    why = "no_such_lease"

    def __init__(self, text: str = "", queue: str = "", failed: Sequence[object] = ()) -> None:
        super().__init__(text, queue)
        self.failed = list(failed)


class ConsumerNotFound(Refusal):
    """No such consumer is attached."""

    why = "no_such_consumer"


class TaskNotFound(Refusal):
    """No such background move is running."""

    why = "no_such_task"


class TaskRunning(Refusal):
    """A background move from this queue is running already; wait for it or cancel it."""

    why = "task_running"


class TooManyLeased(Refusal):
    """The queue has as many leased messages as it may; settle some first."""

    why = "too_many_leased"


class ExchangeNotFound(Refusal):
    """There is no such exchange; declare it first."""

    why = "no_such_exchange"


class BindingNotFound(Refusal):
    """There is no such binding."""

    why = "no_such_binding"


class ExchangeInUse(Refusal):
    """The exchange has bindings; remove them first, or delete it as it is."""

    why = "exchange_in_use"


class ExchangeInternal(Refusal):
    """Only other exchanges may publish to this exchange."""

    why = "exchange_internal"


class BadFilter(Refusal):
    """The filter of a binding cannot be."""

    why = "bad_filter"


class Unroutable(Refusal):
    """A message has no queue to go to; bind one, or publish without `mandatory`."""

    why = "unroutable"


class TooMany(Refusal):
    """There are as many of these as there may be; remove some first."""

    why = "too_many"


class BrokerStopping(Refusal):
    """The broker is stopping; open it again."""

    why = "stopping"


class NameTaken(Refusal):
    """A queue or topic of the other kind has this name; choose another."""

    why = "name_taken"


class TopicNotFound(Refusal):
    """There is no such topic, or it has no such partition; declare it first."""

    why = "no_such_topic"


class GroupNotFound(Refusal):
    """There is no such group; join it, or declare it first."""

    why = "no_such_group"


class MemberNotFound(Refusal):
    """This is no member of the group any more, for it was silent for too long; join again."""

    why = "no_such_member"


class Fenced(Refusal):
    """Others read this partition now, or the group has another generation; what they did stays."""

    why = "wrong_generation"


class OffsetOutOfRange(Refusal):
    """The partition does not have this offset: it was cut off, or is not there yet."""

    why = "out_of_range"


class GroupInUse(Refusal):
    """The group has members; they must leave first."""

    why = "group_in_use"


class BadCommand(Refusal):
    """The call makes no sense as it is."""

    why = "bad_command"


class WrongKind(Refusal):
    """The key holds something else: bytes, a map, a set or a sorted set."""

    why = "wrong_kind"


class NotANumber(Refusal):
    """What is there is no whole number of 64 bits, or would be none."""

    why = "not_a_number"


class KeyNotFound(Refusal):
    """There is no such key, or no such member."""

    why = "no_such_key"


class KvFull(Refusal):
    """All keys together hold as much as they may; delete some first."""

    why = "kv_full"


def _first_sentence(text: str | None) -> str:
    """The first paragraph of a docstring as one line, without its full stop."""
    return " ".join((text or "").partition("\n\n")[0].split()).rstrip(".")
