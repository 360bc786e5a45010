"""Every member of every answer that botocore knows comes in some golden conversation."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from botocore.model import ListShape, MapShape, StructureShape

from tests.unit.protocols.sqs.service import service
from tests.wire.sqs.script import NAMES, Step, steps_of

TARGET = "X-Amz-Target: AmazonSQS."
NEVER = {
    # Reserved: the service has never sent them.
    "ReceiveMessage.Messages.MessageAttributes.StringListValues",
    "ReceiveMessage.Messages.MessageAttributes.BinaryListValues",
    # The naive core of these conversations completes every task it moves.
    "ListMessageMoveTasks.Results.FailureReason",
}


def members(shape: Any, place: str) -> Iterator[str]:
    """Where the members of an answer are, through its lists and maps."""
    if isinstance(shape, StructureShape):
        for name, inner in shape.members.items():
            yield f"{place}.{name}"
            yield from members(inner, f"{place}.{name}")
    elif isinstance(shape, ListShape):
        yield from members(shape.member, place)
    elif isinstance(shape, MapShape):
        yield from members(shape.value, place)


def told(answer: Any, shape: Any, place: str) -> Iterator[str]:
    """Which of them an answer has; one that botocore does not know is a KeyError."""
    if isinstance(shape, StructureShape):
        for name, inner in answer.items():
            yield f"{place}.{name}"
            yield from told(inner, shape.members[name], f"{place}.{name}")
    elif isinstance(shape, ListShape):
        for one in answer:
            yield from told(one, shape.member, place)
    elif isinstance(shape, MapShape):
        for one in answer.values():
            yield from told(one, shape.value, place)


def answers() -> Iterator[tuple[str, Any]]:
    """Actions and what they were answered with."""
    for name in NAMES:
        for step in steps_of(name):
            targets = [line for line in step.sent if line.startswith(TARGET)]
            if targets and "200" in step.expected[0]:
                yield targets[0].removeprefix(TARGET), body_of(step)


def body_of(step: Step) -> Any:
    text = "\n".join(step.expected[step.expected.index("") + 1 :])
    return msgspec.json.decode(text) if text else {}


def test_there_is_no_member_that_no_conversation_shows() -> None:
    shapes = {name: service().operation_model(name).output_shape for name in ACTIONS}
    shown = {place for action, body in answers() for place in told(body, shapes[action], action)}
    wanted = {place for action in ACTIONS for place in members(shapes[action], action)}
    assert wanted - shown == NEVER


ACTIONS = service().operation_names


@pytest.mark.parametrize("action", ACTIONS)
def test_an_answer_has_every_member_it_must_have(action: str) -> None:
    shape: Any = service().operation_model(action).output_shape
    # The service leaves out a list of failures that is empty, and programs look for that.
    required = set() if shape is None else set(shape.required_members) - {"Failed"}
    found = [body for one, body in answers() if one == action]
    assert found
    assert all(required <= set(body) for body in found)
