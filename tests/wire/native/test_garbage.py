"""Whatever a client sends, a native session never raises, and stores nothing nobody could read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.limits import (
    NATIVE_HELLO_MS,
)
from postroad.model.batch import Batch
from postroad.model.commands import (
    Command,
    DeleteQueue,
    ListQueues,
    Publish,
)
from postroad.model.exchanges import PublishTo
from postroad.model.lists import ListPush, ListSet
from postroad.model.replies import Listed, Purged
from postroad.model.topics import Append
from postroad.protocols.native.config import NativeConfig
from postroad.protocols.native.errors import FaultCode
from postroad.protocols.native.greeting import Hello, pack
from postroad.protocols.native.mapping import encode_command
from postroad.protocols.native.session import NativeSession
from postroad.protocols.native.spec import MAGIC, Kind
from postroad.protocols.native.wire import frame
from tests.wire.native.rig import NOW, fault_of, opened, request


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=6), st.booleans())
def test_garbage_never_raises(parts: list[bytes], greeted: bool) -> None:
    session = opened() if greeted else NativeSession(NativeConfig())
    for part in parts:
        output = session.receive(part, NOW)
        for number, _ in output.asks:
            session.answer(number, Purged(1), NOW)
    session.tick(NOW + NATIVE_HELLO_MS)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.builds(
            frame,
            st.sampled_from(Kind),
            st.integers(0, 4),
            st.sampled_from([b"", pack(Hello(1)), encode_command(ListQueues()), b"\x00\x03\x80"]),
        ),
        max_size=8,
    )
)
def test_frames_in_any_order_never_raise(frames: list[bytes]) -> None:
    session = NativeSession(NativeConfig())
    session.receive(MAGIC, NOW)
    for one in frames:
        output = session.receive(one, NOW)
        for number, _ in output.asks[1:]:
            session.answer(number, Listed([], False), NOW)


@pytest.mark.parametrize(
    "command",
    [
        Publish(("q",), [b"a", b"b"], heads=[b"", b"{}"]),
        PublishTo("x", ("k",), [b"a"], heads=[b"\x01\xff"]),
        Append("t", [b"a"], heads=[b"\x07"]),
        ListPush("q", "left", [b"a"], heads=[b"\x02\x05"]),
        ListSet("q", 0, b"a", b"\x02\x05"),
        Batch([DeleteQueue("q"), Publish(("q",), [b"a"], heads=[b"\x03"])]),
    ],
)
def test_a_head_that_nobody_could_read_is_refused_before_it_is_stored(command: Command) -> None:
    session = opened()
    output = session.receive(request(1, command), NOW)
    assert not output.asks
    assert not output.close
    assert fault_of(output).code == FaultCode.BAD_PAYLOAD
    assert session.receive(request(1, DeleteQueue("q")), NOW).asks, "the connection stays"
