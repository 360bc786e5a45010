"""The tables say what botocore's description of the service says, and name what is left out."""

from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from msgspec import Struct

from postroad.protocols.aws.inputs import Rule
from postroad.protocols.sns.actions.table import ACTIONS
from postroad.protocols.sns.spec import (
    ERRORS,
    INPUTS,
    NAMESPACE,
    REFUSED,
    RESULTLESS,
    SPELLINGS,
    VERSION,
)

SCALARS = {"string": str, "boolean": bool, "blob": bytes}
OTHERWISE = (
    # A batch without entries, and a message that is empty, have errors of their own.
    "PublishBatch.PublishBatchRequestEntries",
    "PublishBatch.PublishBatchRequestEntries.Id",
    "PublishBatch.PublishBatchRequestEntries.Message",
    "Publish.Message",
    # A type that is missing is told in words of its own.
    "Publish.MessageAttributes.DataType",
    "PublishBatch.PublishBatchRequestEntries.MessageAttributes.DataType",
    # An empty value is a value.
    "CreateTopic.Tags.Value",
    "TagResource.Tags.Value",
)


@cache
def service() -> ServiceModel:
    description: Any = Loader().load_service_model("sns", "service-2")
    return ServiceModel(description, "sns")


def taken_apart(hint: Any) -> tuple[Any, Rule]:
    rule = Rule()
    if get_origin(hint) is Annotated:
        hint, rule = get_args(hint)
    if get_origin(hint) in (UnionType, Union):
        hint = next(one for one in get_args(hint) if one is not type(None))
    return hint, rule


def check_shape(hint: Any, shape: Shape, place: str) -> None:
    hint, rule = taken_apart(hint)
    if isinstance(shape, StructureShape):
        check_members(hint, shape, place)
    elif isinstance(shape, ListShape):
        assert get_origin(hint) is list, place
        assert rule.wrap == "member", place
        check_shape(get_args(hint)[0], shape.member, place)
    elif isinstance(shape, MapShape):
        assert get_origin(hint) is dict, place
        spelled = (rule.wrap, rule.key, rule.content)
        named: Any = (shape.key.serialization, shape.value.serialization)
        assert spelled == ("entry", named[0].get("name", "key"), named[1].get("name", "value"))
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


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_an_action_takes_the_members_the_service_takes(action: str) -> None:
    shape = service().operation_model(action).input_shape
    assert shape is not None
    check_members(INPUTS[action], shape, action)


def test_every_action_of_the_service_is_served_or_named_as_left_out() -> None:
    assert set(ACTIONS) == set(INPUTS)
    assert not REFUSED & set(ACTIONS)
    assert REFUSED | set(ACTIONS) == set(service().operation_names)


def test_actions_without_an_answer_are_those_of_the_service() -> None:
    silent = {name for name in ACTIONS if service().operation_model(name).output_shape is None}
    assert silent == RESULTLESS


def test_every_list_and_map_of_an_answer_has_its_spelling() -> None:
    found: set[str] = set()
    for name in ACTIONS:
        shape = service().operation_model(name).output_shape
        for member, inner in (shape.members if shape else {}).items():
            if isinstance(inner, ListShape | MapShape):
                found.add(member)
                assert SPELLINGS[member].element == (
                    "member" if isinstance(inner, ListShape) else "entry"
                )
    assert found == set(SPELLINGS)


def test_errors_have_the_codes_and_the_status_of_the_service() -> None:
    known: dict[str, Any] = {}
    for shape in service().error_shapes:
        error: Any = shape.metadata.get("error", {})
        known[error.get("code", shape.name)] = (shape.name, error.get("httpStatusCode"))
    for code, kind in ERRORS.items():
        assert known[code] == (kind.shape, kind.status), code


def test_the_version_and_the_namespace_are_those_of_the_service() -> None:
    metadata: Any = service().metadata
    assert metadata["apiVersion"] == VERSION
    assert metadata["xmlNamespace"] == NAMESPACE
