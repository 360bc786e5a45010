"""JSON Schemas, as an optional library understands them.

It stands in for the core's checker. The rule kept here: nothing is fetched from anywhere, no
pattern takes longer than its text, and the same question has the same answer.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import msgspec

from postroad.core.schemas.checker import Checker
from postroad.limits import SCHEMAS_COMPILED_MAX

LIBRARY = "jsonschema_rs"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_json = msgspec.json.Decoder().decode


class JsonSchemas(Checker):
    """Compiled schemas by their text."""

    def __init__(self) -> None:
        self._compiled: dict[str, Any] = {}

    def fault(self, schema: str) -> str | None:
        """Why a text is no schema, or `None`."""
        try:
            self._validator(schema)
        except (msgspec.DecodeError, RecursionError) as error:
            return f"the schema is no JSON: {error}"
        except ValueError as error:
            return f"this is no JSON Schema: {_first_line(error)}"
        return None

    def misfit(self, schema: str, body: bytes) -> str | None:
        """Why a body does not fit, or `None`."""
        try:
            content = _json(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return f"it is no JSON: {error}"
        try:
            self._validator(schema).validate(content)
        except ValueError as error:
            return f"at {_place(error)}: {_first_line(error)}"
        return None

    def _validator(self, schema: str) -> Any:
        known = self._compiled.get(schema)
        if known is None:
            library = import_module(LIBRARY)
            content = _json(schema)
            if isinstance(content, dict):
                _dialect_of(content)
            known = library.Draft202012Validator(
                content, offline=True, pattern_options=library.RegexOptions()
            )
            if len(self._compiled) >= SCHEMAS_COMPILED_MAX:
                self._compiled.clear()
            self._compiled[schema] = known
        return known


def checker() -> Checker:
    """The library where it is installed, or who says that it is not."""
    return Checker() if find_spec(LIBRARY) is None else JsonSchemas()


def _dialect_of(schema: dict[str, Any]) -> None:
    named = schema.get("$schema", DIALECT)
    if not isinstance(named, str) or named.rstrip("#") != DIALECT:
        raise ValueError(f"`$schema` is {DIALECT}, or left out")


def _place(error: ValueError) -> str:
    parts = getattr(error, "instance_path", [])
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _first_line(error: ValueError) -> str:
    return str(getattr(error, "message", error)).partition("\n")[0][:500]
