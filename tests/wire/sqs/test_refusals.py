"""Whatever step of an action is refused, the client gets an error and the connection lives on."""

import msgspec
import pytest

from postroad.model import commands, replies
from postroad.model.replies import Refused, Why
from postroad.protocols.sqs.spec import INPUTS
from postroad.protocols.sqs.wire import MEMBERS
from tests.wire.sqs.naive import NaiveCore
from tests.wire.sqs.rig import Rig, read_answer
from tests.wire.sqs.script import NAMES, steps_of


class Refusing(NaiveCore):
    """Refuses the `countdown`th command from now on, and only that."""

    countdown = 0

    def ask(self, command: commands.Command, now_ms: int) -> replies.Reply:
        self.countdown -= 1
        if self.countdown == 0:
            return Refused(Why.STOPPING)
        return super().ask(command, now_ms)


@pytest.mark.parametrize("place", [1, 2, 3, 4])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "pages"])
def test_a_refused_step_ends_the_action_with_an_error(name: str, place: int) -> None:
    # The same conversation again and again, each time with another of its steps refused.
    steps = steps_of(name)
    for refused in range(len(steps)):
        rig = Rig()
        core = rig.core = Refusing()
        came_back = b""
        for number, step in enumerate(steps[: refused + 1]):
            core.countdown = place if number == refused else 0
            answer, close = rig.feed(step.request(came_back))
            came_back += answer
            assert not close
        if core.countdown <= 0:
            assert read_answer(answer).status == 503, step.note


ADDRESSED = [a for a in INPUTS if any(member.name == "QueueUrl" for member in MEMBERS[a])]
FILLING: dict[str, object] = {
    "QueueUrl": "mail",
    "Entries": [{"Id": "a", "MessageBody": "x", "ReceiptHandle": "x", "VisibilityTimeout": 1}],
    "Attributes": {"DelaySeconds": "1"},
    "Tags": {"a": "b"},
    "TagKeys": ["a"],
    "AWSAccountIds": ["123456789012"],
    "Actions": ["SendMessage"],
    "VisibilityTimeout": 1,
}


@pytest.mark.parametrize("action", ADDRESSED)
def test_every_action_refuses_what_is_no_address(rig: Rig, action: str) -> None:
    given = {
        member.name: FILLING.get(member.name, "x")
        for member in MEMBERS[action]
        if member.name in FILLING or member.name in ("MessageBody", "ReceiptHandle", "Label")
    }
    answer = rig.post(action, msgspec.json.encode(given))
    assert answer.headers["x-amzn-query-error"] == "InvalidAddress;Sender"
    assert rig.core.seen == []


@pytest.mark.parametrize("action", ["SetQueueAttributes", "CreateQueue"])
def test_bad_attributes_change_nothing(rig: Rig, action: str) -> None:
    rig.client().create_queue(QueueName="mail")
    url = "http://localhost:9324/000000000000/mail"
    given = {"QueueUrl": url, "QueueName": "new", "Attributes": {"DelaySeconds": "901"}}
    rig.core.seen.clear()
    assert rig.post(action, msgspec.json.encode(given)).status == 400
    assert rig.core.seen == []


def test_a_bad_token_of_sources_is_refused(rig: Rig) -> None:
    sqs = rig.client()
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    for given in ({"NextToken": "x"}, {"NextToken": "%", "MaxResults": 5}):
        body = msgspec.json.encode({"QueueUrl": url, **given})
        answer = rig.post("ListDeadLetterSourceQueues", body)
        assert answer.headers["x-amzn-query-error"] == "InvalidParameterValue;Sender"
