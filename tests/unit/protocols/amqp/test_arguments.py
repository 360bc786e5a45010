from decimal import Decimal
from typing import Any

import pytest

from postroad.model.fields import Long, Stamp
from postroad.model.policy import (
    BACKOFF_LINEAR,
    OVERFLOW_DEAD_LETTER_OLDEST,
    OVERFLOW_DROP_OLDEST,
    OVERFLOW_REJECT,
    OVERFLOW_REJECT_DEAD_LETTER,
    PRIORITY,
    STANDARD,
    QueueSettings,
    RetryPolicy,
)
from postroad.model.topics import TopicSettings
from postroad.protocols.amqp.arguments import (
    ARGUMENTS,
    FIELDS,
    IGNORED,
    pack_arguments,
    queue_settings,
    read_arguments,
    topic_settings,
    type_of,
    unpack_arguments,
)
from postroad.protocols.amqp.errors import ChannelFault

WHAT = "queue 'q' in vhost '/'"


def settings(**given: Any) -> QueueSettings:
    known = {name.replace("_", "-"): one for name, one in given.items()}
    return queue_settings(
        known, lambda name: name and f"core:{name}", exclusive=False, auto_delete=False
    )


def refused(**given: Any) -> str:
    known = {name.replace("_", "-"): one for name, one in given.items()}
    with pytest.raises(ChannelFault) as raised:
        read_arguments(known, WHAT)
    assert raised.value.code == 406
    return raised.value.text


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (1, "signedint"),
        (2**31, "long"),
        (Long(1), "long"),
        (Stamp(1), "timestamp"),
        (True, "bool"),
        ("x", "longstr"),
        (b"x", "binary"),
        (1.5, "double"),
        (Decimal(1), "decimal"),
        ([], "array"),
        ({}, "table"),
        (None, "void"),
    ],
)
def test_types_have_the_words_of_rabbitmq(given: object, word: str) -> None:
    assert type_of(given) == word


WHOLE = [name for name, row in ARGUMENTS.items() if "integer" in (row.check("x") or "")]


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_number_is_one(name: str) -> None:
    check = ARGUMENTS[name].check
    assert check("5") == '"expected integer, got longstr"'
    assert check(True) == '"expected integer, got bool"'
    assert check(Stamp(5)) == '"expected integer, got timestamp"'
    assert check(None) == '"expected integer, got void"'
    assert check(-2) in ("{value_negative,-2}", "{value_too_small,-2}")


@pytest.mark.parametrize("name", [name for name in ARGUMENTS if name not in WHOLE])
def test_what_is_no_number_is_refused_as_one(name: str) -> None:
    assert ARGUMENTS[name].check(3) == "{unacceptable_type,signedint}"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"x_expires": 0}, "invalid arg 'x-expires' for {}: {{value_zero,0}}"),
        (
            {"x_message_ttl": 315_360_000_001},
            "invalid arg 'x-message-ttl' for {}: {{value_too_large,315360000001}}",
        ),
        (
            {"x_max_priority": 256},
            "invalid arg 'x-max-priority' for {}: {{max_value_exceeded,256}}",
        ),
        ({"x_overflow": "x"}, "invalid arg 'x-overflow' for {}: invalid_overflow"),
        (
            {"x_queue_type": "odd"},
            "invalid arg 'x-queue-type' for {}: \"unsupported queue type 'odd'\"",
        ),
        (
            {"x_dead_letter_exchange": 3},
            "invalid type 'signedint' for arg 'x-dead-letter-exchange' in {}",
        ),
        (
            {"x_dead_letter_routing_key": "k"},
            "invalid arg 'x-dead-letter-routing-key' for {}: routing_key_but_no_dlx_defined",
        ),
        ({"x_max_age": "5m"}, "invalid arg 'x-max-age' for {} of queue type rabbit_classic_queue"),
        (
            {"x_message_ttl": 5, "x_queue_type": "stream"},
            "invalid arg 'x-message-ttl' for {} of queue type rabbit_stream_queue",
        ),
        (
            {"x_max_age": "soon", "x_queue_type": "stream"},
            "invalid arg 'x-max-age' for {}: invalid_max_age",
        ),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_rabbitmq(given: dict[str, Any], text: str) -> None:
    assert refused(**given) == text.format(WHAT)


def test_what_means_nothing_here_is_left_out() -> None:
    given = {"x-message-ttl": 5, "x-mine": {}, "mine": None, "x-queue-mode": "lazy"}
    assert read_arguments(given, WHAT) == {"x-message-ttl": 5, "x-queue-mode": "lazy"}


def test_arguments_are_kept_as_they_were() -> None:
    known = {"x-max-length": 2**40, "x-single-active-consumer": True, "x-queue-type": "quorum"}
    assert unpack_arguments(pack_arguments(known)) == known
    assert pack_arguments({"b": 1, "a": 2}) == pack_arguments({"a": 2, "b": 1})


