"""The public names of the package: what is here stays."""

import inspect
import subprocess
import sys

import pytest

import postroad
from postroad import errors
from postroad.api.collections import SpaceOperations
from postroad.api.crews import AsyncCrew, Crew, CrewOperations
from postroad.api.lists import AsyncList, List, ListOperations
from postroad.api.logs import AsyncTopic, Topic
from postroad.api.operations import Operations
from postroad.api.rounds import AsyncGroup, Group, RoundOperations
from postroad.api.spaces import AsyncKv, Kv
from postroad.api.topics import TopicOperations

NAMES = {
    "COMPILED",
    "App",
    "AsyncBroker",
    "BatchContext",
    "BackPressure",
    "Broker",
    "Context",
    "Flow",
    "Job",
    "Message",
    "Outgoing",
    "PostroadError",
    "QueueSettings",
    "Refusal",
    "Reject",
    "Rejected",
    "Rejection",
    "Retry",
    "RetryAfter",
    "RetryNow",
    "RetryPolicy",
    "TopicMessage",
    "Workflow",
    "__version__",
    "chain",
    "chord",
    "group",
}

ERRORS = {
    "AlreadyOpen",
    "BadCommand",
    "BadFilter",
    "BadName",
    "BadReceipt",
    "BadSettings",
    "BadUrl",
    "BadWorker",
    "BindingNotFound",
    "BlocksLoop",
    "BrokerClosed",
    "BrokerStopping",
    "Changed",
    "ClaimLost",
    "ConnectionLost",
    "ConsumerExclusive",
    "ConsumerNotFound",
    "Corrupt",
    "CorruptBlock",
    "CorruptCheckpoint",
    "DirectoryLocked",
    "DirectoryUnusable",
    "DoesNotFit",
    "ExchangeInUse",
    "ExchangeInternal",
    "ExchangeNotFound",
    "Fenced",
    "ForeignLoop",
    "Forked",
    "GroupInUse",
    "GroupNotFound",
    "Incomplete",
    "JobFailed",
    "JournalFailed",
    "KeyNotFound",
    "KvFull",
    "LeaseLost",
    "MemberNotFound",
    "MemberReplaced",
    "MessageNotFound",
    "MessageTooLarge",
    "NameTaken",
    "NoResult",
    "NoSpace",
    "NotANumber",
    "NotConnected",
    "NotRemote",
    "NotWelcome",
    "OffsetOutOfRange",
    "PartitionNotFound",
    "ProgramFailed",
    "PostroadError",
    "QueueFull",
    "QueueInUse",
    "QueueLocked",
    "QueueNotEmpty",
    "QueueNotFound",
    "Rebalancing",
    "ResultTimeout",
    "Refusal",
    "ReplyNotSent",
    "RequestFailed",
    "RequestTimeout",
    "ScheduleNotFound",
    "SettingsDiffer",
    "TaskNotFound",
    "TaskRunning",
    "TimedOut",
    "TooLarge",
    "TooMany",
    "TooManyLeased",
    "TooNew",
    "TopicNotFound",
    "Trimmed",
    "Unroutable",
    "WrongKind",
}

METHODS = {
    "ack",
    "batch",
    "bind",
    "bind_topic",
    "bindings",
    "cancel_move",
    "change",
    "change_exchange",
    "close",
    "connect",
    "consume",
    "biography",
    "cancel",
    "consumer",
    "declare",
    "declare_exchange",
    "delete",
    "delete_exchange",
    "describe",
    "describe_exchange",
    "driver",
    "do",
    "exchanges",
    "extend",
    "fire",
    "group",
    "groups",
    "kv",
    "list",
    "later",
    "move",
    "moves",
    "open",
    "pause",
    "pause_schedule",
    "put_back",
    "reschedule",
    "start_put_back",
    "would_move",
    "peek",
    "pop",
    "publish",
    "publish_many",
    "publish_many_to",
    "publish_to",
    "purge",
    "push",
    "pushes",
    "queues",
    "receipt",
    "receive",
    "reject",
    "release",
    "report",
    "resume",
    "resume_schedule",
    "run",
    "retry",
    "schedule",
    "schedules",
    "schemas",
    "set_schema",
    "stop_push",
    "start_move",
    "topic",
    "topics",
    "unbind",
    "unbind_topic",
    "unschedule",
    "watch",
}


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def test_the_package_exports_these_names() -> None:
    assert set(postroad.__all__) == NAMES
    assert set(dir(postroad)) >= NAMES
    for name in NAMES:
        assert getattr(postroad, name) is not None
    with pytest.raises(AttributeError, match="no name `Brokre`"):
        _ = postroad.Brokre  # type: ignore[attr-defined]


def test_every_error_is_a_postroad_error_with_a_name_that_stays() -> None:
    found = {
        name
        for name, one in vars(errors).items()
        if inspect.isclass(one) and issubclass(one, errors.PostroadError)
    }
    assert found == ERRORS


def test_both_faces_have_the_same_methods() -> None:
    assert public(postroad.Broker) == METHODS
    assert public(postroad.AsyncBroker) == METHODS


def test_both_faces_of_a_space_have_all_its_operations() -> None:
    assert public(Kv) == public(AsyncKv) == public(SpaceOperations) | {"later"}
    for name in public(SpaceOperations):
        operation = getattr(SpaceOperations, name)
        for face in (Kv, AsyncKv):
            assert getattr(face, name).__doc__ == operation.__doc__
    assert public(SpaceOperations) >= {"get", "map_get", "set_add", "score_get"}


def test_both_faces_of_a_list_have_all_its_operations() -> None:
    assert public(List) == public(AsyncList) == (public(ListOperations) - {"name"}) | {"later"}
    for name in public(ListOperations) - {"name"}:
        operation = getattr(ListOperations, name)
        for face in (List, AsyncList):
            assert getattr(face, name).__doc__ == operation.__doc__
    assert public(ListOperations) >= {"push_left", "pop_right", "move", "insert", "trim"}


def test_a_method_shows_the_words_and_the_signature_of_its_operation() -> None:
    for name in public(Operations) - {"receipt", "space"}:
        operation = getattr(Operations, name)
        for face in (postroad.Broker, postroad.AsyncBroker):
            method = getattr(face, name)
            assert method.__doc__ == operation.__doc__
            shown = inspect.signature(method).parameters
            assert list(shown) == list(inspect.signature(operation).parameters)
    signature = inspect.signature(postroad.Broker.declare)
    assert signature.return_annotation is bool


@pytest.mark.parametrize(
    ("operations", "faces"),
    [
        (CrewOperations, (Crew, AsyncCrew)),
        (RoundOperations, (Group, AsyncGroup)),
        (TopicOperations, (Topic, AsyncTopic)),
    ],
)
def test_the_faces_of_topics_and_groups_show_their_operations(
    operations: type, faces: tuple[type, type]
) -> None:
    shared = public(faces[0]) & public(operations)
    assert shared == public(faces[1]) & public(operations)
    assert len(shared) >= 7
    for name in shared:
        operation = getattr(operations, name)
        blocking, awaited = (getattr(face, name) for face in faces)
        for method in (blocking, awaited):
            assert method.__doc__ == operation.__doc__
            shown = inspect.signature(method).parameters
            assert list(shown) == list(inspect.signature(operation).parameters)
        assert inspect.iscoroutinefunction(awaited)
        assert not inspect.iscoroutinefunction(blocking)


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, postroad; print(len([n for n in sys.modules if n[:8] == 'postroad']))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert told.stdout.strip() == b"1"
