"""The table of filter policies, gone through with boto3: what is subscribed gets what it says."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.compat.clients import Queue
from tests.compat.conftest import MakeQueue, MakeTopic
from tests.compat.sns_clients import Topic, opened, text

TABLE = Path(__file__).parents[1] / "golden" / "filters"
ODD = ("Binary", '["rugby"', '"rugby"', "[]", "many")
"""Attributes that no client can publish."""


def rows(name: str) -> list[dict[str, Any]]:
    return list(json.loads((TABLE / f"{name}.json").read_text("utf-8")))


def by_policy(table: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    asked = sorted(table, key=lambda row: json.dumps(row["policy"]))
    groups = itertools.groupby(asked, key=lambda row: json.dumps(row["policy"]))
    return [(policy, list(some)) for policy, some in groups if policy != "{}"]


def sifted(queue: Queue, raw: bool, count: int) -> set[str]:
    """What arrived of at most so many messages, which are gone then."""
    got: set[str] = set()
    for _ in range(0, count + 1, 10):
        for one in queue.receive():
            queue.delete(one)
            got.add(one["Body"] if raw else opened(one)["Message"])
    return got


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "enveloped"])
def test_attributes_decide_as_the_table_says(
    make_topic: MakeTopic, make_queue: MakeQueue, raw: bool
) -> None:
    topic, queue = make_topic(), make_queue()
    subscription = topic.subscribe(queue, **({"RawMessageDelivery": "true"} if raw else {}))
    for policy, some in by_policy(rows("attributes")):
        topic.set(subscription, "FilterPolicy", policy)
        wanted: set[str] = set()
        for at, row in enumerate(some):
            given = row["attributes"]
            if "$or" in given or any(word in ODD for pair in given.values() for word in pair):
                continue
            attributes = {name: text(pair[1], pair[0]) for name, pair in given.items()}
            topic.publish(f"{at}", MessageAttributes=attributes)
            if row["passes"]:
                wanted.add(f"{at}")
        assert sifted(queue, raw, len(some)) == wanted, policy


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "enveloped"])
def test_the_message_decides_as_the_table_says(
    make_topic: MakeTopic, make_queue: MakeQueue, raw: bool
) -> None:
    topic, queue = make_topic(), make_queue()
    given = {"RawMessageDelivery": "true"} if raw else {}
    subscription = topic.subscribe(queue, FilterPolicyScope="MessageBody", **given)
    for policy, some in by_policy(rows("body")):
        topic.set(subscription, "FilterPolicy", policy)
        wanted: set[str] = set()
        for row in some:
            body = row["body"] if isinstance(row["body"], str) else json.dumps(row["body"])
            topic.publish(body)
            if row["passes"]:
                wanted.add(body)
        assert sifted(queue, raw, len(some)) == wanted, policy


def test_a_policy_that_cannot_be_is_refused_in_the_words_of_sns(
    make_topic: MakeTopic, make_queue: MakeQueue
) -> None:
    topic, queue = make_topic(), make_queue()
    for row in rows("refused"):
        if row["says"] is None:
            continue
        policy = row["policy"] if isinstance(row["policy"], str) else json.dumps(row["policy"])
        if not policy:
            continue  # no text at all is no policy
        with pytest.raises(ClientError) as refused:
            topic.subscribe(queue, FilterPolicy=policy, FilterPolicyScope=row["scope"])
        error = refused.value.response["Error"]
        assert error["Code"] == "InvalidParameter", row
        assert error["Message"] == f"Invalid parameter: Attributes Reason: {row['says']}"
    assert topic.subscriptions() == []


def test_both_scopes_at_one_topic(make_topic: MakeTopic, make_queue: MakeQueue) -> None:
    topic: Topic = make_topic()
    large, urgent = make_queue(), make_queue()
    topic.subscribe_raw(
        large,
        FilterPolicy='{"order": {"total": [{"numeric": [">=", 100]}]}}',
        FilterPolicyScope="MessageBody",
    )
    topic.subscribe_raw(urgent, FilterPolicy='{"speed": [{"equals-ignore-case": "express"}]}')
    small, big = '{"order": {"total": 5}}', '{"order": {"total": 500}}'
    topic.publish(small, MessageAttributes={"speed": text("Express")})
    topic.publish(big, MessageAttributes={"speed": text("slow")})
    topic.publish(big)
    assert sifted(urgent, raw=True, count=3) == {small}
    assert len(large.receive()) == 2
