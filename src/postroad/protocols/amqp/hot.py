"""The three things AMQP does all day, on whole buffers: publishes and acks in, deliveries out.

It stands below the decoder. The rule kept here: what is not plainly right and complete is left
where it is, for the decoder to look at frame by frame and to say what is wrong. Compiled by mypyc
where possible.
"""

from collections.abc import Callable
from typing import Final

from librt.strings import (
    BytesWriter,
    read_i16_be,
    read_i32_be,
    read_i64_be,
    write_i16_be,
    write_i32_be,
    write_i64_be,
)
from mypy_extensions import i16, i32, i64

from postroad.limits import FIELD_DEPTH_MAX
from postroad.model.message import Delivery
from postroad.model.properties import routed_head
from postroad.protocols.amqp.frames import AckRun, Event, PublishRun

_METHOD: Final[i64] = 1
_HEADER: Final[i64] = 2
_BODY: Final[i64] = 3
_END: Final[i64] = 0xCE
_PUBLISH: Final[i64] = 0x003C0028
_DELIVER: Final[i64] = 0x003C003C
_ACK: Final[i64] = 0x003C0050
_BASIC: Final[i64] = 0x003C0000  # class id and weight of a content header
_ACK_BYTES: Final[i64] = 13
_SPECIAL: Final[i64] = 0x2B10  # headers, priority, reply-to, expiration, user-id
_NO_FLAGS: Final[i64] = 0x0003  # bits that RabbitMQ's properties do not have

Render = Callable[[Delivery], tuple[str, str, bytes]]


class Runs:
    """Publishes and acks while they are gathered; a run that ends becomes an event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._publishes = PublishRun(0, "")
        self._acks = AckRun(0)
        # What the last publish said: the next one mostly says the same.
        self._method = b""
        self._exchange = ""
        self._routing_key = ""
        self._mandatory = False
        self._prefix = b""
        self._properties = b""
        self._head = b""
        self._is_special = False

    def flush(self) -> None:
        """End the run that is being gathered."""
        if self._publishes.bodies:
            self.events.append(self._publishes)
            self._publishes = PublishRun(0, "")
        if self._acks.tags:
            self.events.append(self._acks)
            self._acks = AckRun(0)

    def take(self) -> list[Event]:
        """The events so far, which are forgotten here."""
        self.flush()
        events = self.events
        self.events = []
        return events

    def read_acks(self, data: bytes, start: int, channel: int) -> int:
        """Take the acks of `channel` from `start` on; where something else begins."""
        at: i64 = start
        end: i64 = len(data)
        number: i64 = channel
        opening: i64 = _METHOD << 56 | number << 40 | _ACK_BYTES << 8
        run = self._acks_of(channel)
        tags, multiples = run.tags, run.multiples
        while end - at >= 21:
            if read_i64_be(data, at) != opening or i64(read_i32_be(data, at + 7)) != _ACK:
                break
            tag: i64 = read_i64_be(data, at + 11)
            if i64(data[at + 20]) != _END or tag < 0:
                break
            tags.append(tag)
            multiples.append(data[at + 19] & 1 != 0)
            at += 21
        return at

    def read_publishes(self, data: bytes, start: int, channel: int, payload_max: int) -> int:
        """Take the whole publishes of `channel` from `start` on; where something else begins, or
        one that has not come yet, or not in one body frame of at most `payload_max` bytes."""
        at: i64 = start
        end: i64 = len(data)
        number: i64 = channel
        largest: i64 = payload_max
        header_opening: i64 = _HEADER << 16 | number
        body_opening: i64 = _BODY << 16 | number
        while True:
            header: i64 = self._after_method(data, at)
            if header < 0 or end - header < 22:
                break
            word: i64 = read_i64_be(data, header)
            size: i64 = word >> 8 & 0xFFFFFFFF
            body: i64 = header + 8 + size  # where the body's frame begins
            if word >> 40 != header_opening or size < 14 or size > largest or body > end:
                break
            if i64(data[body - 1]) != _END or i64(read_i32_be(data, header + 7)) != _BASIC:
                break
            length: i64 = read_i64_be(data, header + 11)
            after: i64 = body
            if length:
                after = body + length + 8
                if length < 0 or length > largest or after > end:
                    break
                if read_i64_be(data, body) >> 8 != (body_opening << 32 | length):
                    break
                if i64(data[after - 1]) != _END:
                    break
            if not self._is_read(data[header + 19 : body - 1]):
                break
            self._add(channel, data[body + 7 : after - 1] if length else b"")
            at = after
        return at

    def add(self, channel: int, method: bytes, properties: bytes, body: bytes) -> None:
        """Take one publish that came in pieces: its method frame's payload, which is sound, and
        properties, which are so too."""
        self._read_method(method, 0, len(method))
        self._method = b""
        self._is_read(properties)
        self._add(channel, body)

    def add_ack(self, channel: int, tag: int, *, multiple: bool) -> None:
        """Take one ack."""
        run = self._acks_of(channel)
        run.tags.append(tag)
        run.multiples.append(multiple)

    def _acks_of(self, channel: int) -> AckRun:
        if self._publishes.bodies or self._acks.channel != channel:
            self.flush()
            self._acks = AckRun(channel)
        return self._acks

    def _add(self, channel: int, body: bytes) -> None:
        run = self._publishes
        if run.channel != channel or run.exchange != self._exchange or self._acks.tags:
            self.flush()
            run = self._publishes = PublishRun(channel, self._exchange)
        run.routing_keys.append(self._routing_key)
        run.bodies.append(body)
        run.heads.append(self._head)
        run.mandatory.append(self._mandatory)
        if self._is_special:
            run.special = True

    def _after_method(self, data: bytes, at: i64) -> i64:
        """Where the content header of a publish begins, whose method frame begins at `at`; -1
        where none does, or it is to be looked at."""
        same: i64 = len(self._method)
        if same and data[at : at + same] == self._method:
            return at + same
        end: i64 = len(data)
        if end - at < 17:
            return -1
        size: i64 = i64(read_i32_be(data, at + 3)) & 0xFFFFFFFF
        after: i64 = at + size + 8
        if i64(data[at]) != _METHOD or after > end or i64(data[after - 1]) != _END:
            return -1
        if i64(read_i32_be(data, at + 7)) != _PUBLISH:
            return -1
        if not self._read_method(data, at + 7, after - 1):
            return -1
        self._method = data[at:after]
        return after

    def _read_method(self, data: bytes, at: i64, end: i64) -> bool:
        """Read a publish's payload; whether it is sound."""
        exchange: i64 = at + 7
        if exchange > end:
            return False
        key: i64 = exchange + i64(data[at + 6]) + 1
        if key > end:
            return False
        bits: i64 = key + i64(data[key - 1])
        if bits + 1 != end or i64(data[bits]) & 2:
            return False
        try:
            self._exchange = str(data[exchange : key - 1], "utf-8")
            self._routing_key = str(data[key:bits], "utf-8")
        except UnicodeDecodeError:
            self._method = b""
            return False
        self._mandatory = data[bits] & 1 != 0
        self._prefix = b"\x03" + data[at + 6 : bits]
        self._properties = b""
        return True

    def _is_read(self, properties: bytes) -> bool:
        """Make the head with these properties; whether they are sound."""
        if properties == self._properties:
            return True
        if not are_sound(properties):
            return False
        flags: i64 = i64(read_i16_be(properties, 0))
        self._is_special = flags & _SPECIAL != 0
        self._properties = properties
        self._head = self._prefix + properties
        return True


