"""Refusals: what the embedded API makes of a no of the core.

It stands at the bottom of the road. The rule kept here: a class per reason, whose words alone say
what happened and what to do.
"""

from collections.abc import Sequence

from postroad.errors.broken import PostroadError


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


class QueueLocked(Refusal):
    """The queue is exclusive to the session that declared it; use another one."""

    why = "locked"


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
    """There is no such topic; declare it first."""

    why = "no_such_topic"


class PartitionNotFound(Refusal):
    """The topic has no partition of that number."""

    why = "no_such_partition"


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


class Rebalancing(Refusal):
    """The members of the group share out anew; enter it again."""

    why = "rebalancing"


class MemberReplaced(Refusal):
    """Another member has come with this static id, and has the place now."""

    why = "fenced"


class MessageNotFound(Refusal):
    """The queue has no message there."""

    why = "no_such_message"


class BadCommand(Refusal):
    """The call makes no sense as it is."""

    why = "bad_command"


class Changed(Refusal):
    """Something was changed since it was looked at, or a condition does not hold."""

    why = "changed"


class ProgramFailed(Refusal):
    """The program raised something; what it did before stays done."""

    why = "program_failed"


class WrongKind(Refusal):
    """The key holds something else: bytes, a map, a set or a sorted set."""

    why = "wrong_kind"


class NotANumber(Refusal):
    """What is there is no whole number of 64 bits, or would be none."""

    why = "not_a_number"


class KeyNotFound(Refusal):
    """There is no such key, or no such member."""

    why = "no_such_key"


class ConsumerExclusive(Refusal):
    """A consumer is attached alone, or cannot be; detach the others first."""

    why = "exclusive_consumer"


class QueueInUse(Refusal):
    """Consumers are attached to the queue; it was to go only without."""

    why = "queue_in_use"


class QueueNotEmpty(Refusal):
    """The queue holds messages; it was to go only without."""

    why = "queue_not_empty"


class DoesNotFit(Refusal):
    """A message does not fit the schema of where it was to go; nothing was published."""

    why = "does_not_fit"


class KvFull(Refusal):
    """All keys together hold as much as they may; delete some first."""

    why = "kv_full"


class ScheduleNotFound(Refusal):
    """There is no such schedule; declare it first."""

    why = "no_such_schedule"


def _first_sentence(text: str | None) -> str:
    """The first paragraph of a docstring as one line, without its full stop."""
    return " ".join((text or "").partition("\n\n")[0].split()).rstrip(".")
