"""The properties of a message, as AMQP carries them in a content header.

They are read and written in the model, where every protocol can show them; the rule kept here:
this protocol takes them from this one place.
"""

from postroad.model.properties import (
    NO_PROPERTIES,
    Properties,
    parse_properties,
    properties_at,
    read_properties,
    routed_head,
    routing_of,
    write_properties,
)

__all__ = [
    "NO_PROPERTIES",
    "Properties",
    "parse_properties",
    "properties_at",
    "read_properties",
    "routed_head",
    "routing_of",
    "write_properties",
]
