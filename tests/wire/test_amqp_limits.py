"""What is no AMQP, or too much of it: the right code, and nothing after it."""

import random

import pytest

from postroad.limits import AMQP_CONTENT_BYTES_MAX, FIELD_DEPTH_MAX
from postroad.model.fields import FieldTable
from postroad.protocols.amqp.frames import (
    AckRun,
    ContentTooLarge,
    Event,
    HeartbeatFrame,
    MethodFrame,
    ProtocolHeader,
    PublishRun,
    WireFault,
)
from postroad.protocols.amqp.hot import are_sound
from postroad.protocols.amqp.properties import (
    NO_PROPERTIES,
    Properties,
    parse_properties,
    write_properties,
)
from postroad.protocols.amqp.spec import PROTOCOL_HEADER
from postroad.protocols.amqp.wire import (
    HEARTBEAT,
    Decoder,
    encode_ack,
    encode_content,
    encode_method,
)

FRAME_MAX = 4096
PUBLISH = encode_method(1, "basic.publish", exchange="x", routing_key="k")


def opened(message_bytes_max: int = 1_000_000) -> Decoder:
    decoder = Decoder(FRAME_MAX, message_bytes_max)
    decoder.feed(PROTOCOL_HEADER)
    return decoder


def frame(kind: int, channel: int, payload: bytes, end: int = 0xCE) -> bytes:
    size = len(payload).to_bytes(4, "big")
    return bytes((kind,)) + channel.to_bytes(2, "big") + size + payload + bytes((end,))


def header(channel: int, size: int, properties: bytes = NO_PROPERTIES) -> bytes:
    return frame(2, channel, b"\0\x3c\0\0" + size.to_bytes(8, "big") + properties)


def publish(channel: int, body: bytes, exchange: str = "x", properties: bytes = b"\0\0") -> bytes:
    method = encode_method(channel, "basic.publish", exchange=exchange, routing_key="k")
    return encode_content(channel, method, properties, body, FRAME_MAX)


def nested(depth: int) -> bytes:
    table = b""
    for _ in range(depth):
        packed = b"\x01aF" + len(table).to_bytes(4, "big") + table
        table = packed
    return len(table).to_bytes(4, "big") + table


def declared(table: bytes, name: bytes = b"q") -> bytes:
    payload = b"\0\x32\0\x0a\0\0" + bytes((len(name),)) + name + b"\0" + table
    return frame(1, 1, payload)


