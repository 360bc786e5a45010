"""Queue attributes: their texts to settings and extras, and back.

It is a part of the border to the core. The rule kept here: a setting the core knows is kept in the
core's settings alone, so that every protocol sees the same one.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from postroad.limits import SQS_POLICY_CHARS_MAX
from postroad.model.policy import DEDUP_KEY, DEDUP_QUEUE, FIFO
from postroad.model.replies import Described
from postroad.protocols.aws.faults import Fault, invalid
from postroad.protocols.sqs.addresses import arn_of, queue_of_arn
from postroad.protocols.sqs.config import SqsConfig
from postroad.protocols.sqs.errors import fault
from postroad.protocols.sqs.spec import (
    BY_CONTENT,
    DEDUP_SCOPES,
    EXTRA,
    KIND,
    NUMBER,
    PER_GROUP,
    PER_QUEUE,
    POLICY,
    QUEUE_ATTRIBUTES,
    READ_ONLY,
    REDRIVE,
    REDRIVE_ALLOW,
    REDRIVE_COUNT_MAX,
    REDRIVE_PERMISSIONS,
    REDRIVE_SETTINGS,
    REDRIVE_SOURCES_MAX,
    SCOPE,
    TEXT,
    THROUGHPUT,
    TRUTH,
    QueueAttribute,
)

LIMIT: Final = EXTRA + "FifoThroughputLimit"
"""The extra that keeps a FIFO queue's throughput limit, which is shown and not enforced."""
_MUST_BE_FIFO: Final = "You can specify the {} only when FifoQueue is set to true."


class Wanted:
    """What a client wants of a queue: core settings by field, and extras (`None`: to be removed).
    `dead_letters`: the dead-letter queue it names, which must exist. `fifo`: what the queue is."""

    def __init__(self, *, fifo: bool) -> None:
        self.fifo = fifo
        self.settings: dict[str, Any] = {}
        self.extras: dict[str, str | None] = {}
        self.dead_letters: str | None = None

    def compare(self) -> tuple[str, ...]:
        """Names of what must agree when the queue exists already."""
        return (*self.settings, *self.extras)


class RedrivePolicy(msgspec.Struct):
    """The JSON of a RedrivePolicy; the count comes as a number or as its text."""

    deadLetterTargetArn: str  # noqa: N815  (the wire's word)
    maxReceiveCount: int | str  # noqa: N815


class RedriveAllowPolicy(msgspec.Struct):
    """The JSON of a RedriveAllowPolicy."""

    redrivePermission: str  # noqa: N815
    sourceQueueArns: list[str] = []  # noqa: N815


_redrive: Final = msgspec.json.Decoder(RedrivePolicy).decode
_redrive_allow: Final = msgspec.json.Decoder(RedriveAllowPolicy).decode
_policy: Final = msgspec.json.Decoder(dict[str, Any]).decode


def read_attributes(attributes: Mapping[str, str], *, fifo: bool) -> Wanted | Fault:
    """What attributes given by a client mean for a FIFO queue or another, or what is wrong with
    them."""
    wanted = Wanted(fifo=fifo)
    for name, text in attributes.items():
        attribute = QUEUE_ATTRIBUTES.get(name)
        if attribute is None or attribute.kind == READ_ONLY:
            return _unknown(name)
        wrong = _READERS[attribute.kind](wanted, name, attribute, text)
        if wrong is not None:
            return wrong
    return wanted


def _number(wanted: Wanted, name: str, attribute: QueueAttribute, text: str) -> Fault | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1
    if not attribute.low <= number <= attribute.high:
        return _invalid_value(name)
    if attribute.setting:
        wanted.settings[attribute.setting] = _scaled(attribute, number)
    else:
        wanted.extras[EXTRA + name] = str(number)
    return None


def _scaled(attribute: QueueAttribute, number: int) -> int:
    if attribute.setting == "lease_ms" and number == 0:
        # In the core 0 is a lease without a deadline; the shortest one ends at once for SQS.
        return 1
    return number * attribute.scale


