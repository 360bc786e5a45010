"""Topics, their attributes, tags and permissions, as boto3 users have them."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from postroad.protocols.sns.spec import REFUSED
from tests.compat.clients import Queue, code_of
from tests.compat.conftest import MakeTopic
from tests.compat.processes import Served
from tests.compat.sns_clients import Topic


def test_making_a_topic_again_gives_the_same_one(news: Topic) -> None:
    assert Topic(news.sns, news.name).arn == news.arn
    assert news.arn == f"arn:aws:sns:us-east-1:000000000000:{news.name}"


def test_a_topic_with_other_attributes_or_tags_is_a_conflict(make_topic: MakeTopic) -> None:
    topic = make_topic(DisplayName="News")
    create = topic.sns.create_topic
    assert code_of(create, Name=topic.name, Attributes={"DisplayName": "x"}) == "InvalidParameter"
    tags = [{"Key": "team", "Value": "a"}]
    assert code_of(create, Name=topic.name, Tags=tags) == "InvalidParameter"
    assert create(Name=topic.name, Attributes={"DisplayName": "News"})["TopicArn"] == topic.arn


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 257, "a.b", "line.fifo"])
def test_a_name_that_cannot_be_is_refused(sns: Any, name: str) -> None:
    assert code_of(sns.create_topic, Name=name) == "InvalidParameter"


def test_a_fifo_topic_has_its_suffix(sns: Any) -> None:
    fifo = {"FifoTopic": "true"}
    assert code_of(sns.create_topic, Name="line", Attributes=fifo) == "InvalidParameter"
    made = Topic(sns, "made-once.fifo", **fifo)
    assert made.attributes()["FifoTopic"] == "true"
    assert made.attributes()["ContentBasedDeduplication"] == "false"


def test_topics_are_listed_in_pages(sns: Any) -> None:
    made = {Topic(sns, f"listed-{number:03}").arn for number in range(120)}
    first = sns.list_topics()
    assert len(first["Topics"]) == 100
    pages = sns.get_paginator("list_topics").paginate()
    found = [one["TopicArn"] for page in pages for one in page["Topics"]]
    assert made <= set(found)
    assert len(found) == len(set(found))
    for arn in made:
        sns.delete_topic(TopicArn=arn)
    assert code_of(sns.list_topics, NextToken="%%%") == "InvalidParameter"


def test_attributes_are_set_and_shown(news: Topic) -> None:
    set_one = news.sns.set_topic_attributes
    set_one(TopicArn=news.arn, AttributeName="DisplayName", AttributeValue="The news")
    policy = '{"Version":"2008-10-17","Statement":[]}'
    set_one(TopicArn=news.arn, AttributeName="Policy", AttributeValue=policy)
    found = news.attributes()
    assert found["DisplayName"] == "The news"
    assert found["Policy"] == policy
    assert found["TopicArn"] == news.arn
    assert found["SubscriptionsConfirmed"] == "0"
    for name, text in (
        ("FifoTopic", "true"),
        ("ContentBasedDeduplication", "true"),
        ("Colour", "red"),
        ("Policy", "{"),
        ("DisplayName", "x" * 101),
        ("TracingConfig", "Sometimes"),
        ("DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"numRetries":-1}}}'),
    ):
        refused = {"TopicArn": news.arn, "AttributeName": name, "AttributeValue": text}
        assert code_of(set_one, **refused) == "InvalidParameter", name


def test_a_deleted_topic_is_gone_and_may_be_deleted_again(news: Topic, mail: Queue) -> None:
    subscription = news.subscribe(mail)
    news.sns.delete_topic(TopicArn=news.arn)
    news.sns.delete_topic(TopicArn=news.arn)
    assert code_of(news.publish, message="x") == "NotFound"
    assert code_of(news.attributes) == "NotFound"
    assert code_of(news.of, subscription=subscription) == "NotFound"
    listed = news.sns.list_subscriptions()["Subscriptions"]
    assert subscription not in [one["SubscriptionArn"] for one in listed]


def test_tags_are_added_changed_and_removed(news: Topic) -> None:
    sns = news.sns
    sns.tag_resource(
        ResourceArn=news.arn,
        Tags=[{"Key": "team", "Value": "a"}, {"Key": "cost", "Value": ""}],
    )
    sns.tag_resource(ResourceArn=news.arn, Tags=[{"Key": "team", "Value": "b"}])
    sns.untag_resource(ResourceArn=news.arn, TagKeys=["cost", "unknown"])
    tags = sns.list_tags_for_resource(ResourceArn=news.arn)["Tags"]
    assert tags == [{"Key": "team", "Value": "b"}]
    many = [{"Key": str(number), "Value": ""} for number in range(51)]
    assert code_of(sns.tag_resource, ResourceArn=news.arn, Tags=many) == "TagLimitExceeded"
    gone = news.arn + "-gone"
    assert code_of(sns.list_tags_for_resource, ResourceArn=gone) == "ResourceNotFound"


def test_permissions_are_statements_of_the_policy(news: Topic) -> None:
    given = {"TopicArn": news.arn, "Label": "readers"}
    who: dict[str, Any] = {"AWSAccountId": ["111122223333"], "ActionName": ["Publish"]}
    news.sns.add_permission(**given, **who)
    labels = [one["Sid"] for one in json.loads(news.attributes()["Policy"])["Statement"]]
    assert "readers" in labels
    assert code_of(news.sns.add_permission, **given, **who) == "InvalidParameter"
    news.sns.remove_permission(**given)
    labels = [one["Sid"] for one in json.loads(news.attributes()["Policy"])["Statement"]]
    assert "readers" not in labels


@pytest.mark.parametrize("action", sorted(REFUSED))
def test_what_is_about_phones_and_the_like_is_no_action(shared: Served, action: str) -> None:
    form = f"Action={action}&Version=2010-03-31".encode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(shared.url, form, timeout=10)
    with caught.value as answer:
        assert answer.code == 400
        assert b"<Code>InvalidAction</Code>" in answer.read()
