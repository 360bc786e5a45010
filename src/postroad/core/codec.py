"""Records to bytes and back: the payload of a journal group.

One rule: a payload is a msgpack array of steps, each an array of records, each an array that begins
with the record's tag; what was written once is read for good.
"""

from collections.abc import Sequence

import msgspec

from postroad.core.exchanges.records import ExchangeRecord
from postroad.core.history import HistoryRecord
from postroad.core.kv.records import KvRecord
from postroad.core.records import QueueRecord, Record
from postroad.core.schemas.records import SchemaRecord
from postroad.core.topics.records import TopicRecord

AnyRecord = QueueRecord | HistoryRecord | ExchangeRecord | KvRecord | SchemaRecord | TopicRecord
"""Every kind of record there is, each with a tag of its own."""

_encode_step = msgspec.msgpack.Encoder().encode
_decode_group = msgspec.msgpack.Decoder(list[list[AnyRecord]]).decode


class BadPayload(Exception):  # noqa: N818  (the name is the sentence)
    """The payload is not one of ours; the message says why."""


def encode_step(records: Sequence[Record]) -> bytes:
    """The records of one atomic step."""
    return _encode_step(records)


def join_steps(steps: Sequence[bytes]) -> bytes:
    """Encoded steps as the payload of one group."""
    return b"".join((b"\xdd", len(steps).to_bytes(4, "big"), *steps))


def decode_group(payload: bytes) -> list[list[AnyRecord]]:
    """The steps of a group; `BadPayload` when the bytes are not ours."""
    try:
        return _decode_group(payload)
    except msgspec.MsgspecError as error:
        raise BadPayload(str(error)) from error