def _truth(wanted: Wanted, name: str, _: QueueAttribute, text: str) -> Fault | None:
    if text.lower() not in ("true", "false"):
        return _invalid_value(name)
    wanted.extras[EXTRA + name] = text.lower()
    return None


def _text(wanted: Wanted, name: str, _: QueueAttribute, text: str) -> Fault | None:
    if len(text) > SQS_POLICY_CHARS_MAX:
        return _invalid_value(name)
    wanted.extras[EXTRA + name] = text or None
    return None


def _policy_text(wanted: Wanted, name: str, attribute: QueueAttribute, text: str) -> Fault | None:
    if text:
        try:
            _policy(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return _invalid_value(name)
    return _text(wanted, name, attribute, text)


def _redrive_policy(wanted: Wanted, name: str, _: QueueAttribute, text: str) -> Fault | None:
    if not text:
        wanted.settings.update(dict.fromkeys(REDRIVE_SETTINGS))
        return None
    try:
        policy = _redrive(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return invalid(
            name,
            text,
            "Redrive policy is not a valid JSON map with deadLetterTargetArn and maxReceiveCount.",
        )
    count_text = str(policy.maxReceiveCount)
    digits = count_text.isascii() and count_text.isdigit() and len(count_text) <= 5
    count = int(count_text) if digits else 0
    if not 1 <= count <= REDRIVE_COUNT_MAX:
        return invalid(
            name,
            text,
            f"Invalid value for maxReceiveCount: {count_text[:20]}, valid values are from 1 to"
            f" {REDRIVE_COUNT_MAX} both inclusive.",
        )
    target = queue_of_arn(policy.deadLetterTargetArn, "deadLetterTargetArn")
    if isinstance(target, Fault):
        return target
    wanted.dead_letters = target
    wanted.settings.update(zip(REDRIVE_SETTINGS, (target, count), strict=True))
    return None


def _redrive_allow_policy(
    wanted: Wanted, name: str, attribute: QueueAttribute, text: str
) -> Fault | None:
    if text:
        try:
            policy = _redrive_allow(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return invalid(name, text, "It is not a valid JSON map with redrivePermission.")
        if policy.redrivePermission not in REDRIVE_PERMISSIONS:
            return invalid(name, text, f"redrivePermission is one of {REDRIVE_PERMISSIONS}.")
        count = len(policy.sourceQueueArns)
        if (policy.redrivePermission == "byQueue") != (0 < count <= REDRIVE_SOURCES_MAX):
            return invalid(
                name, text, f"byQueue, and only that, takes 1 to {REDRIVE_SOURCES_MAX} ARNs."
            )
    return _text(wanted, name, attribute, text)


def _kind(wanted: Wanted, name: str, _: QueueAttribute, text: str) -> Fault | None:
    if not wanted.fifo:
        return _unknown(name)
    if text.lower() != "true":
        return _invalid_value(name, "Modifying queue type is not supported.")
    wanted.settings["kind"] = FIFO
    return None


def _by_content(wanted: Wanted, name: str, _: QueueAttribute, text: str) -> Fault | None:
    if not wanted.fifo:
        return _unknown(name)
    if text.lower() not in ("true", "false"):
        return _invalid_value(name)
    wanted.settings["dedup_by_content"] = text.lower() == "true"
    return None


def _scope(wanted: Wanted, name: str, _: QueueAttribute, text: str) -> Fault | None:
    if not wanted.fifo:
        return fault("InvalidAttributeName", _MUST_BE_FIFO.format(name))
    if text not in DEDUP_SCOPES:
        return _invalid_value(name)
    wanted.settings["dedup_scope"] = DEDUP_SCOPES[text]
    return None


def _throughput(wanted: Wanted, name: str, _: QueueAttribute, text: str) -> Fault | None:
    if not wanted.fifo:
        return fault("InvalidAttributeName", _MUST_BE_FIFO.format(name))
    if text not in (PER_QUEUE, PER_GROUP):
        return _invalid_value(name)
    wanted.extras[LIMIT] = text
    return None


def _unknown(name: str) -> Fault:
    return fault("InvalidAttributeName", f"Unknown Attribute {name[:80]}.")


def _invalid_value(name: str, reason: str = "") -> Fault:
    text = f"Invalid value for the parameter {name}."
    return fault("InvalidAttributeValue", f"{text} Reason: {reason}" if reason else text)


_READERS: Final[dict[str, Callable[[Wanted, str, QueueAttribute, str], Fault | None]]] = {
    NUMBER: _number,
    TRUTH: _truth,
    TEXT: _text,
    POLICY: _policy_text,
    REDRIVE: _redrive_policy,
    REDRIVE_ALLOW: _redrive_allow_policy,
    KIND: _kind,
    BY_CONTENT: _by_content,
    SCOPE: _scope,
    THROUGHPUT: _throughput,
}


def limits_throughput(wanted: Wanted) -> bool:
    """Whether a client wants something that `bad_throughput` must look at."""
    return LIMIT in wanted.extras or "dedup_scope" in wanted.settings


def bad_throughput(wanted: Wanted, now: Described | None) -> Fault | None:
    """Whether a limit for each group goes without ids for each group; `now`: what the queue is set
    to so far."""
    limit, scope = PER_QUEUE, DEDUP_QUEUE
    if now is not None:
        limit, scope = now.extras.get(LIMIT, PER_QUEUE), now.settings.dedup_scope
    limit = wanted.extras.get(LIMIT) or limit
    scope = wanted.settings.get("dedup_scope", scope)
    if limit != PER_GROUP or scope == DEDUP_KEY:
        return None
    return _invalid_value(
        "FifoThroughputLimit",
        "It can be perMessageGroupId only where DeduplicationScope is messageGroup.",
    )


def redrive_allowed(target: Described, source: str) -> bool:
    """Whether a queue lets itself be the dead-letter queue of `source`."""
    text = target.extras.get(EXTRA + "RedriveAllowPolicy")
    if not text:
        return True
    policy = _redrive_allow(text)
    if policy.redrivePermission == "byQueue":
        return source in [queue_of_arn(arn, "sourceQueueArns") for arn in policy.sourceQueueArns]
    return policy.redrivePermission == "allowAll"


def all_attributes(config: SqsConfig, region: str, described: Described) -> dict[str, str]:
    """Every attribute a queue has, as SQS spells them."""
    found: dict[str, str] = {}
    settings = described.settings
    for name, attribute in QUEUE_ATTRIBUTES.items():
        if attribute.setting:
            kept: int | None = getattr(settings, attribute.setting)
            # A queue of another protocol may be without a limit: then SQS's largest is told.
            number = attribute.high if kept is None else kept // attribute.scale
            found[name] = str(number)
        elif (text := described.extras.get(EXTRA + name)) is not None:
            found[name] = text
    found.setdefault("SqsManagedSseEnabled", "false")
    if settings.kind == FIFO:
        found["FifoQueue"] = "true"
        found["ContentBasedDeduplication"] = str(settings.dedup_by_content).lower()
        by_key = settings.dedup_scope == DEDUP_KEY
        found["DeduplicationScope"] = "messageGroup" if by_key else "queue"
        found.setdefault("FifoThroughputLimit", PER_QUEUE)
    if settings.dead_letter_queue is not None:
        target = arn_of(config, region, settings.dead_letter_queue)
        policy = {"deadLetterTargetArn": target, "maxReceiveCount": settings.deliveries_max or 1}
        found["RedrivePolicy"] = msgspec.json.encode(policy).decode()
    found["ApproximateNumberOfMessages"] = str(described.ready)
    found["ApproximateNumberOfMessagesNotVisible"] = str(described.leased)
    found["ApproximateNumberOfMessagesDelayed"] = str(described.delayed)
    found["CreatedTimestamp"] = str(described.created_ms // 1_000)
    found["LastModifiedTimestamp"] = str(described.changed_ms // 1_000)
    found["QueueArn"] = arn_of(config, region, described.name)
    return found
