"""Anything may come: it is answered, refused or closed on, and nothing grows."""

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from postroad.protocols.http.wire import REASONS
from postroad.protocols.sqs.spec import INPUTS, QUEUE_ATTRIBUTES
from postroad.protocols.sqs.wire import MEMBERS
from tests.wire.sqs.rig import Rig, read_answer
from tests.wire.sqs.script import NAMES, steps_of

CONVERSATIONS = [b"".join(step.request(b"") for step in steps_of(name)) for name in NAMES]
URL = "http://localhost:9324/000000000000/mail"

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
ATTRIBUTE = st.fixed_dictionaries(
    {"DataType": st.sampled_from(["String", "Number", "Binary", "x", ""])},
    optional={
        "StringValue": st.text(max_size=5) | st.just("1"),
        "BinaryValue": st.sampled_from(["AAE=", "", "=", "AA"]),
        "StringListValues": st.lists(st.text(max_size=3), max_size=2),
    },
)
ATTRIBUTES = st.dictionaries(st.text(max_size=5) | st.just("AWSTraceHeader"), ATTRIBUTE, max_size=3)
ENTRY = st.fixed_dictionaries(
    {"Id": st.sampled_from(["a", "b", "", "?"])},
    optional={
        "MessageBody": st.text(max_size=5),
        "ReceiptHandle": st.text(max_size=5),
        "VisibilityTimeout": st.integers(-1, 43_201),
        "DelaySeconds": st.integers(-1, 901),
        "MessageGroupId": st.text(max_size=5),
        "MessageDeduplicationId": st.text(max_size=5),
        "MessageAttributes": ATTRIBUTES,
    },
)
ARN = st.sampled_from(["arn:aws:sqs:us-east-1:000000000000:mail", "arn:a:sqs:b:c:", "x", ""])
POLICY = st.builds(
    lambda arn, count: msgspec.json.encode(
        {"deadLetterTargetArn": arn, "maxReceiveCount": count}
    ).decode(),
    ARN,
    st.integers(-1, 1_001) | st.text(max_size=3),
)
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "QueueUrl": st.just(URL) | st.just(URL + ".fifo") | st.text(max_size=10),
    "ReceiveRequestAttemptId": st.sampled_from(["a", "b", "", " "]),
    "QueueName": st.sampled_from(["mail", "mail.fifo", "a b", "%", "%2"]),
    "Entries": st.lists(ENTRY, max_size=12),
    "MessageAttributes": ATTRIBUTES,
    "MessageSystemAttributes": ATTRIBUTES,
    "Attributes": st.dictionaries(
        st.sampled_from(sorted(QUEUE_ATTRIBUTES)), st.text(max_size=5) | POLICY, max_size=3
    ),
    "SourceArn": ARN,
    "DestinationArn": ARN,
    "TaskHandle": st.text(max_size=8) | st.just("eyJ0YXNrSWQiOiIxIiwic291cmNlQXJuIjoiYSJ9"),
    "NextToken": st.text(max_size=8),
    "MaxResults": st.integers(0, 1_001),
    "Tags": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    "tags": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
}


@st.composite
def inputs(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An action with members that are likely, or anything at all."""
    action = draw(st.sampled_from(sorted(INPUTS)))
    given: dict[str, Any] = {}
    for member in MEMBERS[action]:
        if draw(st.integers(0, 3)):
            likely = LIKELY.get(member.name, st.text(max_size=5) | st.integers(-1, 11))
            given[member.name] = draw(likely if draw(st.integers(0, 5)) else JSON)
    return action, given


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A golden conversation with pieces changed, doubled or left out."""
    data = bytearray(draw(st.sampled_from(CONVERSATIONS)))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 30)))
        change = draw(st.binary(max_size=10) | st.sampled_from([b"\r\n", b"{", b"9" * 20, b"\0"]))
        data[start:stop] = draw(st.sampled_from([change, b"", bytes(data[start:stop]) * 2]))
    return bytes(data)


def cuts(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:stop] for start, stop in pairwise(edges)]


def play(rig: Rig, pieces: list[bytes]) -> None:
    closed = False
    for piece in pieces:
        sent, close = rig.feed(piece)
        assert not (closed and sent)
        assert not sent or sent.startswith(b"HTTP/1.1 ")
        closed = closed or close
        assert not rig.session._running
        assert not rig.session._held_back
        assert len(rig.session._http._line) == 0


@given(mutated(), st.lists(st.integers(0, 10_000), max_size=4))
def test_mutated_conversations_are_answered_refused_or_closed_on(
    data: bytes, places: list[int]
) -> None:
    rig = Rig()
    rig.client().create_queue(QueueName="mail")
    play(rig, cuts(data, places))


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_random_bytes_are_answered_refused_or_closed_on(pieces: list[bytes]) -> None:
    play(Rig(), pieces)


@given(st.lists(inputs(), min_size=1, max_size=5))
def test_any_input_gets_an_answer_and_none_of_them_is_the_server_s_fault(
    calls: list[tuple[str, dict[str, Any]]],
) -> None:
    rig = Rig()
    sqs = rig.client()
    sqs.create_queue(QueueName="mail")
    sqs.create_queue(QueueName="mail.fifo", Attributes={"FifoQueue": "true"})
    for action, shape in calls:
        answer = rig.post(action, msgspec.json.encode(shape))
        assert answer.status in REASONS
        assert answer.status < 500
        assert answer.status == 200 or "x-amzn-query-error" in answer.headers
        msgspec.json.decode(answer.body)


@given(
    st.sampled_from(sorted(INPUTS)),
    st.dictionaries(
        st.sampled_from([
            "QueueUrl", "MessageBody", "Attribute.1.Name", "Attribute.1.Value", "Attribute.1",
            "MessageAttribute.1.Name", "MessageAttribute.1.Value.DataType",
            "MessageAttribute.1.Value.BinaryValue", "SendMessageBatchRequestEntry.1.Id",
            "SendMessageBatchRequestEntry.x.Id", "AttributeName.1", "DelaySeconds", "Tag.1.Key",
        ]),
        st.text(max_size=8) | st.just(URL),
    ),
)  # fmt: skip
def test_any_form_gets_an_answer(action: str, parameters: dict[str, str]) -> None:
    rig = Rig()
    rig.client().create_queue(QueueName="mail")
    body = "&".join(f"{name}={text}" for name, text in parameters.items())
    data = f"Action={action}&{body}".encode()
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(data)
    answer = read_answer(rig.feed(head + data)[0])
    assert answer.status < 500
    assert answer.body.startswith(b"<?xml")
