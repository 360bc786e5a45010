"""A refusal as the exception a Python program catches.

It stands at the border between replies and exceptions. The rule kept here: every reason has a class
of its own.
"""

from typing import Final, TypeVar

from postroad import errors
from postroad.model.replies import Refused, Reply, Why

R = TypeVar("R")

REFUSALS: Final[dict[Why, type[errors.Refusal]]] = {
    Why.NO_SUCH_QUEUE: errors.QueueNotFound,
    Why.SETTINGS_DIFFER: errors.SettingsDiffer,
    Why.BAD_NAME: errors.BadName,
    Why.BAD_SETTINGS: errors.BadSettings,
    Why.QUEUE_FULL: errors.QueueFull,
    Why.NO_SPACE: errors.NoSpace,
    Why.TOO_LARGE: errors.MessageTooLarge,
    Why.NO_SUCH_LEASE: errors.LeaseLost,
    Why.NO_SUCH_CONSUMER: errors.ConsumerNotFound,
    Why.NO_SUCH_TASK: errors.TaskNotFound,
    Why.TASK_RUNNING: errors.TaskRunning,
    Why.TOO_MANY_LEASED: errors.TooManyLeased,
    Why.STOPPING: errors.BrokerStopping,
    Why.BAD_COMMAND: errors.BadCommand,
    Why.LOCKED: errors.QueueLocked,
    Why.NO_SUCH_MESSAGE: errors.MessageNotFound,
    Why.NO_SUCH_EXCHANGE: errors.ExchangeNotFound,
    Why.NO_SUCH_BINDING: errors.BindingNotFound,
    Why.EXCHANGE_IN_USE: errors.ExchangeInUse,
    Why.EXCHANGE_INTERNAL: errors.ExchangeInternal,
    Why.BAD_FILTER: errors.BadFilter,
    Why.UNROUTABLE: errors.Unroutable,
    Why.TOO_MANY: errors.TooMany,
    Why.WRONG_KIND: errors.WrongKind,
    Why.NOT_A_NUMBER: errors.NotANumber,
    Why.NO_SUCH_KEY: errors.KeyNotFound,
    Why.KV_FULL: errors.KvFull,
    Why.DOES_NOT_FIT: errors.DoesNotFit,
    Why.NAME_TAKEN: errors.NameTaken,
    Why.NO_SUCH_TOPIC: errors.TopicNotFound,
    Why.NO_SUCH_PARTITION: errors.PartitionNotFound,
    Why.NO_SUCH_GROUP: errors.GroupNotFound,
    Why.NO_SUCH_MEMBER: errors.MemberNotFound,
    Why.WRONG_GENERATION: errors.Fenced,
    Why.OUT_OF_RANGE: errors.OffsetOutOfRange,
    Why.GROUP_IN_USE: errors.GroupInUse,
    Why.REBALANCING: errors.Rebalancing,
    Why.FENCED: errors.MemberReplaced,
    Why.CHANGED: errors.Changed,
    Why.PROGRAM_FAILED: errors.ProgramFailed,
    Why.EXCLUSIVE_CONSUMER: errors.ConsumerExclusive,
    Why.QUEUE_IN_USE: errors.QueueInUse,
    Why.QUEUE_NOT_EMPTY: errors.QueueNotEmpty,
    Why.NO_SUCH_SCHEDULE: errors.ScheduleNotFound,
}


def expect(reply: Reply, kind: type[R], queue: str = "") -> R:
    """The reply that means yes; raises a `Refusal` about `queue` where it means no."""
    if isinstance(reply, kind):
        return reply
    assert isinstance(reply, Refused), reply
    raise REFUSALS[reply.why](reply.text, queue)