FAULTS = {
    "a wrong frame end": (frame(8, 0, b"", end=0), 501),
    "a wrong end of a publish": (PUBLISH[:-1] + b"\0", 501),
    "a wrong end of a body": (PUBLISH + header(1, 2) + frame(3, 1, b"ab", end=1), 501),
    "a wrong end of an ack": (encode_ack(1, 1, multiple=False)[:-1] + b"\0", 501),
    "a frame above the limit": (frame(1, 1, bytes(FRAME_MAX + 1)), 501),
    "a frame above the limit, its head alone": (b"\x03\0\1\xff\xff\xff\xff\0", 501),
    "an unknown kind of frame": (frame(4, 1, b"abc"), 501),
    "a method without a number": (frame(1, 1, b"\0\x3c"), 501),
    "an unknown class": (frame(1, 1, b"\0\x63\0\x0a"), 503),
    "an unknown method": (frame(1, 1, b"\0\x3c\0\x63"), 503),
    "a method with too few fields": (frame(1, 1, b"\0\x32\0\x0a\0\0\x05ab"), 502),
    "a method with bytes after its fields": (frame(1, 1, b"\0\x14\0\x29\0"), 502),
    "a name that is no UTF-8": (declared(b"\0\0\0\0", name=b"\xff\xfe"), 502),
    "a routing key that is no UTF-8": (frame(1, 1, b"\0\x3c\0\x28\0\0\0\1\xff\0"), 502),
    "tables 300 deep": (declared(nested(300)), 502),
    "headers 40 deep": (PUBLISH + header(1, 0, b"\x20\0" + nested(40)), 502),
    "a table longer than its method": (declared(b"\0\0\0\x09\1a"), 502),
    "an unknown field type": (declared(b"\0\0\0\4\1aZ\0"), 502),
    "a field beyond its table": (declared(b"\0\0\0\5\1aI\0\0\0\0"), 502),
    "properties cut off": (PUBLISH + header(1, 0, b"\x80\0\x05abc"), 502),
    "properties with bytes after them": (PUBLISH + header(1, 0, b"\0\0\0"), 502),
    "property flags that go on": (PUBLISH + header(1, 0, b"\0\1\0\0"), 502),
    "a content header without a publish": (header(1, 3), 505),
    "a body without a publish": (frame(3, 1, b"abc"), 505),
    "a body instead of a content header": (PUBLISH + frame(3, 1, b"abc"), 505),
    "a second content header": (PUBLISH + header(1, 3) + header(1, 3), 505),
    "a method instead of a content header": (PUBLISH + encode_method(1, "tx.select"), 505),
    "an ack in the middle of a body": (
        PUBLISH + header(1, 3) + encode_ack(1, 1, multiple=False),
        505,
    ),
    "a publish in the middle of a body": (PUBLISH + header(1, 3) + PUBLISH, 505),
    "a body longer than announced": (PUBLISH + header(1, 2) + frame(3, 1, b"abc"), 505),
    "a content header of another class": (
        PUBLISH + frame(2, 1, b"\0\x32\0\0" + bytes(8) + NO_PROPERTIES),
        505,
    ),
    "a content header with a weight": (
        PUBLISH + frame(2, 1, b"\0\x3c\0\1" + bytes(8) + NO_PROPERTIES),
        501,
    ),
    "a content header that is too short": (PUBLISH + frame(2, 1, b"\0\x3c\0\0"), 501),
    "content on channel 0": (header(0, 3), 505),
    "a heartbeat on a channel": (frame(8, 1, b""), 505),
    "a publish on channel 0": (publish(0, b"a"), 504),
    "a delivery from a client": (encode_method(1, "basic.deliver", consumer_tag="c"), 503),
    "immediate": (encode_method(1, "basic.publish", immediate=True), 540),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_is_no_amqp_ends_the_connection_with_its_code(what: str) -> None:
    data, code = FAULTS[what]
    good = publish(1, b"before")
    for cut in range(len(data)):
        decoder = opened()
        events = decoder.feed(good + data[:cut]) + decoder.feed(data[cut:] + HEARTBEAT)
        first, *others = events
        assert isinstance(first, PublishRun)
        assert first.bodies == [b"before"]
        (fault,) = others
        assert isinstance(fault, WireFault)
        assert fault.code == code
        assert decoder.feed(good) == []


@pytest.mark.parametrize(
    "start", [b"GET / HT", b"AMQP\0\0\x09\x02", b"AMQP\0\1\0\0", b"G", b"AMQPX", b"\x16\x03\x01"]
)
def test_another_protocol_is_known_by_its_first_wrong_byte(start: bytes) -> None:
    decoder = Decoder(FRAME_MAX)
    assert decoder.feed(start) == [ProtocolHeader(good=False)]
    assert decoder.feed(HEARTBEAT) == []


def test_as_many_tables_in_one_another_as_allowed_are_read() -> None:
    (event,) = opened().feed(declared(nested(FIELD_DEPTH_MAX - 1)))
    assert isinstance(event, MethodFrame)
    properties = b"\x20\0" + nested(FIELD_DEPTH_MAX - 1)
    assert are_sound(properties)
    assert parse_properties(properties).headers
    assert not are_sound(b"\x20\0" + nested(FIELD_DEPTH_MAX))


def test_a_frame_may_be_eight_bytes_too_large_as_some_clients_make_them() -> None:
    data = PUBLISH + header(1, FRAME_MAX) + frame(3, 1, bytes(FRAME_MAX))
    (run,) = opened().feed(data)
    assert isinstance(run, PublishRun)
    assert run.bodies == [bytes(FRAME_MAX)]


def test_contents_of_many_channels_may_come_interleaved() -> None:
    one = [PUBLISH, header(1, 4), frame(3, 1, b"ab"), frame(3, 1, b"cd")]
    two = [encode_method(2, "basic.publish"), header(2, 3), frame(3, 2, b""), frame(3, 2, b"xyz")]
    data = b"".join(a + HEARTBEAT + b for a, b in zip(one, two, strict=True))
    events = opened().feed(data)
    runs = [event for event in events if not isinstance(event, HeartbeatFrame)]
    assert [(r.channel, r.bodies) for r in runs if isinstance(r, PublishRun)] == [
        (1, [b"abcd"]),
        (2, [b"xyz"]),
    ]
    assert len(events) - len(runs) == 4


def test_a_run_ends_where_channel_exchange_or_kind_change() -> None:
    ack = encode_ack(1, 7, multiple=True)
    parts = [publish(1, b"a"), publish(1, b"b"), publish(1, b"c", "y"), publish(2, b"d", "y")]
    parts += [ack, ack, encode_ack(2, 1, multiple=False), publish(1, b"e"), publish(1, b"")]
    events = opened().feed(b"".join(parts))
    assert [_told(event) for event in events] == [
        (1, "x", [b"a", b"b"]),
        (1, "y", [b"c"]),
        (2, "y", [b"d"]),
        (1, [7, 7], [True, True]),
        (2, [1], [False]),
        (1, "x", [b"e", b""]),
    ]


def _told(event: Event) -> tuple[object, ...]:
    if isinstance(event, PublishRun):
        return event.channel, event.exchange, event.bodies
    assert isinstance(event, AckRun)
    return event.channel, event.tags, event.multiples


@pytest.mark.parametrize(
    ("properties", "special"),
    [
        (Properties(delivery_mode=2, content_type="text/plain", message_id="m"), False),
        (Properties(correlation_id="c", timestamp=1, type="t", app_id="a"), False),
        (Properties(headers={}), True),
        (Properties(priority=0), True),
        (Properties(expiration="1"), True),
        (Properties(reply_to="r"), True),
        (Properties(user_id="u"), True),
    ],
)
def test_a_run_says_whether_somebody_must_look_at_a_message(
    properties: Properties, special: bool
) -> None:
    plain = publish(1, b"a")
    for data in (plain, publish(1, b"b", properties=write_properties(properties)), plain):
        (run,) = opened().feed(plain + data + plain)
        assert isinstance(run, PublishRun)
        assert run.special is (special and data is not plain)


def test_a_tag_of_64_bits_is_no_negative_number() -> None:
    (run,) = opened().feed(encode_ack(1, 5, multiple=False) + encode_ack(1, 1 << 63, multiple=True))
    assert run == AckRun(1, [5, 1 << 63], [False, True])


def test_a_message_that_is_too_large_is_skipped_and_told() -> None:
    decoder = opened(message_bytes_max=5_000)
    too_large, after = publish(1, bytes(9_000)), publish(1, b"after")
    events = [e for at in range(len(too_large)) for e in decoder.feed(too_large[at : at + 1])]
    (told,) = events
    assert isinstance(told, ContentTooLarge)
    assert (told.channel, told.body_bytes, told.code) == (1, 9_000, 406)
    (run,) = decoder.feed(after)
    assert isinstance(run, PublishRun)
    assert run.bodies == [b"after"]


def test_of_a_channel_that_closes_half_content_is_forgotten() -> None:
    decoder = opened()
    assert decoder.feed(PUBLISH + header(1, 9) + frame(3, 1, b"abc")) == []
    decoder.forget(1)
    assert decoder.feed(frame(3, 1, b"def") + header(1, 3)) == []
    close_ok, reopen = encode_method(1, "channel.close-ok"), encode_method(1, "channel.open")
    events = decoder.feed(close_ok + reopen + publish(1, b"new"))
    assert [type(event) for event in events] == [MethodFrame, MethodFrame, PublishRun]
    (fault,) = decoder.feed(frame(3, 1, b"def"))
    assert isinstance(fault, WireFault)


def test_content_that_never_completes_is_bounded() -> None:
    decoder = Decoder(1 << 20)
    decoder.feed(PROTOCOL_HEADER)
    body = frame(3, 1, bytes(1 << 20))[7:]
    channel, sent = 0, 0
    while sent <= AMQP_CONTENT_BYTES_MAX:
        channel += 1
        begin = encode_method(channel, "basic.publish") + header(channel, 15 << 20)
        assert decoder.feed(begin) == []
        opening = b"\x03" + channel.to_bytes(2, "big") + (1 << 20).to_bytes(4, "big")
        for _ in range(14):
            events = decoder.feed(opening + body)
            sent += 1 << 20
            if events:
                break
    (fault,) = events
    assert isinstance(fault, WireFault)
    assert fault.code == 506


def test_the_hot_path_takes_properties_for_sound_exactly_where_they_can_be_read() -> None:
    dice = random.Random(20)
    table: FieldTable = {
        "a": 1,
        "b": "text",
        "c": [1, None, {"d": True}],
        "e": 1 << 40,
        "f": 0.5,
        "g": b"\xff",
    }
    some = Properties(content_type="t", headers=table, priority=3, timestamp=5, cluster_id="c")
    sound = write_properties(some)
    for _ in range(20_000):
        changed = bytearray(sound)
        for _ in range(dice.randint(1, 3)):
            changed[dice.randrange(len(changed))] = dice.choice(b"\0\1\2\5\x10\x20SFAIxtVl\xff")
        data = bytes(changed[: dice.choice((len(changed), dice.randint(0, len(changed))))])
        try:
            parse_properties(data)
            readable = True
        except ValueError:
            readable = False
        assert are_sound(data) is readable, data.hex()
