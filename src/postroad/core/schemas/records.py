"""The facts of schemas, tag 90.

One rule: a version's text is kept as it was given.
"""

from postroad.core.records import Record


class SchemaSet(Record, tag=90):
    """A queue or topic holds publishes to this schema from here on; an empty text: to none."""

    destination: int
    version: int
    text: str
    now_ms: int


SchemaRecord = SchemaSet
