"""Commands about schemas: set one, list them.

One rule: a schema that is the same as the newest makes no new version.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.decision import Decision, Missing, World, no_such_queue, refuse
from postroad.core.schemas.records import SchemaSet
from postroad.core.schemas.state import SchemaVersion
from postroad.core.state import State
from postroad.limits import SCHEMA_BYTES_MAX
from postroad.model.replies import Why
from postroad.model.schemas import (
    GetSchemas,
    SchemaInfo,
    SchemasListed,
    SchemaStored,
    SetSchema,
)


def decide_set(world: World, command: SetSchema, now: int) -> Decision:
    """Another schema, or none."""
    state = world.state
    destination = _number_of(state, command.destination)
    if destination is None:
        return no_such_queue(state, command.destination)
    text = command.schema or ""
    versions = _versions(state, destination)
    newest = versions[-1].version if versions else 0
    if command.version is not None and command.version != newest:
        told = f"the newest schema of `{command.destination}` is version {newest}"
        return refuse(Why.SETTINGS_DIFFER, told, state.changed)
    if text == (versions[-1].text if versions else ""):
        return Decision([], SchemaStored(newest, False), state.changed)
    if text:
        fault = _fault(world, text)
        if fault is not None:
            return refuse(Why.BAD_SETTINGS, fault)
    record = SchemaSet(destination, newest + 1, text, now)
    return Decision([record], SchemaStored(newest + 1, True))


def decide_get(world: World, command: GetSchemas, _now: int) -> Decision:
    """All versions that are kept."""
    state = world.state
    destination = _number_of(state, command.destination)
    if destination is None:
        return no_such_queue(state, command.destination)
    found = [
        SchemaInfo(one.version, one.text or None, one.made_ms)
        for one in _versions(state, destination)
    ]
    return Decision([], SchemasListed(found), state.changed)


def _number_of(state: State, name: str) -> int | None:
    queue = state.by_name.get(name)
    if queue is not None:
        return queue.id
    topic = state.topics.by_name.get(name)
    return None if topic is None else topic.id


def _versions(state: State, destination: int) -> list[SchemaVersion]:
    return state.schemas.versions.get(destination, [])


def _fault(world: World, text: str) -> str | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "a schema is text that UTF-8 can carry"
    if size > SCHEMA_BYTES_MAX:
        return f"a schema has at most {SCHEMA_BYTES_MAX:,} bytes, this one has {size:,}"
    return world.checker.fault(text)


DECIDERS: dict[type, Callable[[World, Any, int], Decision | Missing]] = {
    SetSchema: decide_set,
    GetSchemas: decide_get,
}
