"""What may be asked about the schemas of queues and topics, and what is answered.

It stands beside commands and replies, which take these into their unions. The rule kept here: a
schema is text; what it means is for who checks.
"""

from postroad.model.value import value


@value
class SetSchema:
    """Hold publishes to a queue or topic to a JSON Schema (2020-12) from here on; `None`: to none.

    `version`: only if the newest version is this one now (0: there never was any). Messages that
    are there stay. Answer: `SchemaStored`, or `Refused(BAD_SETTINGS, SETTINGS_DIFFER)`.
    """

    destination: str
    schema: str | None
    version: int | None = None


@value
class GetSchemas:
    """The versions kept of a schema, the oldest first. Answer: `SchemasListed`."""

    destination: str


@value
class SchemaStored:
    """The newest version now; `created` is false when it said the same already."""

    version: int
    created: bool


@value
class SchemaInfo:
    """A version and since when; `schema` `None`: none from here on."""

    version: int
    schema: str | None
    made_ms: int


@value
class SchemasListed:
    """The last one counts."""

    versions: list[SchemaInfo]