def are_sound(properties: bytes) -> bool:
    """Whether property flags and properties are what they say, to their end."""
    end: i64 = len(properties)
    if end < 2:
        return False
    flags: i64 = i64(read_i16_be(properties, 0))
    at: i64 = 2
    if flags & _NO_FLAGS:
        return False
    bit: i64 = 15
    while bit > 1:
        if flags >> bit & 1:
            if at >= end:
                return False
            if bit == 13:
                at = _after_table(properties, at, end, FIELD_DEPTH_MAX)
                if at < 0:
                    return False
            elif bit == 12 or bit == 11:  # noqa: PLR1714  (compiled, a comparison is cheaper)
                at += 1
            elif bit == 6:
                at += 8
            else:
                at += 1 + i64(properties[at])
        bit -= 1
    return at == end


def _after_table(data: bytes, at: i64, end: i64, depth: i64) -> i64:
    """Where the table at `at` ends; -1: it is none."""
    stop: i64 = _after_text(data, at, end)
    if stop < 0 or depth == 0:
        return -1
    at += 4
    while at < stop:
        at += 1 + i64(data[at])
        if at >= stop:
            return -1
        at = _after_value(data, at, stop, depth)
        if at < 0:
            return -1
    return stop


def _after_array(data: bytes, at: i64, end: i64, depth: i64) -> i64:
    stop: i64 = _after_text(data, at, end)
    if stop < 0 or depth == 0:
        return -1
    at += 4
    while at < stop:
        at = _after_value(data, at, stop, depth)
        if at < 0:
            return -1
    return stop