def test_no_arguments_leave_the_settings_of_rabbitmqs_queues() -> None:
    assert settings() == QueueSettings(overflow=OVERFLOW_DROP_OLDEST)
    assert queue_settings({}, str, exclusive=True, auto_delete=True) == QueueSettings(
        overflow=OVERFLOW_DROP_OLDEST, exclusive=True, delete_when_unused=True
    )


@pytest.mark.parametrize(
    ("word", "dead_letters", "overflow"),
    [
        ("drop-head", False, OVERFLOW_DROP_OLDEST),
        ("drop-head", True, OVERFLOW_DEAD_LETTER_OLDEST),
        ("reject-publish", False, OVERFLOW_REJECT),
        ("reject-publish", True, OVERFLOW_REJECT),
        ("reject-publish-dlx", False, OVERFLOW_REJECT),
        ("reject-publish-dlx", True, OVERFLOW_REJECT_DEAD_LETTER),
    ],
)
def test_what_gives_way_in_a_full_queue(word: str, dead_letters: bool, overflow: str) -> None:
    given = {"x_dead_letter_exchange": "dlx"} if dead_letters else {}
    assert settings(x_overflow=word, **given).overflow == overflow


def test_dead_letters_go_through_the_exchange_of_the_same_vhost() -> None:
    dead = settings(x_dead_letter_exchange="dlx", x_dead_letter_routing_key="k")
    assert (dead.dead_letter_exchange, dead.dead_letter_routing_key) == ("core:dlx", "k")
    assert dead.expired_to_dead_letters
    # With the default exchange the key is the name of a queue.
    dead = settings(x_dead_letter_exchange="", x_dead_letter_routing_key="k")
    assert (dead.dead_letter_exchange, dead.dead_letter_routing_key) == ("", "core:k")


@pytest.mark.parametrize(
    ("overflow", "strategy", "strict"),
    [
        ("reject-publish", "at-least-once", True),
        ("reject-publish", "at-most-once", False),
        ("drop-head", "at-least-once", False),
    ],
)
def test_dead_letters_are_sure_only_where_nothing_is_dropped(
    overflow: str, strategy: str, strict: bool
) -> None:
    given = settings(
        x_dead_letter_exchange="dlx", x_overflow=overflow, x_dead_letter_strategy=strategy
    )
    assert given.dead_letter_strict is strict


@pytest.mark.parametrize(
    ("given", "deliveries_max"),
    [
        ({}, None),
        ({"x_queue_type": "quorum"}, 21),
        ({"x_queue_type": "quorum", "x_delivery_limit": -1}, None),
        ({"x_delivery_limit": 0}, 1),
        ({"x_delivery_limit": 5}, 6),
    ],
)
def test_a_delivery_limit_counts_returns(given: dict[str, Any], deliveries_max: int | None) -> None:
    assert settings(**given).deliveries_max == deliveries_max


def test_priorities_want_a_queue_of_their_kind() -> None:
    assert settings(x_max_priority=1).kind == PRIORITY
    assert settings(x_max_priority=0).kind == STANDARD


def test_retries_wait_longer_each_time_where_they_are_asked_to() -> None:
    given = {"x_delayed_retry_min": 100, "x_delayed_retry_max": 500}
    retry = settings(x_delayed_retry_type="returned", **given).retry
    assert retry == RetryPolicy(BACKOFF_LINEAR, 100, 500, "returned")
    assert settings(**given).retry == RetryPolicy()
    assert settings(x_delayed_retry_type="disabled", **given).retry == RetryPolicy()


def test_a_life_of_no_time_is_one_as_well() -> None:
    assert settings(x_message_ttl=0).ttl_ms == 0
    assert settings().ttl_ms is None


def test_duplicates_are_dropped_where_they_are_asked_to() -> None:
    assert settings(x_message_deduplication=True).dedup_window_ms == 300_000
    assert settings(x_message_deduplication=True, x_cache_ttl=5).dedup_window_ms == 5
    assert settings(x_cache_ttl=5).dedup_window_ms is None


@pytest.mark.parametrize(
    ("age", "retention_ms"),
    [
        ("1Y", 31_536_000_000),
        ("2M", 5_184_000_000),
        ("3D", 259_200_000),
        ("4h", 14_400_000),
        ("5m", 300_000),
        ("6s", 6_000),
        ("0s", 1),
    ],
)
def test_the_age_of_a_stream(age: str, retention_ms: int) -> None:
    assert topic_settings({"x-max-age": age}) == TopicSettings(retention_ms=retention_ms)


def test_a_stream_without_arguments_keeps_everything() -> None:
    assert topic_settings({}) == TopicSettings()


def test_every_row_that_sets_something_is_known() -> None:
    assert FIELDS.keys() <= ARGUMENTS.keys()
    assert ARGUMENTS.keys() >= IGNORED
    fields = {field for names in FIELDS.values() for field in names}
    assert fields <= set(QueueSettings.__struct_fields__)
