"""Delivery policies: how often and when what an HTTP endpoint did not take is pushed again.

It stands beside the actions that set a policy, and under what pushes. The rule kept here: the
schedule is arithmetic on the number of the attempt, so that a broker that was killed goes on where
it was.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import msgspec

from postroad.limits import (
    DELIVERY_POLICY_BYTES_MAX,
    PUSH_DELAY_S_MAX,
    PUSH_RETRIES_MAX,
    PUSH_TOTAL_S_MAX,
)
from postroad.model.value import value

T = TypeVar("T")

LINEAR = "linear"
"""The wait grows by the same amount each time."""
ARITHMETIC = "arithmetic"
"""What the wait grows by grows by the same amount each time."""
GEOMETRIC = "geometric"
"""The wait grows by the same factor each time, up to the longest in the last retry of the phase."""
EXPONENTIAL = "exponential"
"""The wait doubles each time, up to the longest."""
BACKOFFS = (LINEAR, ARITHMETIC, GEOMETRIC, EXPONENTIAL)

CONTENT_TYPE = "text/plain; charset=UTF-8"


class BadPolicy(Exception):  # noqa: N818  (the name is the sentence)
    """The delivery policy cannot be; the message says why in one line."""


@value
class PushPolicy:
    """When to try again, in the words of a delivery policy of Amazon SNS.

    Of `retries`, the first `retries_at_once` follow at once, the next `retries_shortest` after the
    shortest wait, the last `retries_longest` after the longest, and those between by `backoff`.
    `per_second`: most pushes a second, `None`: as many as can be. `content_type`: of what is
    pushed.
    """

    delay_s_min: int = 20
    delay_s_max: int = 20
    retries: int = 3
    retries_at_once: int = 0
    retries_shortest: int = 0
    retries_longest: int = 0
    backoff: str = LINEAR
    per_second: int | None = None
    content_type: str = CONTENT_TYPE

    def delay_ms(self, retry: int) -> int | None:
        """How long to wait before a retry, counted from 1; `None`: it is given up."""
        if retry > self.retries:
            return None
        if retry <= self.retries_at_once:
            return 0
        if retry <= self.retries_at_once + self.retries_shortest:
            return self.delay_s_min * 1_000
        if retry > self.retries - self.retries_longest:
            return self.delay_s_max * 1_000
        before = self.retries_at_once + self.retries_shortest
        return self._backoff_ms(retry - before, self.retries - before - self.retries_longest)

    def total_ms(self) -> int:
        """How long all the waits take."""
        return sum(self.delay_ms(retry) or 0 for retry in range(1, self.retries + 1))

    def _backoff_ms(self, step: int, steps: int) -> int:
        """The wait before the `step`th of so many retries of the backoff phase."""
        low, high = self.delay_s_min * 1_000, self.delay_s_max * 1_000
        if self.backoff == EXPONENTIAL:
            return min(high, low << (step - 1))
        if steps == 1:
            return low
        if self.backoff == ARITHMETIC:
            return low + (high - low) * step * (step - 1) // (steps * (steps - 1))
        if self.backoff == GEOMETRIC and low:
            return int(low * (high / low) ** ((step - 1) / (steps - 1)))
        return low + (high - low) * (step - 1) // (steps - 1)


DEFAULT: Final = PushPolicy()
"""What Amazon SNS does without a delivery policy."""


class _Retries(msgspec.Struct, rename="camel"):
    min_delay_target: int = 20
    max_delay_target: int = 20
    num_retries: int = 3
    num_no_delay_retries: int | None = 0
    num_min_delay_retries: int | None = 0
    num_max_delay_retries: int | None = 0
    backoff_function: str | None = LINEAR


class _Throttle(msgspec.Struct, rename="camel"):
    max_receives_per_second: int | None = None


class _Request(msgspec.Struct, rename="camel"):
    header_content_type: str | None = None


class _OfSubscription(msgspec.Struct, rename="camel"):
    healthy_retry_policy: _Retries | None = None
    throttle_policy: _Throttle | None = None
    request_policy: _Request | None = None


class _OfHttp(msgspec.Struct, rename="camel"):
    default_healthy_retry_policy: _Retries | None = None
    default_throttle_policy: _Throttle | None = None
    default_request_policy: _Request | None = None
    disable_subscription_overrides: bool = False


class _OfTopic(msgspec.Struct):
    http: _OfHttp


_of_subscription = msgspec.json.Decoder(_OfSubscription).decode
_of_topic = msgspec.json.Decoder(_OfTopic).decode


def read_delivery_policy(text: str) -> PushPolicy:
    """The policy of a subscription. Raises `BadPolicy`."""
    parts = _decoded(text, _of_subscription)
    return _policy(
        parts.healthy_retry_policy,
        parts.throttle_policy,
        parts.request_policy,
        "healthyRetryPolicy",
    )


def read_topic_policy(text: str) -> tuple[PushPolicy, bool]:
    """The policy that subscriptions of a topic have, and whether their own count no more. Raises
    `BadPolicy`."""
    parts = _decoded(text, _of_topic).http
    policy = _policy(
        parts.default_healthy_retry_policy,
        parts.default_throttle_policy,
        parts.default_request_policy,
        "http.defaultHealthyRetryPolicy",
    )
    return policy, parts.disable_subscription_overrides


def effective(of_subscription: str | None, of_topic: str | None = None) -> PushPolicy:
    """The policy that counts, of texts that were looked at when they were set; one that cannot be
    read counts as none."""
    own, overridden = DEFAULT, False
    try:
        if of_topic:
            own, overridden = read_topic_policy(of_topic)
        if of_subscription and not overridden:
            own = read_delivery_policy(of_subscription)
    except BadPolicy:
        return own
    return own


def _decoded(text: str, decode: Callable[[str], T]) -> T:
    if len(text) > DELIVERY_POLICY_BYTES_MAX:
        raise BadPolicy(f"Delivery policy has more than {DELIVERY_POLICY_BYTES_MAX:,} bytes")
    try:
        return decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadPolicy(f"failed to parse JSON: {str(error).splitlines()[0]}") from None


def _policy(
    retries: _Retries | None, throttle: _Throttle | None, request: _Request | None, where: str
) -> PushPolicy:
    given = retries or _Retries()
    policy = PushPolicy(
        given.min_delay_target,
        given.max_delay_target,
        given.num_retries,
        given.num_no_delay_retries or 0,
        given.num_min_delay_retries or 0,
        given.num_max_delay_retries or 0,
        given.backoff_function or LINEAR,
        throttle.max_receives_per_second if throttle else None,
        (request.header_content_type if request else None) or CONTENT_TYPE,
    )
    for wrong, says in _faults(policy):
        if wrong:
            raise BadPolicy(f"{where}: {says}")
    return policy


def _faults(policy: PushPolicy) -> Iterator[tuple[bool, str]]:
    """Each rule with whether the policy breaks it; the first that is broken is told."""
    phases = (policy.retries_at_once, policy.retries_shortest, policy.retries_longest)
    yield (
        not 0 <= policy.retries <= PUSH_RETRIES_MAX,
        f"numRetries must be between 0 and {PUSH_RETRIES_MAX}",
    )
    yield min(phases) < 0, "the numbers of retries must not be negative"
    yield sum(phases) > policy.retries, "the retries of the phases must not be more than numRetries"
    yield (
        not 1 <= policy.delay_s_max <= PUSH_DELAY_S_MAX,
        f"maxDelayTarget must be between 1 and {PUSH_DELAY_S_MAX}",
    )
    yield (
        not 1 <= policy.delay_s_min <= policy.delay_s_max,
        "minDelayTarget must be between 1 and maxDelayTarget",
    )
    yield (
        policy.backoff not in BACKOFFS,
        f"backoffFunction must be one of {', '.join(BACKOFFS)}",
    )
    yield (
        policy.total_ms() > PUSH_TOTAL_S_MAX * 1_000,
        f"Total policy retry time cannot be greater than {PUSH_TOTAL_S_MAX} seconds",
    )
    yield (
        policy.per_second is not None and policy.per_second < 1,
        "maxReceivesPerSecond must be 1 or more",
    )
    yield (
        not (policy.content_type.isascii() and policy.content_type.isprintable()),
        "headerContentType must be a media type",
    )
