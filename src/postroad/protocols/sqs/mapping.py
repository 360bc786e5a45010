"""SQS's words to the core's, and back: messages out, receipts in, counts.

This is the border; below it nobody knows SQS. The rule kept here: a delivery from any protocol
becomes a message that any SQS client can read.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from postroad.model.commands import Extend, Settle
from postroad.model.message import FAILURE, OWN_DEDUP, OWN_KEY, Delivery, typed_headers_of
from postroad.model.value import value
from postroad.protocols.aws.session import Shape
from postroad.protocols.sqs.addresses import arn_of
from postroad.protocols.sqs.attributes import OWN, Typed, is_text
from postroad.protocols.sqs.config import SqsConfig
from postroad.protocols.sqs.md5 import attributes_md5, body_md5
from postroad.protocols.sqs.ordering import DEDUP, GROUP, is_fifo, sequence_number
from postroad.protocols.sqs.receipts import Receipt
from postroad.protocols.sqs.spec import SYSTEM_ATTRIBUTES, TRACE_HEADER

ENCODING: Final = "postroad.encoding"
"""The message attribute that marks a body which is no text to SQS and so comes in base64."""
_BASE64: Final = ("String", "base64")


@value
class View:
    """What a receive wants to see of each message: system attributes, and message attributes by
    exact name or by prefix."""

    system: frozenset[str]
    names: frozenset[str]
    prefixes: tuple[str, ...]

    def shows(self, name: str) -> bool:
        """Whether a message attribute is wanted."""
        return name in self.names or name.startswith(self.prefixes)


NOTHING: Final = View(frozenset(), frozenset(), ())


def view_of(system: Sequence[str], attributes: Sequence[str]) -> View:
    """The view that lists of names as clients give them mean: `All`, `.*` and `prefix.*` too."""
    if not system and not attributes:
        return NOTHING
    wanted = frozenset(SYSTEM_ATTRIBUTES if "All" in system else system)
    prefixes = tuple(name[:-2] for name in attributes if name.endswith(".*"))
    if "All" in attributes:
        prefixes = ("",)
    return View(wanted, frozenset(attributes), prefixes)


class Reader:
    """Turns deliveries from one queue into messages as one receive wants them."""

    def __init__(
        self, config: SqsConfig, queue: str, view: View, *, region: str, received_s: int
    ) -> None:
        self._config = config
        self._queue = queue
        self._view = view
        self._region = region
        self._received_s = received_s

    def message(self, delivery: Delivery) -> Shape:
        """One message."""
        names = self._config.names
        typed = typed_headers_of(delivery.head) if delivery.head else {}
        if delivery.failure:
            typed = {**typed, FAILURE: ("String", delivery.failure)}
        shown = self._shown(typed)
        raw = delivery.body
        try:
            body = raw.decode()
            encoded = not (body.isascii() and body.isprintable()) and not is_text(raw)
        except UnicodeDecodeError:
            encoded = True
        if encoded:
            raw = b64encode(raw)
            body = raw.decode()
            shown[ENCODING] = _BASE64
        receipt = Receipt(
            delivery.queue,
            delivery.offset,
            delivery.lease,
            delivery.delivery_count,
            self._received_s,
        )
        shape: Shape = {
            "MessageId": names.message_id(*delivery.identity),
            "ReceiptHandle": names.receipt(self._queue, receipt),
            "MD5OfBody": body_md5(raw),
            "Body": body,
        }
        if self._view.system:
            shape["Attributes"] = self._system(delivery, typed)
        if shown:
            shape["MD5OfMessageAttributes"] = attributes_md5(shown)
            shape["MessageAttributes"] = {name: _rendered(*one) for name, one in shown.items()}
        return shape

    def _shown(self, typed: Typed) -> Typed:
        view = self._view
        shown: Typed = {}
        for name, (kind, content) in typed.items():
            if not name.startswith(OWN) and view.shows(name) and is_text(name.encode()):
                if isinstance(content, str) and not is_text(content.encode()):
                    shown[name] = ("Binary", content.encode())
                elif content:
                    shown[name] = (kind, content)
        return shown

    def _system(self, delivery: Delivery, typed: Typed) -> dict[str, str]:
        known = {
            "SenderId": self._config.account,
            "SentTimestamp": str(delivery.published_ms),
            "ApproximateReceiveCount": str(delivery.delivery_count),
            "ApproximateFirstReceiveTimestamp": str(delivery.first_received_ms),
        }
        trace = typed.get(OWN + TRACE_HEADER)
        if trace is not None:
            known[TRACE_HEADER] = str(trace[1])
        note = delivery.note
        if note is not None and note.deaths and note.deaths[-1].queue != self._queue:
            source = arn_of(self._config, self._region, note.deaths[-1].queue)
            known["DeadLetterQueueSourceArn"] = source
        self._add_place(known, delivery, typed)
        wanted = self._view.system
        return {name: text for name, text in known.items() if name in wanted}

    def _add_place(self, known: dict[str, str], delivery: Delivery, typed: Typed) -> None:
        """A message's place among others; content that stands for an id is hashed only here."""
        for name, own in ((GROUP, OWN_KEY), (DEDUP, OWN_DEDUP)):
            text = str(typed[own][1]) if own in typed else ""
            if text and is_text(text.encode()):
                known[name] = text
        if is_fifo(self._queue):
            known["SequenceNumber"] = sequence_number(delivery.offset)
            if DEDUP not in known and DEDUP in self._view.system:
                known[DEDUP] = sha256(delivery.body).hexdigest()


def _rendered(kind: str, content: str | bytes) -> Shape:
    field = "BinaryValue" if isinstance(content, bytes) else "StringValue"
    return {field: content, "DataType": kind}


def settle(queue: str, receipts: Sequence[Receipt], outcome: int) -> Settle:
    """The command that settles the messages of some receipts, all of one queue; in a FIFO queue
    none whose lease is over, for others of its group may be on their way since."""
    return Settle(
        queue,
        [receipt.offset for receipt in receipts],
        [receipt.lease for receipt in receipts],
        [receipt.count for receipt in receipts],
        outcome,
        after_ms=0,
        strict=is_fifo(queue),
        queue_id=receipts[0].queue,
    )


def extend(queue: str, receipts: Sequence[Receipt], lease_ms: int) -> Extend:
    """The command that lets the leases of some receipts, all of one queue, end at another time."""
    return Extend(
        queue,
        [receipt.offset for receipt in receipts],
        [receipt.lease for receipt in receipts],
        lease_ms,
        receipts[0].queue,
    )
