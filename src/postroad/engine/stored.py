"""The form a block has in the store.

One rule: never compiled. A compiled class keeps its annotations without what is in their brackets,
and a block read back would have lists where it had notes.
"""

import msgspec

from postroad.model.message import Note


class StoredBlock(msgspec.Struct, array_like=True, gc=False):
    """A block at rest. `present`: u32 positions of the messages that were still wanted, empty for
    all of them."""

    first: int
    present: bytes
    ends: bytes
    blob: bytes
    head_ends: bytes
    heads: bytes
    time_starts: bytes
    times: bytes
    notes: list[tuple[int, Note]]
    keys: bytes = b""
