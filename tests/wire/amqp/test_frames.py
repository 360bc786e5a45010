"""What a client is sent that takes small frames only."""

from typing import Any

import pytest

from postroad.model.fields import FieldValue
from postroad.model.properties import Properties, parse_properties, write_properties
from postroad.protocols.amqp.fitting import LEFT_OUT, fitted
from postroad.protocols.amqp.methods import encode_method
from tests.wire.amqp.handshake import TUNING, open_vhost, spoken, tune_ok
from tests.wire.amqp.room import Client, Said, names, published

SMALL = 4_096
OPEN = encode_method(1, "channel.open")


@pytest.fixture
def small() -> Client:
    """A client that takes small frames, and a queue with a message that fits into none of them."""
    client = spoken(*TUNING, tune_ok(frame_max=SMALL), open_vhost(), OPEN)
    client.declare("q")
    other = client.room.client()
    headers = {"small": "here", "large": "x" * 3_000, "largest": "y" * 9_000}
    other.feed(published("q", b"body" * 2_000, headers=headers, message_id="m"))
    client.frame_bytes_max = 0
    return client


def headers_of(said: list[Said]) -> dict[str, Any]:
    assert said[-1].body == b"body" * 2_000
    assert said[-1].properties.message_id == "m"
    return dict(said[-1].properties.headers or {})


def test_a_message_comes_without_the_headers_that_fit_into_no_frame(small: Client) -> None:
    said = small.consume("q")
    assert names(said) == ["basic.consume-ok", "basic.deliver"]
    headers = headers_of(said)
    assert headers["small"] == "here"
    assert "largest" not in headers
    assert headers[LEFT_OUT].startswith("largest")
    assert small.frame_bytes_max <= SMALL


def test_a_message_that_is_asked_for_comes_without_them_too(small: Client) -> None:
    headers = headers_of(small.call("basic.get", queue="q", no_ack=True))
    assert headers[LEFT_OUT].startswith("largest")
    assert small.frame_bytes_max <= SMALL


def test_what_was_left_out_is_still_there_for_others(small: Client) -> None:
    small.consume("q")
    small.hang_up()
    headers = headers_of(small.room.client().consume("q"))
    assert headers == {"small": "here", "large": "x" * 3_000, "largest": "y" * 9_000}


def test_thousands_of_small_headers_are_left_out_until_the_others_fit() -> None:
    many: dict[str, FieldValue] = {f"header-{at}": at for at in range(5_000)}
    properties = write_properties(Properties(headers=many, message_id="m"))
    kept = fitted(properties, SMALL)
    assert len(kept) <= SMALL - 20
    assert parse_properties(kept).message_id == "m"
    assert len(parse_properties(kept).headers or {}) > 100
    assert fitted(properties, 1 << 20) == properties


def test_properties_that_nobody_can_read_are_left_out_whole() -> None:
    assert fitted(b"\xff\xff" + bytes(SMALL), SMALL) == b"\0\0"