def _after_value(data: bytes, at: i64, end: i64, depth: i64) -> i64:
    """Where the field value whose type letter is at `at` ends; -1: beyond `end`, or unknown."""
    letter: i64 = i64(data[at])
    at += 1
    if letter == 0x53 or letter == 0x78:  # noqa: PLR1714  (S, x)
        return _after_text(data, at, end)
    if letter == 0x46:  # F
        return _after_table(data, at, end, depth - 1)
    if letter == 0x41:  # A
        return _after_array(data, at, end, depth - 1)
    size: i64 = _SIZES[letter] - 1
    return at + size if size >= 0 and at + size <= end else -1


def _after_text(data: bytes, at: i64, end: i64) -> i64:
    """Where what stands at `at` after its length ends; -1: beyond `end`."""
    if at + 4 > end:
        return -1
    stop: i64 = at + 4 + (i64(read_i32_be(data, at)) & 0xFFFFFFFF)
    return stop if stop <= end else -1


def _sizes() -> bytes:
    """By type letter: one more than the bytes a value takes; 0: no such type of a fixed size."""
    sizes = bytearray(256)
    for letters, size in ((b"tbB", 1), (b"su", 2), (b"Iif", 4), (b"D", 5), (b"lLdT", 8), (b"V", 0)):
        for letter in letters:
            sizes[letter] = size + 1
    return bytes(sizes)


_SIZES: Final = _sizes()


def deliver_frames(
    channel: int,
    consumer_tag: bytes,
    first_tag: int,
    messages: list[Delivery],
    frame_max: int,
    render: Render,
) -> bytes:
    """The deliveries of `messages` to one consumer, tagged from `first_tag` on, as one buffer.

    What came by AMQP, fits into a frame and is delivered for the first time goes as it came; for
    all else `render` says exchange, routing key and properties.
    """
    sender = _Sender(channel, consumer_tag, frame_max - 8)
    tag: i64 = first_tag
    fits: i64 = frame_max - 20
    for message in messages:
        head = message.head
        plain = head[:1] == b"\x03" and len(head) <= fits
        if not plain or message.note is not None or message.delivery_count > 1:
            exchange, routing_key, properties = render(message)
            head = routed_head(exchange, routing_key, properties)
        sender.send(tag, message.again, head, message.body)
        tag += 1
    return sender.writer.getvalue()


class _Sender:
    """Frames of deliveries, one after another; what does not change is made once."""

    def __init__(self, channel: int, consumer_tag: bytes, payload_max: int) -> None:
        self.writer = BytesWriter()
        self._channel: i64 = channel
        self._payload_max: i64 = payload_max
        self._consumer = bytes((len(consumer_tag),)) + consumer_tag
        self._head = b""
        self._length: i64 = -1
        self._before = b""  # of a delivery, up to its tag
        self._after = b""  # of it, from its exchange to its first body frame's payload

    def send(self, tag: i64, redelivered: bool, head: bytes, body: bytes) -> None:
        length: i64 = len(body)
        if length != self._length or head != self._head:
            self._prepare(head, length)
        writer = self.writer
        writer.write(self._before)
        write_i64_be(writer, tag)
        writer.append(1 if redelivered else 0)
        writer.write(self._after)
        if length > self._payload_max:
            self._send_long(body, length)
        elif length:
            writer.write(body)
            writer.append(0xCE)

    def _prepare(self, head: bytes, length: i64) -> None:
        """Make what stands before the tag and after it, for a head and a length of body."""
        end: i64 = len(head)
        at: i64 = 2 + i64(head[1])
        at += 1 + i64(head[at])
        before = BytesWriter()
        self._open(before, _METHOD, 4 + len(self._consumer) + 9 + at - 1)
        write_i32_be(before, i32(_DELIVER))
        before.write(self._consumer)
        after = BytesWriter()
        after.write(head[1:at])
        after.append(0xCE)
        self._open(after, _HEADER, 12 + end - at)
        write_i32_be(after, i32(_BASIC))
        write_i64_be(after, length)
        after.write(head[at:])
        after.append(0xCE)
        if 0 < length <= self._payload_max:
            self._open(after, _BODY, length)
        self._before, self._after = before.getvalue(), after.getvalue()
        self._head, self._length = head, length

    def _send_long(self, body: bytes, length: i64) -> None:
        """The body in as many frames as it takes."""
        at: i64 = 0
        while at < length:
            stop: i64 = at + self._payload_max
            part = body[at:stop]
            self._open(self.writer, _BODY, len(part))
            self.writer.write(part)
            self.writer.append(0xCE)
            at = stop

    def _open(self, writer: BytesWriter, kind: i64, size: i64) -> None:
        writer.append(int(kind))
        # A channel above 32,767 is a negative number of 16 bits.
        write_i16_be(writer, i16(self._channel - (self._channel >> 15 << 16)))
        write_i32_be(writer, i32(size))
