"""Clients of other systems in the tests of a project: what they wait for comes when the clock is
moved."""

from typing import Any

import boto3
import pika

from postroad.testing import LocalServer


def sqs_of(server: LocalServer) -> Any:
    return boto3.client("sqs", **server.aws)  # type: ignore[call-overload]


def test_a_delay_of_boto3_ends_when_the_clock_is_moved(postroad: LocalServer) -> None:
    sqs = sqs_of(postroad)
    url = sqs.create_queue(QueueName="mail", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    postroad.clock.advance(minutes=15)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "later"
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    postroad.clock.advance(minutes=10)
    [again] = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    postroad.expect("mail")


def test_a_wait_of_boto3_takes_the_time_it_takes(postroad: LocalServer) -> None:
    sqs = sqs_of(postroad)
    url = sqs.create_queue(QueueName="mail")["QueueUrl"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)


def test_what_pika_publishes_dies_when_the_clock_is_moved(postroad: LocalServer) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(postroad.amqp_url))
    channel = connection.channel()
    channel.queue_declare("graves")
    arguments = {
        "x-message-ttl": 60_000,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "graves",
    }
    channel.queue_declare("orders", arguments=arguments)
    channel.confirm_delivery()
    channel.basic_publish("", "orders", b"one")
    postroad.expect("orders", "one")
    postroad.clock.advance(minutes=1)
    method, properties, body = channel.basic_get("graves", auto_ack=True)
    assert method is not None
    assert body == b"one"
    assert properties.headers["x-first-death-reason"] == "expired"
    connection.close()
    postroad.expect("orders")
