"""SNS in bytes: a session of both services on a real core, with no socket."""

from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import pytest

from postroad.limits import SNS_PENDING_MS, SNS_STEP
from postroad.model.commands import DeclareQueue, DescribeQueue, ListQueues, Receive
from postroad.model.exchanges import Bind, DeclareExchange, ExchangeSettings, PublishTo
from postroad.model.replies import Reply
from postroad.protocols.aws.session import AwsSession
from postroad.protocols.sns.config import SnsConfig
from postroad.protocols.sns.session import SnsService
from postroad.protocols.sqs.config import SqsConfig
from postroad.protocols.sqs.session import SqsService
from tests.unit.core.road import Road
from tests.wire.sqs.rig import Answer, read_answer

START_MS = 1_700_000_000_000
VERSION = "2010-03-31"
TOPIC = "arn:aws:sns:us-east-1:000000000000:news"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:mail"


class Rig:
    """Both services on one core. `keys`: access keys that requests must be signed by."""

    def __init__(self, **keys: str) -> None:
        self.road = Road()
        self.now_ms = START_MS
        self.sqs = SqsConfig(secret_key=b"secret", keys=keys)
        self.sns = SnsConfig(secret_key=b"secret", keys=keys)
        self.session = self.new_session()

    def new_session(self) -> AwsSession:
        services: Any = [SqsService(self.sqs), SnsService(self.sns)]
        return AwsSession(services, {}, self.sqs.body_bytes_max)

    def feed(self, data: bytes, session: AwsSession | None = None) -> bytes:
        """All bytes that come back; asks are answered at once."""
        session = session or self.session
        output = session.receive(data, self.now_ms)
        sent, asks = output.send, list(output.asks)
        while asks:
            number, command = asks.pop(0)
            reply: Reply | None = self.road.ask(command)
            assert reply is not None, "nothing here waits"
            output = session.answer(number, reply, self.now_ms)
            sent += output.send
            asks += output.asks
        return sent

    def ask(self, action: str, **parameters: str) -> Answer:
        return read_answer(self.feed(posted(action, **parameters), self.new_session()))

    def get(self, url: str) -> Answer:
        parts = urlsplit(url)
        head = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: localhost:9324\r\n\r\n"
        return read_answer(self.feed(head.encode(), self.new_session()))


def posted(action: str, version: str = VERSION, **parameters: str) -> bytes:
    form = {"Action": action, "Version": version} if version else {"Action": action}
    body = urlencode({**form, **parameters})
    head = f"POST / HTTP/1.1\r\nHost: localhost:9324\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


@pytest.fixture
def rig() -> Rig:
    return Rig()


def bodies(rig: Rig, queue: str = "mail") -> list[bytes]:
    return [one.message.body for one in rig.road.peek(queue)]


def test_the_version_says_which_service_is_meant(rig: Rig) -> None:
    made = rig.ask("CreateTopic", Name="news")
    assert b'<CreateTopicResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">' in made.body
    assert f"<TopicArn>{TOPIC}</TopicArn>".encode() in made.body
    # Both services have this action.
    other = read_answer(rig.feed(posted("AddPermission", "2012-11-05"), rig.new_session()))
    assert b"http://queue.amazonaws.com/doc/2012-11-05/" in other.body
    own = rig.ask("AddPermission", TopicArn=TOPIC)
    assert b"http://sns.amazonaws.com/doc/2010-03-31/" in own.body


def test_without_a_version_the_scope_of_the_signature_says_it(rig: Rig) -> None:
    body = b"Action=ListTopics"
    scope = b"AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/sns/aws4_request, Signature=x"
    lines = (
        b"POST / HTTP/1.1",
        b"Host: h",
        b"Authorization: " + scope,
        b"Content-Length: %d" % len(body),
        b"",
        body,
    )
    answer = read_answer(rig.feed(b"\r\n".join(lines)))
    assert b"<ListTopicsResponse" in answer.body


@pytest.mark.parametrize("action", ["", "Fly", "CreatePlatformEndpoint"])
def test_an_action_that_is_none_is_said_to_be_none(rig: Rig, action: str) -> None:
    answer = rig.ask(action)
    assert answer.status == 400
    assert b"Action</Code>" in answer.body


