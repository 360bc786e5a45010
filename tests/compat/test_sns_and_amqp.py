"""One topic, two protocols: what SNS calls a topic is an exchange to an AMQP client."""

from typing import Any

from tests.compat.amqp_clients import only_here
from tests.compat.clients import Queue, code_of
from tests.compat.processes import until
from tests.compat.sns_clients import Topic, bodies, opened

WAIT_MS_MAX = 15_000


def taken(channel: Any, queue: str) -> bytes:
    """The next body of a queue that gets one."""
    found: list[bytes] = []

    def look() -> bool:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is not None:
            found.append(body)
        return method is not None

    assert until(look, WAIT_MS_MAX), f"nothing came to {queue}"
    return found[0]


@only_here
def test_an_amqp_queue_bound_to_a_topic_gets_what_sns_publishes(channel: Any, news: Topic) -> None:
    channel.exchange_declare(news.name, exchange_type="fanout", passive=True)
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, news.name)
    news.publish("from SNS")
    assert taken(channel, queue) == b"from SNS"


@only_here
def test_what_amqp_publishes_to_a_topic_reaches_its_subscriptions_as_it_is(
    channel: Any, news: Topic, mail: Queue
) -> None:
    news.subscribe(mail)
    channel.basic_publish(news.name, "any.key", b"from AMQP")
    news.publish("from SNS")
    first, second = mail.receive()
    assert first["Body"] == "from AMQP"
    assert opened(second)["Message"] == "from SNS"


@only_here
def test_a_fanout_exchange_of_amqp_is_a_topic(channel: Any, sns: Any, mail: Queue) -> None:
    name = mail.name + "-exchange"
    channel.exchange_declare(name, exchange_type="fanout", durable=True)
    arn = f"arn:aws:sns:us-east-1:000000000000:{name}"
    sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=mail.arn,
        Attributes={"RawMessageDelivery": "true"},
    )
    channel.basic_publish(name, "", b"hello")
    assert bodies(mail) == ["hello"]
    channel.exchange_declare(name + "-direct", exchange_type="direct", durable=True)
    assert code_of(sns.publish, TopicArn=arn + "-direct", Message="x") == "NotFound"
