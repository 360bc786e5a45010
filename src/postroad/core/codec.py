"""Records to bytes and back: the payload of a journal group.

One rule: a payload is a msgpack array of steps, each an array of records, each an array that begins
with the record's tag; what was written once is read for good. Large bodies are not copied on the
way: they stand as they came among the parts of a payload.
"""

from collections.abc import Sequence

import msgspec

from postroad.core.exchanges.records import ExchangeRecord
from postroad.core.fanouts.records import FanoutRecord
from postroad.core.history import HistoryRecord
from postroad.core.kv.records import KvRecord
from postroad.core.lists.records import ListRecord
from postroad.core.records import Published, QueueRecord, Record
from postroad.core.schedules.records import ScheduleRecord
from postroad.core.schemas.records import SchemaRecord
from postroad.core.topics.records import TopicRecord
from postroad.limits import APART_BYTES

AnyRecord = (
    QueueRecord
    | HistoryRecord
    | ListRecord
    | ExchangeRecord
    | FanoutRecord
    | KvRecord
    | ScheduleRecord
    | SchemaRecord
    | TopicRecord
)
"""Every kind of record there is, each with a tag of its own."""

_encode = msgspec.msgpack.Encoder().encode
_decode_group = msgspec.msgpack.Decoder(list[list[AnyRecord]]).decode


class BadPayload(Exception):  # noqa: N818  (the name is the sentence)
    """The payload is not one of ours; the message says why."""


def encode_step(records: Sequence[Record]) -> list[bytes]:
    """The records of one atomic step, as parts."""
    for record in records:
        if isinstance(record, Published) and len(record.blob) >= APART_BYTES:
            return _apart(records)
    return [_encode(records)]


def head_of_group(steps: int) -> bytes:
    """What stands before so many steps in the payload of a group."""
    return b"\xdd" + steps.to_bytes(4, "big")


def decode_group(payload: bytes) -> list[list[AnyRecord]]:
    """The steps of a group; `BadPayload` when the bytes are not ours."""
    try:
        return _decode_group(payload)
    except msgspec.MsgspecError as error:
        raise BadPayload(str(error)) from error


def _apart(records: Sequence[Record]) -> list[bytes]:
    """The same bytes, with large bodies as parts of their own."""
    parts: list[bytes] = [_head_of_array(len(records))]
    for record in records:
        if isinstance(record, Published) and len(record.blob) >= APART_BYTES:
            parts.extend(_around_blob(record))
        else:
            parts.append(_encode(record))
    return parts


def _around_blob(record: Published) -> tuple[bytes, bytes, bytes, bytes]:
    """A record as what stands before its bodies, their length, the bodies, and what follows."""
    rest = _encode(msgspec.structs.replace(record, blob=b""))
    # An array of fewer than 16 fields has a head of one byte, and so has the tag.
    before = 1 + len(_encode((record.shelf, record.first, record.now_ms, record.sizes)))
    assert rest[before : before + 2] == b"\xc4\0", "no bodies are an empty byte string"
    head = b"\xc6" + len(record.blob).to_bytes(4, "big")
    return rest[:before], head, record.blob, rest[before + 2 :]


def _head_of_array(count: int) -> bytes:
    if count < 16:
        return bytes((0x90 | count,))
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")
