"""Facts of schemas -> change of state.

One rule: apply is total, and never looks into a schema.
"""

from collections.abc import Callable
from typing import Any

from postroad.core.schemas.records import SchemaSet
from postroad.core.schemas.state import SchemaVersion
from postroad.core.state import State


def schema_set(state: State, record: SchemaSet) -> None:
    """Another version."""
    made = SchemaVersion(record.destination, record.version, record.text, record.now_ms)
    state.schemas.add(record.destination, made)


APPLY: dict[type, Callable[[State, Any], None]] = {SchemaSet: schema_set}
"""What each fact changes."""
