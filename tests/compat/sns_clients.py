"""boto3's SNS client as its users have it, and a topic as tests use one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

from tests.compat.clients import KEY_ID, SECRET, Queue


@contextmanager
def sns_connected(url: str, *, key_id: str = KEY_ID, secret: str = SECRET) -> Iterator[Any]:
    """A client that tries once and tells, for as long as the block lasts."""
    made: Any = boto3.client(
        "sns",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}, read_timeout=30),
    )
    try:
        yield made
    finally:
        made.close()


class Topic:
    """A topic and a client: what every test does, without the ARN each time."""

    def __init__(self, sns: Any, name: str, **attributes: str) -> None:
        self.sns = sns
        self.name = name
        self.arn: str = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]

    def subscribe(self, queue: Queue, **attributes: str) -> str:
        """The ARN of the subscription of a queue."""
        made = self.sns.subscribe(
            TopicArn=self.arn, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes
        )
        return str(made["SubscriptionArn"])

    def subscribe_raw(self, queue: Queue, **attributes: str) -> str:
        return self.subscribe(queue, RawMessageDelivery="true", **attributes)

    def publish(self, message: str, **given: Any) -> dict[str, Any]:
        sent: dict[str, Any] = self.sns.publish(TopicArn=self.arn, Message=message, **given)
        return sent

    def attributes(self) -> dict[str, str]:
        found: dict[str, str] = self.sns.get_topic_attributes(TopicArn=self.arn)["Attributes"]
        return found

    def subscriptions(self) -> list[dict[str, str]]:
        listed = self.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self.arn)
        return [one for page in listed for one in page["Subscriptions"]]

    def set(self, subscription: str, name: str, text: str) -> None:
        self.sns.set_subscription_attributes(
            SubscriptionArn=subscription, AttributeName=name, AttributeValue=text
        )

    def of(self, subscription: str) -> dict[str, str]:
        answer = self.sns.get_subscription_attributes(SubscriptionArn=subscription)
        found: dict[str, str] = answer["Attributes"]
        return found


def text(content: str, kind: str = "String") -> dict[str, str]:
    """A message attribute."""
    return {"DataType": kind, "StringValue": content}


def opened(message: dict[str, Any]) -> dict[str, Any]:
    """The envelope that is the body of a received message."""
    found: dict[str, Any] = json.loads(message["Body"])
    return found


def bodies(queue: Queue) -> list[str]:
    """The bodies of what is in a queue now."""
    return [one["Body"] for one in queue.receive()]
