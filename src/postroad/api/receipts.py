"""Which messages a settle is about: deliveries in hand, or receipts that were kept as text.

It stands between callers and `Settle`. The rule kept here: queue numbers are never reused, so a
message of a queue that was deleted can never be mistaken for one of a queue that got its name.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from operator import attrgetter
from typing import Final, TypeGuard

import msgspec

from postroad.errors import BadReceipt, LeaseLost
from postroad.model.message import Delivery
from postroad.model.value import value

VERSION: Final = 1

Receipts = Delivery | str | Sequence[Delivery | str]
"""What can be settled: a message, a receipt, or several of them, mixed as one likes."""


class Receipt(msgspec.Struct, array_like=True, gc=False):
    """One lease of one message, and the name its queue had."""

    version: int
    queue: int
    offset: int
    lease: int
    count: int
    name: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Receipt).decode
_queue = attrgetter("queue")
_offset = attrgetter("offset")
_lease = attrgetter("lease")
_count = attrgetter("delivery_count")
_NO_LEASE: Final = "a message that was popped or peeked has no lease to settle"


class Names:
    """Names of queues by number, as far as this broker has met them."""

    def __init__(self) -> None:
        self._name_of: dict[int, str] = {}
        self._id_of: dict[str, int] = {}

    def learn(self, queue: int, name: str) -> None:
        """A queue's number."""
        if self._id_of.get(name) == queue:
            return
        self.forget(name)
        self._id_of[name] = queue
        self._name_of[queue] = name

    def forget(self, name: str) -> None:
        """A queue is gone."""
        old = self._id_of.pop(name, None)
        if old is not None:
            self._name_of.pop(old, None)

    def find(self, queue: int) -> str | None:
        """The name of a queue, or `None`."""
        return self._name_of.get(queue)


@value
class Batch:
    """What one command settles: columns for it, and what the caller gave, in the same order."""

    queue: str
    queue_id: int
    given: Sequence[Delivery | str]
    offsets: list[int]
    leases: list[int]
    counts: list[int]


def seal(message: Delivery, name: str) -> str:
    """A receipt as text."""
    receipt = Receipt(
        VERSION, message.queue, message.offset, message.lease, message.delivery_count, name
    )
    return urlsafe_b64encode(_encode(receipt)).decode()


def unseal(text: str) -> Receipt:
    """A receipt from its text. Raises `BadReceipt`."""
    try:
        receipt = _decode(urlsafe_b64decode(text))
    except (ValueError, msgspec.MsgspecError):
        raise BadReceipt from None
    numbers = (receipt.queue, receipt.offset, receipt.lease, receipt.count)
    if receipt.version != VERSION or min(numbers) < 0 or not receipt.lease:
        raise BadReceipt
    return receipt


def listed(given: Receipts) -> Sequence[Delivery | str]:
    """What was given, as a list; one alone is a list of one."""
    if isinstance(given, Delivery | str):
        return (given,)
    return given


def are_deliveries(given: Sequence[Delivery | str]) -> TypeGuard[Sequence[Delivery]]:
    """Whether all are messages in hand."""
    return set(map(type, given)) == {Delivery}


def one_queue(given: Sequence[Delivery]) -> int:
    """The number of the queue that all messages are of; 0 when of several."""
    queues = set(map(_queue, given))
    return queues.pop() if len(queues) == 1 else 0


def batch_of_deliveries(given: Sequence[Delivery], name: str) -> Batch:
    """Messages in hand that are all of one queue. Raises `BadReceipt` for one without a lease."""
    if len(given) == 1:
        # One at a time is what most workers do.
        one = given[0]
        if not one.lease:
            raise BadReceipt(_NO_LEASE)
        return Batch(name, one.queue, given, [one.offset], [one.lease], [one.delivery_count])
    leases = list(map(_lease, given))
    if not all(leases):
        raise BadReceipt(_NO_LEASE)
    queue = given[0].queue
    return Batch(name, queue, given, list(map(_offset, given)), leases, list(map(_count, given)))


def opened(given: Sequence[Delivery | str], names: Names) -> list[Receipt]:
    """A mixed list as receipts. Raises `BadReceipt`, and `LeaseLost` with all messages whose queues
    are gone.
    """
    found: list[Receipt] = []
    for one in given:
        if isinstance(one, str):
            found.append(unseal(one))
            continue
        if not isinstance(one, Delivery):
            raise TypeError(f"a message or a receipt is wanted, not {type(one).__name__}")
        name = names.find(one.queue)
        if name is None:
            known = names.find
            gone = [each for each in given if isinstance(each, Delivery) and not known(each.queue)]
            raise LeaseLost("the queue of this message is gone", failed=gone)
        if not one.lease:
            raise BadReceipt(_NO_LEASE)
        found.append(Receipt(VERSION, one.queue, one.offset, one.lease, one.delivery_count, name))
    return found


def batches(given: Sequence[Delivery | str], receipts: Sequence[Receipt]) -> list[Batch]:
    """Receipts by queue, in the order of each queue's first."""
    found: dict[int, tuple[str, list[int]]] = {}
    for at, receipt in enumerate(receipts):
        found.setdefault(receipt.queue, (receipt.name, []))[1].append(at)
    return [
        Batch(
            name,
            queue,
            [given[at] for at in places],
            [receipts[at].offset for at in places],
            [receipts[at].lease for at in places],
            [receipts[at].count for at in places],
        )
        for queue, (name, places) in found.items()
    ]
