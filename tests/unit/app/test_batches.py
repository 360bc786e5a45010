"""What a reader's function is given, and how a message that fails is found among hundreds."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.api.topics import TopicMessage
from postroad.app.batches import BatchCodec, BatchContext, Part, Parts
from postroad.errors import BadWorker


def message(offset: int, body: bytes = b"") -> TopicMessage:
    return TopicMessage("events", 0, offset, 0, body, None, False)


def codec(function: Any) -> BatchCodec:
    return BatchCodec(function, function.__qualname__)


@given(bad=st.sets(st.integers(0, 59), max_size=6), count=st.integers(1, 60))
def test_each_message_that_fails_is_found_alone_and_all_others_pass_in_order(
    bad: set[int], count: int
) -> None:
    messages = [message(offset) for offset in range(count)]
    parts = Parts([Part(messages, messages)])
    over: list[int] = []
    found: set[int] = set()
    runs = 0
    while (part := parts.take()) is not None:
        runs += 1
        offsets = [one.offset for one in part.messages]
        if bad.isdisjoint(offsets):
            over.extend(offsets)
        elif len(offsets) > 1:
            parts.halve(part)
        else:
            found.update(offsets)
            over.extend(offsets)
    assert over == list(range(count)), "none is passed over, none overtaken"
    assert found == {one for one in bad if one < count}
    assert runs <= 1 + 2 * 6 * len(found), "some runs for each, not one for each message"


def test_bodies_are_what_the_list_is_of() -> None:
    def texts(batch: list[str]) -> None: ...
    def raw(batch: Sequence[bytes]) -> None: ...
    def numbers(batch: list[dict[str, int]]) -> None: ...

    one = [message(0, b'{"a":1}')]
    assert codec(texts).parts(one)[0].values == ['{"a":1}']
    assert codec(raw).parts(one)[0].values == [b'{"a":1}']
    assert codec(numbers).parts(one)[0].values == [{"a": 1}]


def test_messages_themselves_are_given_where_nothing_is_said() -> None:
    def read(batch: list) -> None: ...  # type: ignore[type-arg]
    def read_all(context: BatchContext, batch: list[TopicMessage]) -> None: ...

    one = [message(0, b"no json")]
    assert codec(read).parts(one)[0].values == one
    context: Any = object()
    (part,) = codec(read_all).parts(one)
    assert codec(read_all).arguments(part, context) == (context, one)


def test_a_body_that_says_nothing_stands_alone_between_the_others() -> None:
    def read(batch: list[int]) -> None: ...

    bodies = [b"0", b"1", b"x", b"3", b"y"]
    parts = codec(read).parts([message(at, body) for at, body in enumerate(bodies)])
    assert [part.values for part in parts] == [[0, 1], [], [3], []]
    assert [part.bad is not None for part in parts] == [False, True, False, True]
    assert [one.offset for part in parts for one in part.messages] == [0, 1, 2, 3, 4]


def test_a_tombstone_has_no_value_and_is_no_bad_body() -> None:
    def read(batch: list[int]) -> None: ...
    def read_all(batch: list[TopicMessage]) -> None: ...

    end = TopicMessage("events", 0, 1, 0, b"", b"key", True)
    batch = [message(0, b"0"), end, message(2, b"2")]
    parts = codec(read).parts(batch)
    assert [(part.values, part.bad, part.is_empty) for part in parts] == [
        ([0], None, False),
        ([], None, True),
        ([2], None, False),
    ]
    assert codec(read_all).parts(batch)[0].values == batch


def test_a_function_that_takes_no_list_is_told_what_it_takes() -> None:
    def single(event: int) -> None: ...
    def two(some: list[int], others: list[int]) -> None: ...
    def spread(*batch: int) -> None: ...

    with pytest.raises(BadWorker, match=r"`event` is none: say `list\[TopicMessage\]`"):
        codec(single)
    with pytest.raises(BadWorker, match="takes one list"):
        codec(two)
    with pytest.raises(BadWorker, match="no batch fills"):
        codec(spread)
