"""Every method as RabbitMQ and its clients put it on the wire, read and written here.

The files in tests/golden/amqp are captures of pika, aio-pika, py-amqp and a few hand-made frames
talking to RabbitMQ.
"""

from itertools import pairwise
from pathlib import Path
from struct import unpack
from typing import NamedTuple

import pytest

from postroad.protocols.amqp.frames import (
    AckRun,
    Event,
    HeartbeatFrame,
    MethodFrame,
    ProtocolHeader,
    PublishRun,
    WireFault,
)
from postroad.protocols.amqp.methods import ids_of, read_args, row_of
from postroad.protocols.amqp.properties import (
    parse_properties,
    properties_at,
    routing_of,
    write_properties,
)
from postroad.protocols.amqp.spec import FRAME_MAX, METHODS, PROTOCOL_HEADER
from postroad.protocols.amqp.wire import HEARTBEAT, Decoder, encode_content, encode_method

GOLDEN = Path(__file__).parents[1] / "golden" / "amqp"


class Example(NamedTuple):
    name: str
    sender: str
    who: str
    data: bytes


def examples_of(path: Path) -> list[Example]:
    found: list[Example] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line[:1] in "<>":
            found.append(Example(path.stem, line[0], line[2:], b""))
        elif not line.lstrip().startswith("#"):
            found[-1] = found[-1]._replace(data=found[-1].data + bytes.fromhex(line.strip()))
    return found


def frames_of(data: bytes) -> list[bytes]:
    ends = [0]
    while ends[-1] < len(data):
        ends.append(ends[-1] + 8 + unpack(">I", data[ends[-1] + 3 : ends[-1] + 7])[0])
    return [data[start:end] for start, end in pairwise(ends)]


EXAMPLES = [one for path in sorted(GOLDEN.glob("*.txt")) for one in examples_of(path)]
OF_CLIENTS = [one for one in EXAMPLES if one.sender == ">"]


def named(example: Example) -> str:
    return f"{example.name} {example.sender} {example.who}"


def flat(events: list[Event]) -> list[tuple[object, ...]]:
    """Events message by message, so that where a run is cut makes no difference."""
    found: list[tuple[object, ...]] = []
    for event in events:
        if isinstance(event, PublishRun):
            columns = zip(
                event.routing_keys, event.bodies, event.heads, event.mandatory, strict=True
            )
            found += [("publish", event.channel, event.exchange, *row) for row in columns]
        elif isinstance(event, AckRun):
            rows = zip(event.tags, event.multiples, strict=True)
            found += [("ack", event.channel, *row) for row in rows]
        else:
            found.append(("other", event))
    return found


def test_every_method_was_captured() -> None:
    captured = {one.name for one in EXAMPLES}
    assert captured == {row.name for row in METHODS} | {"heartbeat"}


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_what_was_read_is_written_in_the_same_bytes(example: Example) -> None:
    method, *content = frames_of(example.data)
    if example.name == "heartbeat":
        assert example.data == HEARTBEAT
        return
    row = row_of(ids_of(method[7:-1]))
    assert row is not None
    assert row.name == example.name
    channel = int.from_bytes(method[1:3], "big")
    written = encode_method(channel, row.name, **read_args(row, method[7:-1]))
    assert row.has_content is bool(content)
    if content:
        properties = content[0][19:-1]
        values = parse_properties(properties)
        assert parse_properties(write_properties(values)) == values
        # aio-pika writes a small number in one byte, where a value keeps no width.
        assert example.who == "aio-pika" or write_properties(values) == properties
        body = b"".join(frame[7:-1] for frame in content[1:])
        step = len(content[1]) if len(content) > 2 else FRAME_MAX
        written = encode_content(channel, written, properties, body, step)
    assert written == example.data


@pytest.mark.parametrize("example", OF_CLIENTS, ids=named)
def test_what_a_client_sends_becomes_one_event(example: Example) -> None:
    decoder = Decoder(FRAME_MAX)
    first, event = decoder.feed(PROTOCOL_HEADER + example.data)
    assert first == ProtocolHeader(good=True)
    if example.name == "basic.publish":
        assert isinstance(event, PublishRun)
        head = event.heads[0]
        assert routing_of(head) == (event.exchange, event.routing_keys[0])
        properties = head[properties_at(head) :]
        method = encode_method(
            event.channel,
            "basic.publish",
            exchange=event.exchange,
            routing_key=event.routing_keys[0],
            mandatory=event.mandatory[0],
        )
        whole = encode_content(event.channel, method, properties, event.bodies[0], FRAME_MAX)
        assert whole == example.data
    elif example.name == "basic.ack":
        assert isinstance(event, AckRun)
        assert len(event.tags) == 1
    elif example.name == "heartbeat":
        assert event == HeartbeatFrame()
    else:
        assert isinstance(event, MethodFrame)
        assert event.name == example.name
        assert encode_method(event.channel, event.name, **event.args) == example.data


def test_a_stream_cut_anywhere_gives_the_same_events() -> None:
    stream = PROTOCOL_HEADER + b"".join(one.data for one in OF_CLIENTS)
    whole = flat(Decoder(FRAME_MAX).feed(stream))
    assert not any(isinstance(event, WireFault) for _, event, *_ in whole)
    decoder = Decoder(FRAME_MAX)
    assert (
        flat([e for at in range(len(stream)) for e in decoder.feed(stream[at : at + 1])]) == whole
    )
    for cut in range(1, len(stream), 3):
        decoder = Decoder(FRAME_MAX)
        assert flat(decoder.feed(stream[:cut]) + decoder.feed(stream[cut:])) == whole


@pytest.mark.parametrize("code", range(0, 256, 15))
def test_a_changed_byte_is_another_event_or_a_fault(code: int) -> None:
    stream = b"".join(one.data for one in OF_CLIENTS if one.name.startswith("basic"))
    for at in range(code % 7, len(stream), 7):
        decoder = Decoder(FRAME_MAX)
        decoder.feed(PROTOCOL_HEADER)
        events = decoder.feed(stream[:at] + bytes((code,)) + stream[at + 1 :])
        faults = [isinstance(event, WireFault) for event in events]
        assert not any(faults[:-1])
        if faults and faults[-1]:
            assert decoder.feed(HEARTBEAT) == []
