"""Acks, nacks, rejects and recovers: what becomes of what a channel has delivered.

It stands between a channel and the core. The rule kept here: a run of acks is one command a
queue, whatever it is made of; what follows an unknown tag is not done.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from postroad.model.commands import ACK, REJECT, RETRY, Settle
from postroad.model.replies import Reply
from postroad.protocols.amqp.errors import (
    NOT_IMPLEMENTED,
    PRECONDITION_FAILED,
    ChannelFault,
    ConnectionFault,
)
from postroad.protocols.amqp.frames import AckRun
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.unacked import Source, Taken, Taking, Unacked

if TYPE_CHECKING:
    from postroad.protocols.amqp.channel import Channel, Handler


class Settling:
    """The settling side of a channel. `got_from`: queue -> the source of what basic.get got."""

    def __init__(self, channel: "Channel") -> None:
        self.channel = channel
        self.unacked = Unacked()
        self.got_from: dict[str, Source] = {}

    def ack(self, run: AckRun) -> None:
        """Do a run of acks. Raises what closes the channel."""
        self.settle(run.tags, run.multiples, ACK)

    def settle(self, tags: Sequence[int], multiples: Sequence[bool], outcome: int) -> None:
        """Settle deliveries by their tags; in tx mode when it is committed. Raises what closes the
        channel, once those before an unknown tag are settled."""
        tx = self.channel.publisher.tx
        taking = self.unacked.take(tags, multiples, tx is not None)
        if tx is None:
            self._ask(taking, outcome)
        else:
            tx.settle(taking, outcome)
        if taking.unknown >= 0:
            text = f"unknown delivery tag {taking.unknown}"
            raise ChannelFault(PRECONDITION_FAILED, text)

    def settled(self, taking: Taking) -> None:
        """Let consumers without a prefetch go on."""
        for part in taking.parts:
            self.channel.consumers.settled(part.source, len(part.tags))

    def put_back(self) -> None:
        """Everything that is open goes back to its place."""
        self._ask(self.unacked.take([0], [True], False), RETRY)

    def tick(self, now_ms: int) -> None:
        """Time went by: close the channel if a delivery was not settled in its time."""
        source = self.unacked.overdue(now_ms)
        if source is None:
            return
        text = (
            f"delivery acknowledgement on channel {self.channel.number} timed out. Timeout value"
            f" used: {source.timeout_ms} ms. This timeout value can be configured, see consumers"
            " doc guide to learn more"
        )
        self.channel.fault(ChannelFault(PRECONDITION_FAILED, text), "")

    def close(self) -> None:
        """The channel is closed: what is open goes back, what was not committed too."""
        tx = self.channel.publisher.tx
        if tx is not None:
            for taking, _ in tx.settles:
                self.unacked.put_back(taking)
            tx.begin_anew()
        if self.unacked.count:
            self.put_back()

    def _ask(self, taking: Taking, outcome: int) -> None:
        link = self.channel.link
        for part in taking.parts:
            if not part.source.stream:
                link.ask(settle_of(part, outcome), _ignore)
            self.channel.consumers.settled(part.source, len(part.tags))


def settle_of(part: Taken, outcome: int) -> Settle:
    """The command that settles deliveries of one source."""
    return Settle(
        part.source.queue,
        part.offsets.tolist(),
        part.leases.tolist(),
        part.counts.tolist(),
        outcome,
        queue_id=part.source.queue_id,
    )


def nack(channel: "Channel", args: dict[str, Any]) -> None:
    """basic.nack."""
    outcome = RETRY if args["requeue"] else REJECT
    channel.settling.settle([args["delivery_tag"]], [args["multiple"]], outcome)


def reject(channel: "Channel", args: dict[str, Any]) -> None:
    """basic.reject."""
    outcome = RETRY if args["requeue"] else REJECT
    channel.settling.settle([args["delivery_tag"]], [False], outcome)


def recover(channel: "Channel", args: dict[str, Any]) -> None:
    """basic.recover."""
    recover_silently(channel, args)
    channel.send(encode_method(channel.number, "basic.recover-ok"))


def recover_silently(channel: "Channel", args: dict[str, Any]) -> None:
    """basic.recover-async."""
    if not args["requeue"]:
        raise ConnectionFault(NOT_IMPLEMENTED, "requeue=false")
    channel.settling.put_back()


def _ignore(reply: Reply) -> None:
    """A message that cannot be settled any more is somebody else's now: nobody is told."""


HANDLERS: "Final[Mapping[str, Handler]]" = {
    "basic.nack": nack,
    "basic.reject": reject,
    "basic.recover": recover,
    "basic.recover-async": recover_silently,
}
