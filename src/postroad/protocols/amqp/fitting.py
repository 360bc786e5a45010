"""Properties that fit into a frame: a content header cannot be split, and clients say how large a
frame they take.

It stands between rendering and the wire. The rule kept here: a message can be had whatever its
headers are; those that do not fit are left out, the largest first, and a header names them. The
message itself stays as it is, for clients that take larger frames.
"""

from dataclasses import replace
from typing import Final

from postroad.limits import AMQP_LEFT_OUT_CHARS_MAX
from postroad.model.fields import FieldTable, write_table
from postroad.model.properties import NO_PROPERTIES, parse_properties, write_properties

LEFT_OUT: Final = "postroad-left-out"
"""Header with the names of those that are not there."""
OTHERS_BYTES: Final = 20
"""What a frame has beside properties: eight bytes of its own, and the header's first twelve."""


def fitted(properties: bytes, frame_max: int) -> bytes:
    """Property flags and properties, as they are where they fit into a frame."""
    room = frame_max - OTHERS_BYTES
    if len(properties) <= room:
        return properties
    try:
        known = parse_properties(properties)
        others = replace(known, headers=None)
        headers = _fewer(known.headers or {}, room - len(write_properties(others)))
        written = write_properties(replace(others, headers=headers))
    except ValueError:
        return NO_PROPERTIES
    return written if len(written) <= room else NO_PROPERTIES


def _fewer(headers: FieldTable, room: int) -> FieldTable:
    """The headers without the largest."""
    sizes = {name: len(write_table({name: one})) for name, one in headers.items()}
    total = sum(sizes.values())
    room -= len(write_table({LEFT_OUT: ""})) + 4 * AMQP_LEFT_OUT_CHARS_MAX
    gone: dict[str, None] = {}
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if total <= room:
            break
        total -= sizes[name]
        gone[name] = None
    kept = {name: one for name, one in headers.items() if name not in gone}
    return {**kept, LEFT_OUT: ", ".join(gone)[:AMQP_LEFT_OUT_CHARS_MAX]}
