"""Dead letters: which queues send theirs here, and the tasks that move messages back.

The rule kept here: whether a queue is a dead-letter queue is asked of the queues that name it.
"""

from base64 import b64decode, b64encode
from collections.abc import Generator

import msgspec

from postroad.limits import SQS_LIST_MAX
from postroad.model.commands import (
    CancelMoveTask,
    Command,
    DescribeQueue,
    ListMoveTasks,
    ListQueues,
    StartMoveTask,
)
from postroad.model.replies import (
    Described,
    Listed,
    Refused,
    Reply,
    TaskInfo,
    TasksListed,
    TaskStarted,
    TaskStopped,
    Why,
)
from postroad.protocols.aws.faults import INVALID_PARAMETER, Fault, invalid
from postroad.protocols.aws.session import Script, Shape
from postroad.protocols.sqs import inputs
from postroad.protocols.sqs.actions.call import Call, describe
from postroad.protocols.sqs.addresses import (
    after_token,
    queue_of_arn,
    spellable,
    token_after,
)
from postroad.protocols.sqs.errors import fault, refusal
from postroad.protocols.sqs.ordering import is_fifo


class Handle(msgspec.Struct):
    """What a TaskHandle holds, as JSON in base64."""

    taskId: str  # noqa: N815  (the wire's word)
    sourceArn: str  # noqa: N815


_handle = msgspec.json.Decoder(Handle).decode


def list_dead_letter_source_queues(call: Call, given: inputs.ListDeadLetterSourceQueues) -> Script:
    """Addresses of the queues whose dead letters go to this one."""
    name = call.queue(given.QueueUrl)
    if isinstance(name, Fault):
        return name
    after = ""
    if given.NextToken:
        if given.MaxResults is None:
            return Fault(
                INVALID_PARAMETER,
                "MaxResults is a mandatory parameter when you provide a value for NextToken.",
            )
        start = after_token(given.NextToken)
        if isinstance(start, Fault):
            return start
        after = start
    described = yield from describe(name)
    if isinstance(described, Fault):
        return described
    count = given.MaxResults or SQS_LIST_MAX
    # One more than asked for tells whether there is a next page.
    found = yield from _sources_of(name, after, count + 1)
    if isinstance(found, Fault):
        return found
    answer: Shape = {"queueUrls": [call.url(one) for one in found[:count]]}
    if len(found) > count and given.MaxResults is not None:
        answer["NextToken"] = token_after(found[count - 1])
    return answer


def start_message_move_task(_: Call, given: inputs.StartMessageMoveTask) -> Script:
    """Move what a dead-letter queue holds, to one queue or back to where each came from."""
    source = yield from _existing(given.SourceArn, "SourceArn")
    if isinstance(source, Fault):
        return source
    target: str | None = None
    if given.DestinationArn:
        named = yield from _existing(given.DestinationArn, "DestinationArn")
        if isinstance(named, Fault):
            return named
        if named == source:
            return invalid("DestinationArn", given.DestinationArn, "Must not be the source.")
        if is_fifo(named) != is_fifo(source):
            return invalid(
                "DestinationArn", given.DestinationArn, "Must be a queue of the source's type."
            )
        target = named
    sources = yield from _sources_of(source, "", 1)
    if isinstance(sources, Fault):
        return sources
    if not sources:
        return Fault(INVALID_PARAMETER, "Source queue must be configured as a Dead Letter Queue.")
    reply = yield StartMoveTask(source, target, given.MaxNumberOfMessagesPerSecond)
    if isinstance(reply, Refused):
        return refusal(reply)
    assert isinstance(reply, TaskStarted), reply
    return {"TaskHandle": _task_handle(reply.task, given.SourceArn)}


def cancel_message_move_task(_: Call, given: inputs.CancelMessageMoveTask) -> Script:
    """Stop a running task; what it moved stays moved."""
    handle = _open_handle(given.TaskHandle)
    if isinstance(handle, Fault):
        return handle
    source = yield from _existing(handle.sourceArn, "TaskHandle")
    if isinstance(source, Fault):
        return source
    reply = yield CancelMoveTask(int(handle.taskId))
    if isinstance(reply, Refused):
        return refusal(reply)
    assert isinstance(reply, TaskStopped), reply
    return {"ApproximateNumberOfMessagesMoved": reply.moved}


def list_message_move_tasks(call: Call, given: inputs.ListMessageMoveTasks) -> Script:
    """The latest tasks of a source, newest first."""
    source = yield from _existing(given.SourceArn, "SourceArn")
    if isinstance(source, Fault):
        return source
    reply = yield ListMoveTasks(source, given.MaxResults or 1)
    if isinstance(reply, Refused):
        return refusal(reply)
    assert isinstance(reply, TasksListed), reply
    return {"Results": [_entry(call, given.SourceArn, task) for task in reply.tasks]}


def _existing(arn: str, parameter: str) -> Generator[Command, Reply, str | Fault]:
    name = queue_of_arn(arn, parameter)
    if isinstance(name, Fault):
        return name
    reply = yield DescribeQueue(name)
    if isinstance(reply, Refused):
        if reply.why is not Why.NO_SUCH_QUEUE:
            return refusal(reply)
        return fault(
            "ResourceNotFoundException",
            f"The resource that you specified for the {parameter} parameter doesn't exist.",
        )
    return name


def _sources_of(name: str, after: str, count: int) -> Generator[Command, Reply, list[str] | Fault]:
    found: list[str] = []
    more = True
    while more:
        reply = yield ListQueues("", after, SQS_LIST_MAX)
        if isinstance(reply, Refused):
            return refusal(reply)
        assert isinstance(reply, Listed), reply
        for one in filter(spellable, reply.names):
            described = yield DescribeQueue(one)
            if isinstance(described, Refused):
                # One that was deleted meanwhile is a source no more.
                if described.why is not Why.NO_SUCH_QUEUE:
                    return refusal(described)
                continue
            assert isinstance(described, Described), described
            if described.settings.dead_letter_queue == name:
                found.append(one)
                if len(found) == count:
                    return found
        more = reply.more and bool(reply.names)
        after = reply.names[-1] if more else after
    return found


def _task_handle(task: int, arn: str) -> str:
    return b64encode(msgspec.json.encode(Handle(str(task), arn))).decode()


def _open_handle(text: str) -> Handle | Fault:
    try:
        handle = _handle(b64decode(text.encode("ascii"), validate=True))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return invalid("TaskHandle", text, "It is not a task handle.")
    number = handle.taskId
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return invalid("TaskHandle", text, "It is not a task handle.")
    return handle


def _entry(call: Call, arn: str, task: TaskInfo) -> Shape:
    entry: Shape = {
        "Status": task.status.upper(),
        "SourceArn": arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.total,
        "StartedTimestamp": task.started_ms,
    }
    if task.status == "running":
        entry["TaskHandle"] = _task_handle(task.task, arn)
    if task.target is not None:
        entry["DestinationArn"] = call.arn(task.target)
    if task.per_second is not None:
        entry["MaxNumberOfMessagesPerSecond"] = task.per_second
    if task.failure:
        entry["FailureReason"] = task.failure
    return entry
