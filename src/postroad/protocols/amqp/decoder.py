"""A connection's bytes become events, however they are cut.

It stands between the socket and the session; publishes and acks in a row are `hot`'s. The rule kept
here: it never raises; what is no AMQP is a `WireFault`, after which nothing comes.
"""

from typing import Final

from postroad.limits import AMQP_CONTENT_BYTES_MAX, MESSAGE_BYTES_MAX
from postroad.protocols.amqp.frames import (
    ContentTooLarge,
    Event,
    HeartbeatFrame,
    MethodFrame,
    ProtocolHeader,
    WireFault,
)
from postroad.protocols.amqp.hot import Runs, are_sound
from postroad.protocols.amqp.methods import ids_of, read_args, row_of
from postroad.protocols.amqp.spec import (
    FRAME_BODY,
    FRAME_END,
    FRAME_HEADER,
    FRAME_HEARTBEAT,
    FRAME_METHOD,
    FRAME_OVERHEAD,
    PROTOCOL_HEADER,
)

_PUBLISH: Final = (60, 40)
_ACK: Final = (60, 80)
_OPEN: Final = (20, 10)
_PUBLISH_START: Final = b"\x00\x3c\x00\x28"
_ACK_START: Final = b"\x00\x3c\x00\x50"
_BASIC_START: Final = b"\x00\x3c"
_NO_WEIGHT: Final = b"\x00\x00"


class _Content:
    """A publish whose content has not come whole: its method's payload, then the properties, then
    parts of the body. `remaining` is -1 before the content header."""

    def __init__(self, method: bytes) -> None:
        self.method = method
        self.properties = b""
        self.parts: list[bytes] = []
        self.remaining = -1
        self.received = 0
        self.is_skipped = False


