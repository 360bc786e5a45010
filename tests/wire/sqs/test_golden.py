"""Golden conversations, whole and cut anywhere: the same bytes come back."""

import pytest

from postroad.protocols.sqs.spec import INPUTS
from tests.wire.sqs.rig import Rig
from tests.wire.sqs.script import NAMES, WRITING, steps_of, write


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_conversation_goes_as_written(name: str) -> None:
    if WRITING:
        write(name)
    rig = Rig()
    came_back = b""
    for step in steps_of(name):
        answer, _ = rig.feed(step.request(came_back))
        assert answer == step.answer(), step.note
        came_back += answer


@pytest.mark.parametrize("name", NAMES)
def test_byte_by_byte_it_goes_the_same(name: str) -> None:
    rig = Rig()
    came_back = b""
    for step in steps_of(name):
        request = step.request(came_back)
        answer = b"".join(rig.feed(request[at : at + 1])[0] for at in range(len(request)))
        assert answer == step.answer(), step.note
        came_back += answer


@pytest.mark.parametrize("name", NAMES)
def test_cut_in_two_anywhere_it_goes_the_same(name: str) -> None:
    steps = steps_of(name)
    longest = max(len(step.request(b"")) for step in steps)
    for cut in range(1, longest + 60):
        # Every request of the conversation is cut at the same place, which saves a run for each.
        rig = Rig()
        came_back = b""
        for step in steps:
            request = step.request(came_back)
            answer = rig.feed(request[:cut])[0] + rig.feed(request[cut:])[0]
            assert answer == step.answer(), (step.note, cut)
            came_back += answer


@pytest.mark.parametrize("name", ["json_queues", "query_queues", "json_errors", "query_errors"])
def test_all_requests_in_one_read_it_goes_the_same(name: str) -> None:
    steps = steps_of(name)
    answer, _ = Rig().feed(b"".join(step.request(b"") for step in steps))
    assert answer == b"".join(step.answer() for step in steps)


@pytest.mark.parametrize("form", ["json", "query"])
def test_every_action_is_in_a_golden_conversation(form: str) -> None:
    texts = "\n".join(
        line
        for name in NAMES
        if name.startswith(form)
        for step in steps_of(name)
        for line in step.sent
    )
    mark = "AmazonSQS." if form == "json" else "Action="
    assert [action for action in INPUTS if f"{mark}{action}" not in texts] == []
