"""What a Python program can do with the schemas of queues and topics.

It stands beside `operations`, of which it is a part. The rule kept here: a schema comes as a
mapping or as JSON text, and goes back as text.
"""

import json
from collections.abc import Mapping

from postroad.api.asks import Asks
from postroad.api.refusals import expect
from postroad.errors import BadSettings
from postroad.model.schemas import GetSchemas, SchemaInfo, SchemasListed, SchemaStored, SetSchema

Schema = Mapping[str, object] | str
"""A JSON Schema: a mapping, or JSON text."""


class SchemaOperations:
    """Every operation on schemas."""

    def set_schema(
        self, destination: str, schema: Schema | None, *, version: int | None = None
    ) -> Asks[int]:
        """Hold publishes to a queue or topic to a JSON Schema (2020-12) from here on, or with
        `None` to none; the number of the newest version.

        What does not fit is refused at publish (`DoesNotFit`); messages that are there stay.
        `version`: only if this is the newest one now. Needs `pip install 'postroad[schema]'`.
        Raises `BadSettings`, `SettingsDiffer`, `QueueNotFound`.
        """
        command = SetSchema(destination, _text_of(schema, destination), version)
        return expect((yield command), SchemaStored, destination).version

    def schemas(self, destination: str) -> Asks[list[SchemaInfo]]:
        """The versions of a schema that are kept, the newest last. Raises `QueueNotFound`."""
        return expect((yield GetSchemas(destination)), SchemasListed, destination).versions


def _text_of(schema: Schema | None, destination: str) -> str | None:
    if schema is None or isinstance(schema, str):
        return schema
    try:
        return json.dumps(dict(schema), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadSettings(f"the schema is no JSON: {error}", destination) from None
