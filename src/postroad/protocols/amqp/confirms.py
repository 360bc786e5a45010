"""Confirms: our word to a publisher that its messages are durable, or that they are not taken.

It stands between publishing and the wire. The rule kept here: confirms leave in the order of the
publishes, a whole stretch as one ack, and never before the core has answered.
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.wire import encode_ack

if TYPE_CHECKING:
    from postroad.protocols.amqp.channel import Channel


class Expected:
    """Messages that wait for a confirm: those with sequence numbers from `first` on. `left`: how
    many the core has not answered; `refused`: indexes of those it did not take."""

    __slots__ = ("count", "first", "left", "refused")

    def __init__(self, first: int, count: int) -> None:
        self.first = first
        self.count = count
        self.left = count
        self.refused: list[int] = []


class Confirms:
    """The confirms of one channel in confirm mode."""

    def __init__(self, channel: "Channel") -> None:
        self._channel = channel
        self._next = 1
        self._expected: deque[Expected] = deque()

    def expect(self, count: int) -> Expected:
        """So many messages were published."""
        expected = Expected(self._next, count)
        self._next += count
        self._expected.append(expected)
        return expected

    def settle(self, expected: Expected, start: int, count: int, refused: Sequence[int]) -> None:
        """`count` of them, from index `start` on, are durable, but for those whose indexes among
        these are in `refused`."""
        expected.left -= count
        if refused:
            expected.refused.extend([start + index for index in refused])
        waiting = self._expected
        while waiting and not waiting[0].left:
            self._channel.send(_frames(self._channel.number, waiting.popleft()))


def _frames(channel: int, expected: Expected) -> bytes:
    last = expected.first + expected.count - 1
    if not expected.refused:
        return encode_ack(channel, last, multiple=expected.count > 1)
    frames: list[bytes] = []
    tag = expected.first
    for refused in sorted(expected.refused):
        wrong = expected.first + refused
        if wrong > tag:
            frames.append(encode_ack(channel, wrong - 1, multiple=wrong - tag > 1))
        frames.append(
            encode_method(channel, "basic.nack", delivery_tag=wrong, multiple=False, requeue=False)
        )
        tag = wrong + 1
    if tag <= last:
        frames.append(encode_ack(channel, last, multiple=last > tag))
    return b"".join(frames)
