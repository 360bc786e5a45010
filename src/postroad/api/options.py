"""Settings as keyword arguments: those of a queue and those of a broker.

It stands between callers and the settings values of model and engine. The rule kept here: a value
of the wrong type or beyond any sense is refused before the broker sees it.
"""

from collections.abc import Mapping
from typing import Final, TypedDict

import msgspec

from postroad.engine.settings import SYNCS, EngineSettings
from postroad.errors import BadSettings
from postroad.limits import DURATION_MS_MAX, LOOP_WRITE_LONG_US
from postroad.model.policy import QueueSettings, RetryPolicy

INTEGER_MAX: Final = 1 << 52


class QueueOptions(TypedDict, total=False):
    """What one may set on a queue; `QueueSettings` says what each means."""

    lease_ms: int
    delay_ms: int
    retention_ms: int | None
    ttl_ms: int | None
    deliveries_max: int | None
    dead_letter_queue: str | None
    retry: RetryPolicy
    length_max: int | None
    bytes_max: int | None
    overflow: str
    expired_to_dead_letters: bool
    wait_ms: int
    message_bytes_max: int | None
    leased_max: int | None
    kind: str
    dedup_window_ms: int | None
    dedup_by_content: bool
    dedup_scope: str
    key_leased_max: int | None
    per_second: int | None
    key_per_second: int | None
    single_active_consumer: bool
    exclusive: bool
    paused: bool
    expires_ms: int | None
    keep_settled_ms: int | None
    delete_when_unused: bool
    dead_letter_exchange: str | None
    dead_letter_routing_key: str | None
    dead_letter_strict: bool
    limits_waiting: bool
    limits_bodies: bool
    priority_max: int | None


class BrokerOptions(TypedDict, total=False):
    """What one may set on a broker; `EngineSettings` says what each means."""

    sync: str
    sync_interval_ms: int
    cache_bytes: int
    kv_bytes: int
    pushes_max: int
    journal_bytes: int
    segment_bytes: int
    reserve_bytes: int
    loop_write_us: int


def queue_settings(options: QueueOptions, base: QueueSettings, queue: str) -> QueueSettings:
    """`base` with what the options say. Raises `BadSettings` about `queue`."""
    unknown = sorted(set(options) - set(QueueSettings.__struct_fields__))
    if unknown:
        raise BadSettings(f"a queue has no setting `{unknown[0]}`", queue)
    settings = msgspec.structs.replace(base, **options)
    try:
        msgspec.convert(msgspec.structs.astuple(settings), QueueSettings, strict=True)
    except msgspec.ValidationError as error:
        name = wrong_name(options) or "a setting"
        raise BadSettings(f"`{name}`: {str(error).partition(' - at')[0].lower()}", queue) from None
    retry = settings.retry
    for name, one in [*options.items(), *zip(retry.__struct_fields__, _fields(retry), strict=True)]:
        most = DURATION_MS_MAX if "_ms" in name else INTEGER_MAX
        if isinstance(one, int) and one > most:
            raise BadSettings(f"`{name}` is at most {most:,}", queue)
    return settings


def engine_settings(options: BrokerOptions) -> EngineSettings:
    """Settings of a broker. Raises `BadSettings`."""
    unknown = sorted(set(options) - set(BrokerOptions.__annotations__))
    if unknown:
        raise BadSettings(f"a broker has no setting `{unknown[0]}`")
    if options.get("sync", SYNCS[0]) not in SYNCS:
        raise BadSettings(f"`sync` is one of {', '.join(SYNCS)}")
    for name, one in options.items():
        if name == "loop_write_us":
            if type(one) is not int or not 0 <= one <= LOOP_WRITE_LONG_US:
                raise BadSettings(f"`{name}` is a whole number from 0 to {LOOP_WRITE_LONG_US:,}")
        elif name != "sync" and (type(one) is not int or not 0 < one < INTEGER_MAX):
            raise BadSettings(f"`{name}` is a whole number above 0")
    return EngineSettings(**options)


def wrong_name(options: Mapping[str, object]) -> str | None:
    """Which option has a value of the wrong type."""
    plain = QueueSettings()
    for name, one in options.items():
        row = msgspec.structs.astuple(msgspec.structs.replace(plain, **{name: one}))
        try:
            msgspec.convert(row, QueueSettings, strict=True)
        except msgspec.ValidationError:
            return name
    return None


def duration(ms: int | None, name: str, least: int = 0) -> int | None:
    """A duration in ms as it is; raises `ValueError` when it is out of range."""
    if ms is None:
        return None
    if not isinstance(ms, int) or isinstance(ms, bool):
        raise TypeError(f"`{name}` is a whole number of milliseconds, not {type(ms).__name__}")
    if not least <= ms <= DURATION_MS_MAX:
        raise ValueError(f"`{name}` is between {least} and {DURATION_MS_MAX:,} ms, not {ms:,}")
    return ms


def _fields(retry: RetryPolicy) -> tuple[object, ...]:
    return msgspec.structs.astuple(retry)