class Decoder:
    """What a client sends, as events. `frame_max` may change once it has been agreed upon."""

    def __init__(self, frame_max: int, message_bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        self.frame_max = frame_max
        self._message_bytes_max = message_bytes_max
        self._rest = b""
        self._is_greeted = False
        self._is_ended = False
        self._runs = Runs()
        self._contents: dict[int, _Content] = {}
        self._content_bytes = 0
        self._forgotten: set[int] = set()

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete, in order."""
        if self._is_ended:
            return []
        if self._rest:
            data = self._rest + data
        at = 0
        if not self._is_greeted:
            at = self._greet(data)
        if self._is_greeted and not self._is_ended:
            at = self._frames(data, at)
        self._rest = data[at:] if not self._is_ended else b""
        return self._runs.take()

    def forget(self, channel: int) -> None:
        """A channel closes, whoever closes it: drop its half content, and take no notice of more of
        it until the client opens the channel again."""
        self._drop(channel)
        self._forgotten.add(channel)

    def _greet(self, data: bytes) -> int:
        """Look at the first bytes; how many they were."""
        start = data[: len(PROTOCOL_HEADER)]
        if len(start) < len(PROTOCOL_HEADER) and PROTOCOL_HEADER.startswith(start):
            return 0
        good = start == PROTOCOL_HEADER
        self._is_greeted = True
        self._is_ended = not good
        self._runs.events.append(ProtocolHeader(good))
        return len(PROTOCOL_HEADER)

    def _frames(self, data: bytes, at: int) -> int:
        """Take all whole frames from `at` on; where the first begins that is not whole."""
        end = len(data)
        # A payload as large as a whole frame is allowed: a common mistake of clients, and
        # RabbitMQ lets it pass.
        payload_max = self.frame_max
        # The head alone can say too much: a frame that is too large is not waited for.
        while end - at >= FRAME_OVERHEAD - 1 and not self._is_ended:
            channel = data[at + 1] << 8 | data[at + 2]
            if data[at] == FRAME_METHOD and channel and channel not in self._contents:
                after = self._run(data, at, channel, payload_max)
                if after > at:
                    at = after
                    continue
            size = int.from_bytes(data[at + 3 : at + 7], "big")
            if size > payload_max:
                self._bad_frame(data[at], b"", f"{{frame_too_large,{size},{payload_max - 8}}}")
                break
            after = at + size + FRAME_OVERHEAD
            if after > end:
                break
            self._frame(data[at], channel, data[at + 7 : after - 1], data[after - 1])
            at = after
        return at

    def _run(self, data: bytes, at: int, channel: int, payload_max: int) -> int:
        """Take the publishes or the acks that begin at `at`; where they end."""
        start = data[at + 7 : at + 11]
        if start == _PUBLISH_START:
            return self._runs.read_publishes(data, at, channel, payload_max)
        if start == _ACK_START:
            return self._runs.read_acks(data, at, channel)
        return at

    def _frame(self, kind: int, channel: int, payload: bytes, frame_end: int) -> None:
        if frame_end != FRAME_END:
            self._bad_frame(kind, payload, f"{{invalid_frame_end_marker,{frame_end}}}")
        elif kind == FRAME_METHOD:
            self._method(channel, payload)
        elif kind in (FRAME_HEADER, FRAME_BODY) and channel:
            self._content_frame(kind, channel, payload)
        elif kind == FRAME_HEARTBEAT and not channel:
            self._event(HeartbeatFrame())
        elif kind in (FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT):
            self._end(505, f"unexpected {_KINDS[kind]} frame on channel {channel}", channel)
        else:
            self._bad_frame(kind, payload, "unknown_frame")

    def _method(self, channel: int, payload: bytes) -> None:
        if channel in self._forgotten:
            self._drop(channel)
        try:
            numbers = ids_of(payload)
        except ValueError as wrong:
            self._end(501, str(wrong), channel)
            return
        content = self._contents.get(channel)
        if content is not None:
            self._unexpected(content, channel, "method")
            return
        row = row_of(numbers)
        if row is None:
            text = f"unknown method, class {numbers[0]}, method {numbers[1]}"
            self._end(503, text, channel, numbers)
            return
        try:
            args = read_args(row, payload)
        except ValueError as wrong:
            self._end(502, str(wrong), channel, numbers)
            return
        if numbers == _PUBLISH and channel:
            self._begin(channel, payload, is_immediate=args["immediate"])
        elif row.has_content:
            self._end(503 if channel else 504, f"unexpected method {row.name}", channel, numbers)
        elif numbers == _ACK and channel:
            self._runs.add_ack(channel, args["delivery_tag"], multiple=args["multiple"])
        else:
            if numbers == _OPEN:
                self._forgotten.discard(channel)
            self._event(MethodFrame(channel, row.name, args))

    def _begin(self, channel: int, payload: bytes, *, is_immediate: bool) -> None:
        """A publish has begun; its content is to come."""
        if is_immediate:
            self._end(540, "immediate=true", channel, _PUBLISH)
        else:
            self._contents[channel] = _Content(payload)

    def _content_frame(self, kind: int, channel: int, payload: bytes) -> None:
        content = self._contents.get(channel)
        if content is None:
            if channel not in self._forgotten:
                text = "expected method frame, got non method frame instead"
                self._end(505, text, channel)
        elif (kind == FRAME_HEADER) is not (content.remaining < 0):
            self._unexpected(content, channel, _KINDS[kind])
        elif kind == FRAME_HEADER:
            self._content_header(content, channel, payload)
        else:
            self._content_body(content, channel, payload)

    def _content_header(self, content: _Content, channel: int, payload: bytes) -> None:
        if len(payload) < 14 or payload[2:4] != _NO_WEIGHT:
            self._bad_frame(FRAME_HEADER, payload, "malformed content header")
            return
        if payload[:2] != _BASIC_START:
            got = int.from_bytes(payload[:2], "big")
            text = f"expected content header for class 60, got one for class {got} instead"
            self._end(505, text, channel, _PUBLISH)
            return
        if not are_sound(payload[12:]):
            self._end(502, "malformed properties in content header", channel, _PUBLISH)
            return
        content.properties = payload[12:]
        content.remaining = int.from_bytes(payload[4:12], "big")
        total = content.remaining + len(payload) + len(content.method)
        if total > self._message_bytes_max:
            content.is_skipped = True
            largest = self._message_bytes_max
            text = f"message size {total} is larger than configured max size {largest}"
            self._event(ContentTooLarge(channel, content.remaining, 406, text))
        self._complete(content, channel)

    def _content_body(self, content: _Content, channel: int, payload: bytes) -> None:
        size = len(payload)
        if size > content.remaining:
            text = f"content body is {size - content.remaining} bytes longer than its header says"
            self._end(505, text, channel, _PUBLISH)
            return
        content.remaining -= size
        if size and not content.is_skipped:
            content.parts.append(payload)
            content.received += size
            self._content_bytes += size
        if self._content_bytes > AMQP_CONTENT_BYTES_MAX:
            self._end(506, "too much content that is not complete", channel, _PUBLISH)
            return
        self._complete(content, channel)

    def _complete(self, content: _Content, channel: int) -> None:
        """Where all of it has come, it is a publish."""
        if content.remaining:
            return
        self._drop(channel)
        if not content.is_skipped:
            body = b"".join(content.parts)
            self._runs.add(channel, content.method, content.properties, body)

    def _drop(self, channel: int) -> None:
        content = self._contents.pop(channel, None)
        if content is not None:
            self._content_bytes -= content.received

    def _event(self, event: Event) -> None:
        self._runs.flush()
        self._runs.events.append(event)

    def _unexpected(self, content: _Content, channel: int, got: str) -> None:
        wanted = "content header for class 60" if content.remaining < 0 else "content body"
        non = "content header" if content.remaining < 0 else "content body"
        text = f"expected {wanted}, got non {non} frame instead"
        self._end(505, f"{text} ({got})", channel, _PUBLISH)

    def _bad_frame(self, kind: int, payload: bytes, why: str) -> None:
        shown = ",".join(str(octet) for octet in payload[:16])
        octets = "first 16" if len(payload) > 16 else "all"
        self._end(501, f"type {kind}, {octets} octets = <<{shown}>>: {why}", 0)

    def _end(self, code: int, text: str, channel: int, method: tuple[int, int] = (0, 0)) -> None:
        self._event(WireFault(code, text, channel, *method))
        self._is_ended = True
        self._contents = {}
        self._content_bytes = 0


_KINDS: Final = {FRAME_HEADER: "header", FRAME_BODY: "body", FRAME_HEARTBEAT: "heartbeat"}