def test_a_parameter_that_is_missing_or_malformed_is_named(rig: Rig) -> None:
    for parameters in (
        {},
        {"TopicArn": ""},
        {"TopicArn": "arn"},
        {"TopicArn": TOPIC, "Protocol": "sqs", "Attributes": "x"},
        {"TopicArn": TOPIC, "Protocol": "sqs", "Attributes.entry.1.key": "FilterPolicy"},
        {"TopicArn": TOPIC, "Protocol": "sqs", "Attributes.entry.x.key": "FilterPolicy"},
        {"TopicArn": TOPIC, "Protocol": "sqs", "Attributes.1.key": "FilterPolicy"},
        {"TopicArn": TOPIC, "Protocol": "sqs", "ReturnSubscriptionArn": "perhaps"},
    ):
        answer = rig.ask("Subscribe", **parameters)
        assert answer.status == 400
        assert b"<Code>InvalidParameter</Code>" in answer.body


def test_a_stream_may_be_cut_anywhere(rig: Rig) -> None:
    rig.road.declare("mail")
    stream = b"".join(
        (
            posted("CreateTopic", Name="news"),
            posted("Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE),
            posted("Publish", TopicArn=TOPIC, Message="one"),
        )
    )
    whole = Rig()
    whole.road.declare("mail")
    expected = whole.feed(stream).count(b"HTTP/1.1 200 OK")
    assert expected == 3
    for cut in range(0, len(stream), 7):
        part = Rig()
        part.road.declare("mail")
        sent = part.feed(stream[:cut]) + part.feed(stream[cut:])
        assert sent.count(b"HTTP/1.1 200 OK") == expected
        assert len(bodies(part)) == 1


def test_requests_of_both_services_follow_each_other_on_one_connection(rig: Rig) -> None:
    send = posted("CreateQueue", "2012-11-05", QueueName="mail")
    stream = (
        send
        + posted("CreateTopic", Name="news")
        + posted("Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
        + posted("Publish", TopicArn=TOPIC, Message="one")
        + posted("ListQueues", "2012-11-05")
    )
    answers = rig.feed(stream).split(b"HTTP/1.1 ")[1:]
    assert [one[:3] for one in answers] == [b"200"] * 5
    assert b"CreateQueueResponse" in answers[0]
    assert b"PublishResponse" in answers[3]
    assert b"ListQueuesResponse" in answers[4]


def test_what_comes_over_another_protocol_reaches_every_subscription_as_it_is(rig: Rig) -> None:
    for name in ("mail", "raw", "plain"):
        rig.road.declare(name)
    rig.ask("CreateTopic", Name="news")
    rig.ask("Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    raw = {"Attributes.entry.1.key": "RawMessageDelivery", "Attributes.entry.1.value": "true"}
    endpoint = QUEUE.replace("mail", "raw")
    rig.ask("Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=endpoint, **raw)
    rig.road.ask(Bind("news", "plain"))
    rig.road.ask(PublishTo("news", ["any.key"], [b"\x00 from elsewhere"]))
    rig.ask("Publish", TopicArn=TOPIC, Message="from here")
    assert bodies(rig, "raw") == bodies(rig, "plain") == [b"\x00 from elsewhere", b"from here"]
    first, second = bodies(rig)
    assert first == b"\x00 from elsewhere"
    assert msgspec.json.decode(second)["Message"] == "from here"


def pending(rig: Rig) -> tuple[str, dict[str, Any]]:
    """The queue of an endpoint that was just subscribed, and what waits in it."""
    rig.ask("CreateTopic", Name="news")
    subscribed = {"TopicArn": TOPIC, "Protocol": "http", "Endpoint": "http://h/"}
    assert b"pending confirmation" in rig.ask("Subscribe", **subscribed).body
    (name,) = rig.road.state.by_name
    told = bodies(rig, name)[-1]
    found: dict[str, Any] = msgspec.json.decode(told)
    return name, found


def test_an_endpoint_confirms_by_the_address_it_was_told(rig: Rig) -> None:
    name, told = pending(rig)
    assert name.startswith("sns.push/news/")
    assert told["Type"] == "SubscriptionConfirmation"
    assert told["TopicArn"] == TOPIC
    rig.ask("Publish", TopicArn=TOPIC, Message="too early")
    answer = rig.get(told["SubscribeURL"])
    assert answer.status == 200
    assert b"<SubscriptionArn>" + TOPIC.encode() in answer.body
    rig.ask("Publish", TopicArn=TOPIC, Message="in time")
    _, notification = bodies(rig, name)
    assert msgspec.json.decode(notification)["Message"] == "in time"


def test_an_endpoint_is_told_of_its_end_by_its_queue(rig: Rig) -> None:
    name, told = pending(rig)
    confirmed = {"TopicArn": TOPIC, "Token": told["Token"]}
    body = rig.ask("ConfirmSubscription", **confirmed).body.decode()
    arn = body.partition("<SubscriptionArn>")[2].partition("<")[0]
    assert rig.road.state.by_name[name].extras["sns.SubscriptionArn"] == arn
    assert "sns.Ended" not in rig.road.state.by_name[name].extras
    rig.ask("Unsubscribe", SubscriptionArn=arn)
    assert rig.road.state.by_name[name].extras["sns.Ended"] == "true"
    assert msgspec.json.decode(bodies(rig, name)[1])["Type"] == "UnsubscribeConfirmation"
    assert rig.ask("ConfirmSubscription", **confirmed).status == 404


def test_a_subscription_that_is_not_confirmed_in_two_days_is_as_if_it_were_not_there(
    rig: Rig,
) -> None:
    name, told = pending(rig)
    confirmed = {"TopicArn": TOPIC, "Token": told["Token"]}
    rig.now_ms += SNS_PENDING_MS - 1
    assert b"PendingConfirmation" in rig.ask("ListSubscriptions").body
    counts = rig.ask("GetTopicAttributes", TopicArn=TOPIC).body
    assert b"<key>SubscriptionsPending</key><value>1</value>" in counts
    rig.now_ms += 1
    for action in ("ListSubscriptions", "ListSubscriptionsByTopic"):
        given = {"TopicArn": TOPIC} if action.endswith("Topic") else {}
        assert b"PendingConfirmation" not in rig.ask(action, **given).body
    counts = rig.ask("GetTopicAttributes", TopicArn=TOPIC).body
    assert b"<key>SubscriptionsPending</key><value>0</value>" in counts
    answer = rig.ask("ConfirmSubscription", **confirmed)
    assert answer.status == 400
    assert b"Invalid parameter: Token" in answer.body
    later, _ = pending(rig)
    assert later != name
    assert name not in rig.road.state.by_name


def test_to_subscribe_again_gives_an_endpoint_its_time_again(rig: Rig) -> None:
    name, told = pending(rig)
    rig.now_ms += SNS_PENDING_MS - 1
    assert pending(rig)[0] == name
    rig.now_ms += SNS_PENDING_MS - 1
    assert rig.get(told["SubscribeURL"]).status == 200
    rig.now_ms += 1
    assert TOPIC.encode() + b":" in rig.ask("ListSubscriptions").body
    assert "sns.PendingUntil" not in rig.road.state.by_name[name].extras


def test_a_token_is_as_good_as_a_signature_for_its_subscription_alone() -> None:
    rig = Rig(AKID="secret")
    assert rig.ask("CreateTopic", Name="news").status == 403
    token = rig.sns.names.token("news", 1)
    answer = rig.ask("ConfirmSubscription", TopicArn=TOPIC, Token=token)
    assert b"<Code>NotFound</Code>" in answer.body
    assert rig.ask("Unsubscribe", SubscriptionArn=f"{TOPIC}:x").status == 403


def test_deleting_a_topic_deletes_the_queues_of_its_endpoints(rig: Rig) -> None:
    pending(rig)
    rig.ask("DeleteTopic", TopicArn=TOPIC)
    assert not rig.road.state.by_name


def test_a_delivery_policy_of_the_topic_reaches_the_queues_of_its_endpoints(rig: Rig) -> None:
    name, _ = pending(rig)
    policy = '{"http":{"defaultHealthyRetryPolicy":{"numRetries":1}}}'
    change = {"AttributeName": "DeliveryPolicy", "AttributeValue": policy}
    assert rig.ask("SetTopicAttributes", TopicArn=TOPIC, **change).status == 200
    extras = rig.road.state.by_name[name].extras
    assert extras["sns.DeliveryPolicy"] == '{"healthyRetryPolicy":{"numRetries":1}}'
    rig.ask("SetTopicAttributes", TopicArn=TOPIC, **{**change, "AttributeValue": ""})
    assert "sns.DeliveryPolicy" not in rig.road.state.by_name[name].extras


def test_what_was_done_is_the_same_after_a_restart(rig: Rig) -> None:
    pending(rig)
    rig.road.declare("mail")
    rig.ask("Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    rig.ask("Publish", TopicArn=TOPIC, Message="x")
    rig.road.check()


def test_a_full_queue_keeps_a_message_from_nobody_else(rig: Rig) -> None:
    rig.road.declare("mail", length_max=1)
    for name in ("raw", "behind", "dead"):
        rig.road.declare(name)
    rig.ask("CreateTopic", Name="news")
    redrive = msgspec.json.encode({"deadLetterTargetArn": QUEUE.replace("mail", "dead")}).decode()
    full = {"Attributes.entry.1.key": "RedrivePolicy", "Attributes.entry.1.value": redrive}
    rig.ask("Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE, **full)
    rig.ask("Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE.replace("mail", "raw"))
    rig.road.ask(DeclareExchange("next", ExchangeSettings("fanout")))
    rig.road.ask(Bind("next", "behind"))
    rig.road.ask(Bind("news", "next", target_kind="exchange"))
    for number in range(3):
        assert rig.ask("Publish", TopicArn=TOPIC, Message=str(number)).status == 200

    def told(queue: str) -> list[str]:
        return [msgspec.json.decode(one)["Message"] for one in bodies(rig, queue)]

    assert told("mail") == ["0"]
    assert told("raw") == ["0", "1", "2"]
    assert told("dead") == ["1", "2"]
    assert bodies(rig, "behind") == [b"0", b"1", b"2"]


def test_a_publish_that_the_disk_has_no_room_for_may_be_repeated(rig: Rig) -> None:
    rig.road.declare("line.fifo", kind="fifo", dedup_window_ms=300_000)
    fifo = {"Attributes.entry.1.key": "FifoTopic", "Attributes.entry.1.value": "true"}
    topic = TOPIC.replace("news", "news.fifo")
    rig.ask("CreateTopic", Name="news.fifo", **fifo)
    endpoint = QUEUE.replace("mail", "line.fifo")
    rig.ask("Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
    message = {"Message": "x", "MessageGroupId": "a", "MessageDeduplicationId": "1"}
    rig.road.core.world.short_of_space = True
    assert rig.ask("Publish", TopicArn=topic, **message).status == 503
    rig.road.core.world.short_of_space = False
    assert rig.ask("Publish", TopicArn=topic, **message).status == 200
    assert len(bodies(rig, "line.fifo")) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///path",
        "http://a b/",
        "http://h/\x01",
        "http://h:x/",
        "http://h:99999/",
        "http://[::1/",
        "http://h/" + "y" * 3_000,
        "http://é/",
    ],
)
def test_an_url_that_nobody_can_call_is_no_endpoint(url: str) -> None:
    rig = Rig()
    rig.ask("CreateTopic", Name="news")
    assert rig.ask("Subscribe", TopicArn=TOPIC, Protocol="http", Endpoint=url).status == 400


def counted(rig: Rig, action: str, **parameters: str) -> int:
    """How many steps of the broker an action took."""
    session = rig.new_session()
    asks = list(session.receive(posted(action, **parameters), START_MS).asks)
    count = 0
    while asks:
        number, command = asks.pop(0)
        count += 1
        reply = rig.road.ask(command)
        assert reply is not None
        asks += session.answer(number, reply, START_MS).asks
    return count


def test_what_touches_all_subscriptions_of_a_topic_is_done_in_steps() -> None:
    rig = Rig()
    rig.ask("CreateTopic", Name="news")
    endpoints = [f"http://h/{at}" for at in range(SNS_STEP + 1)]
    for one in endpoints:
        rig.ask("Subscribe", TopicArn=TOPIC, Protocol="http", Endpoint=one)
    policy = '{"http":{"defaultHealthyRetryPolicy":{"numRetries":2}}}'
    given = {"AttributeName": "DeliveryPolicy", "AttributeValue": policy}
    assert counted(rig, "SetTopicAttributes", TopicArn=TOPIC, **given) == 2
    listed: Any = rig.road.ask(ListQueues("sns.push/news/"))
    told: list[Any] = [rig.road.ask(DescribeQueue(name)) for name in listed.names]
    assert len(told) == len(endpoints)
    assert all("numRetries" in one.extras["sns.DeliveryPolicy"] for one in told)
    found = rig.ask("GetTopicAttributes", TopicArn=TOPIC)
    assert b"<key>SubscriptionsPending</key><value>%d</value>" % len(endpoints) in found.body
    rig.ask("Subscribe", TopicArn=TOPIC, Protocol="http", Endpoint=endpoints[0])
    assert rig.road.ask(ListQueues("sns.push/news/")) == listed
    assert counted(rig, "DeleteTopic", TopicArn=TOPIC) == 2
    gone: Any = rig.road.ask(ListQueues("sns.push/news/"))
    assert gone.names == []
    assert rig.ask("GetTopicAttributes", TopicArn=TOPIC).status == 404


def test_an_envelope_says_how_its_topic_has_it_signed() -> None:
    rig = Rig()
    rig.ask("CreateTopic", Name="news")
    rig.road.ask(DeclareQueue("mail"))
    rig.ask("Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    given = {"AttributeName": "SignatureVersion", "AttributeValue": "2"}
    rig.ask("Publish", TopicArn=TOPIC, Message="first")
    assert rig.ask("SetTopicAttributes", TopicArn=TOPIC, **given).status == 200
    rig.ask("Publish", TopicArn=TOPIC, Message="second")
    found: Any = rig.road.ask(Receive("mail", 2))
    versions = [msgspec.json.decode(one.body)["SignatureVersion"] for one in found.messages]
    assert versions == ["1", "2"]
