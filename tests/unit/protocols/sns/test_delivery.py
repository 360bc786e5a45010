"""Delivery policies: the phases of the retries, and which policies cannot be."""

import json

import pytest

from postroad.protocols.sns.delivery import (
    ARITHMETIC,
    BACKOFFS,
    DEFAULT,
    EXPONENTIAL,
    GEOMETRIC,
    BadPolicy,
    PushPolicy,
    effective,
    read_delivery_policy,
    read_topic_policy,
)


def waits_s(policy: PushPolicy) -> list[float]:
    waits: list[float] = []
    while (delay_ms := policy.delay_ms(len(waits) + 1)) is not None:
        waits.append(delay_ms / 1_000)
    return waits


def test_without_a_policy_there_are_three_retries_twenty_seconds_apart() -> None:
    assert waits_s(DEFAULT) == [20, 20, 20]
    assert waits_s(effective(None)) == [20, 20, 20]
    assert waits_s(read_delivery_policy("{}")) == [20, 20, 20]


def test_the_phases_follow_each_other() -> None:
    """The example of the AWS manual: 3 at once, 2 after 1 s, 10 up to 60 s, 35 after 60 s."""
    policy = read_delivery_policy(
        json.dumps(
            {
                "healthyRetryPolicy": {
                    "minDelayTarget": 1,
                    "maxDelayTarget": 60,
                    "numRetries": 50,
                    "numNoDelayRetries": 3,
                    "numMinDelayRetries": 2,
                    "numMaxDelayRetries": 35,
                    "backoffFunction": "exponential",
                },
                "throttlePolicy": {"maxReceivesPerSecond": 10},
                "requestPolicy": {"headerContentType": "application/json"},
            }
        )
    )
    waits = waits_s(policy)
    assert waits[:5] == [0, 0, 0, 1, 1]
    assert waits[5:15] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert waits[15:] == [60] * 35
    assert policy.per_second == 10
    assert policy.content_type == "application/json"


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        ("linear", [10, 20, 30, 40, 50]),
        ("arithmetic", [10, 14, 22, 34, 50]),
        ("geometric", [10, 14.953, 22.36, 33.437, 50]),
        ("exponential", [10, 20, 40, 50, 50]),
    ],
)
def test_a_backoff_grows_from_the_shortest_to_the_longest_wait(
    backoff: str, waits: list[float]
) -> None:
    assert waits_s(PushPolicy(10, 50, 5, backoff=backoff)) == waits


@pytest.mark.parametrize("backoff", BACKOFFS)
@pytest.mark.parametrize("retries", [1, 2, 3, 40])
def test_a_wait_is_never_shorter_than_the_one_before(backoff: str, retries: int) -> None:
    waits = waits_s(PushPolicy(1, 90, retries, backoff=backoff))
    assert len(waits) == retries
    assert waits == sorted(waits)
    assert waits[0] == 1
    assert max(waits) <= 90


def test_the_slower_functions_stay_below_the_faster_ones() -> None:
    linear = waits_s(PushPolicy(1, 60, 10))
    for backoff in (ARITHMETIC, GEOMETRIC):
        slower = waits_s(PushPolicy(1, 60, 10, backoff=backoff))
        assert all(a <= b for a, b in zip(slower, linear, strict=True))
    assert waits_s(PushPolicy(5, 5, 4, backoff=EXPONENTIAL)) == [5, 5, 5, 5]


def retries(**more: object) -> str:
    return json.dumps({"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 2, **more}})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "failed to parse JSON"),
        ("[]", "failed to parse JSON"),
        ('{"healthyRetryPolicy": 5}', "failed to parse JSON"),
        (retries(numRetries="3"), "failed to parse JSON"),
        (retries(numRetries=101), "numRetries must be between 0 and 100"),
        (retries(numRetries=-1), "numRetries"),
        (retries(numRetries=2, numNoDelayRetries=2, numMinDelayRetries=1), "more than numRetries"),
        (retries(numMaxDelayRetries=-1), "negative"),
        (retries(minDelayTarget=3), "minDelayTarget must be between 1 and maxDelayTarget"),
        (retries(minDelayTarget=0), "minDelayTarget"),
        (retries(maxDelayTarget=3601), "maxDelayTarget must be between 1 and 3600"),
        (retries(backoffFunction="cubic"), "backoffFunction must be one of linear"),
        (
            retries(minDelayTarget=3599, maxDelayTarget=3600, numRetries=2),
            "healthyRetryPolicy: Total policy retry time cannot be greater than 3600 seconds",
        ),
        ('{"throttlePolicy": {"maxReceivesPerSecond": 0}}', "maxReceivesPerSecond"),
        ('{"requestPolicy": {"headerContentType": "a\\r\\nb: c"}}', "headerContentType"),
        (" " * 20_000, "bytes"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(BadPolicy, match=says) as refused:
        read_delivery_policy(text)
    assert "\n" not in str(refused.value)


def test_a_topic_has_a_policy_for_its_subscriptions() -> None:
    of_topic = json.dumps({"http": {"defaultHealthyRetryPolicy": {"numRetries": 1}}})
    own = json.dumps({"healthyRetryPolicy": {"numRetries": 2}})
    assert read_topic_policy(of_topic) == (PushPolicy(retries=1), False)
    assert effective(None, of_topic).retries == 1
    assert effective(own, of_topic).retries == 2
    strict = json.dumps(
        {
            "http": {
                "defaultHealthyRetryPolicy": {"numRetries": 1},
                "disableSubscriptionOverrides": True,
            }
        }
    )
    assert effective(own, strict).retries == 1
    with pytest.raises(BadPolicy, match=r"http\.defaultHealthyRetryPolicy: numRetries"):
        read_topic_policy('{"http": {"defaultHealthyRetryPolicy": {"numRetries": 1000}}}')


def test_a_policy_that_cannot_be_read_any_more_counts_as_none() -> None:
    assert effective("{", "{") == DEFAULT
