"""The tables say what botocore's description of the service says, no more and no less."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from msgspec import Struct

from postroad.model.policy import QueueSettings
from postroad.protocols.aws.inputs import Rule
from postroad.protocols.sqs.actions.table import ACTIONS
from postroad.protocols.sqs.spec import (
    ERRORS,
    INPUTS,
    QUEUE_ATTRIBUTES,
    RESULTLESS,
    SYSTEM_ATTRIBUTES,
)
from tests.unit.protocols.sqs.service import service

SCALARS = {"string": str, "integer": int, "long": int, "blob": bytes, "boolean": bool}
OTHERWISE = (
    # A batch without entries has an error of its own.
    "SendMessageBatch.Entries",
    "DeleteMessageBatch.Entries",
    "ChangeMessageVisibilityBatch.Entries",
    # Optional in the description only: without it there is nothing to change.
    "ChangeMessageVisibilityBatch.Entries.VisibilityTimeout",
)


def taken_apart(hint: Any) -> tuple[Any, Rule]:
    rule = Rule()
    if get_origin(hint) is Annotated:
        hint, rule = get_args(hint)
    if get_origin(hint) in (UnionType, Union):
        hint = next(one for one in get_args(hint) if one is not type(None))
    return hint, rule


def check_shape(hint: Any, shape: Shape, place: str) -> None:
    hint, _ = taken_apart(hint)
    if isinstance(shape, StructureShape):
        check_members(hint, shape, place)
    elif isinstance(shape, ListShape):
        assert get_origin(hint) is list, place
        check_shape(get_args(hint)[0], shape.member, place)
    elif isinstance(shape, MapShape):
        assert get_origin(hint) is dict, place
        check_shape(get_args(hint)[1], shape.value, place)
    else:
        assert hint is SCALARS[shape.type_name], place


def check_members(struct: type[Struct], shape: StructureShape, place: str) -> None:
    hints = get_type_hints(struct, include_extras=True)
    assert set(hints) == set(shape.members), place
    for name, member in shape.members.items():
        where = f"{place}.{name}"
        check_shape(hints[name], member, where)
        required = taken_apart(hints[name])[1].required
        assert required == (name in shape.required_members) or where in OTHERWISE, where


def enum(name: str) -> set[str]:
    shape: Any = service().shape_for(name)
    return set(shape.enum)


@pytest.mark.parametrize("action", sorted(service().operation_names))
def test_every_action_takes_the_members_the_service_takes(action: str) -> None:
    assert action in ACTIONS
    shape = service().operation_model(action).input_shape
    assert shape is not None
    check_members(INPUTS[action], shape, action)


def test_there_are_no_actions_the_service_does_not_have() -> None:
    assert set(ACTIONS) == set(INPUTS) == set(service().operation_names)


def test_actions_without_an_answer_are_those_of_the_service() -> None:
    names = service().operation_names
    silent = {name for name in names if service().operation_model(name).output_shape is None}
    assert silent == RESULTLESS


def test_every_error_of_the_service_is_in_the_table() -> None:
    assert set(ERRORS) == {shape.name for shape in service().error_shapes}
    for shape, kind in ERRORS.items():
        assert kind.shape == shape
        assert kind.space == "com.amazonaws.sqs"


def test_every_queue_attribute_of_the_service_is_in_the_table() -> None:
    names = enum("QueueAttributeName")
    assert set(QUEUE_ATTRIBUTES) == names - {"All"}


def test_every_message_system_attribute_of_the_service_is_in_the_table() -> None:
    names = enum("MessageSystemAttributeName")
    assert set(SYSTEM_ATTRIBUTES) == names - {"All"}


def test_attributes_the_core_keeps_are_settings_it_has() -> None:
    for attribute in QUEUE_ATTRIBUTES.values():
        if attribute.setting:
            assert attribute.setting in QueueSettings.__struct_fields__
