"""Records and their bytes: what was written once is read for good.

Rewritten by `make golden`; the difference is the review, and may only be a new file.
"""

import os
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from postroad.core import history
from postroad.core import records as facts
from postroad.core.apply import APPLY
from postroad.core.codec import AnyRecord, BadPayload, decode_group, encode_step, head_of_group
from postroad.core.exchanges import records as exchanges
from postroad.core.fanouts.records import FanoutAdvanced, FanoutBegan
from postroad.core.kv import records as kv_facts
from postroad.core.lists import records as lists
from postroad.core.lists.desk import SERVED as FROM_LISTS
from postroad.core.schedules import records as schedules
from postroad.core.schemas.records import SchemaSet
from postroad.core.table import DECIDERS
from postroad.core.topics.desk import SERVED
from postroad.model import commands
from postroad.model.batch import Batch, Run
from postroad.model.choices import Edit, Which
from postroad.model.exchanges import ExchangeSettings
from postroad.model.message import Death, Note, plain_head
from postroad.model.policy import QueueSettings, RetryPolicy
from postroad.model.schedules import ScheduleSettings
from tests.unit.core.topics.examples import EXAMPLES as TOPICS

GOLDEN = Path(__file__).parents[2] / "golden" / "records"
BIG = 2**64 - 1
NOW = 1_700_000_000_123
DEATHS = [
    Death("mail", "rejected", 4, NOW),
    Death("späm", "expired", 0, NOW, NOW + 1, 2, "orders", ("paid", "all"), 1),
]
NOTE = Note(1, 2, NOW, 3, DEATHS, "graves", ("late",))
EVERYTHING = QueueSettings(
    lease_ms=1,
    delay_ms=2,
    retention_ms=3,
    ttl_ms=4,
    deliveries_max=5,
    dead_letter_queue="dead",
    retry=RetryPolicy("exponential", 6, 7),
    length_max=8,
    bytes_max=9,
    overflow="drop-oldest",
    expired_to_dead_letters=True,
    wait_ms=10,
    message_bytes_max=11,
    leased_max=12,
)
EVERY_CHOICE = Which('{"a":[1]}', "body", 1, NOW, 2, NOW, ((7, BIG), (8, 0)))
MASK = bytes([0b1011])
SIZES = bytes([1, 0, 0, 0, 2, 0, 0, 0])
U64S = bytes([5, 0, 0, 0, 0, 0, 0, 0]) + b"\xff" * 8
NIGHTLY = ScheduleSettings(
    *("orders", "exchange", "paid.eu", b"body", plain_head({"a": 1}), "k", "0 3 * * *"),
    zone="Europe/Paris",
    every_ms=0,
    anchor_ms=5,
    until_ms=NOW,
    missed="all",
    late_ms=60_000,
    jitter_ms=30_000,
    ttl_ms=5_000,
    priority=7,
)
ROUTING = ExchangeSettings("consistent-hash", True, True, True, "rest", "who")
EXAMPLES: list[facts.Record] = [
    facts.Born(b"salt" * 4, NOW),
    facts.QueueDeclared(7, "mail", EVERYTHING, {"sqs.Policy": "{}"}, {"team": "a"}, NOW),
    facts.QueueChanged(7, QueueSettings(), {}, {}, NOW),
    facts.QueueDeleted(7),
    facts.RouteSetDefined(9, [7, 8]),
    FanoutBegan(11, 9, BIG, 2, 12),
    FanoutAdvanced(11, 500, NOW),
    facts.Published(7, BIG, NOW, SIZES, b"abc", SIZES, b"hij", U64S, U64S, [NOTE, NOTE]),
    facts.Leased(7, 2 << 40, 4_096, 4, MASK, NOW, BIG, NOW),
    facts.Acked(7, 2 << 40, 4_096, 4, MASK),
    facts.Returned(7, 2 << 40, 4_096, 4, MASK, NOW, True, facts.REJECTED),
    facts.Extended(7, 5, 4_096, 4, MASK, 6, NOW),
    facts.Lapsed(7, NOW, 500),
    facts.Ripened(7, NOW, 8),
    facts.Aged(7, 4_096, facts.EXPIRED),
    facts.Expired(7, NOW, 8, facts.EXPIRED),
    facts.Dropped(7, 4_096, 4, b"", facts.MOVED),
    facts.Condemned(7, 4_096, 4, MASK, facts.OVERFLOW),
    facts.Purged(7, 8_192),
    facts.Swept(7, 8),
    facts.HolderEnded(7, BIG, 500, False),
    facts.Placed(7, 4_096, BIG, 131_072, 77),
    facts.Rewritten(7, 4_096, BIG, 131_072, 33),
    facts.Closed(7, 4_096),
    facts.MoveTaskStarted(1, 7, 8, 100, 4_096, 77, NOW),
    facts.MoveTaskMoved(1, 10, 4_090, NOW),
    facts.MoveTaskEnded(1, "failed", "the queue was deleted", NOW),
    exchanges.ExchangeDeclared(7, "x", ROUTING, {"sns.Policy": "{}"}, {"team": "a"}, NOW),
    exchanges.ExchangeChanged(7, ExchangeSettings(), {}, {}),
    exchanges.ExchangeDeleted(7),
    exchanges.BindingMade(9, 7, 8, "queue", "k.#", b"\x81\xa1a\x01", "{}", "body", {"r": "1"}, NOW),
    exchanges.BindingChanged(9, "", "", {}),
    exchanges.BindingsRemoved([9, BIG]),
    *TOPICS,
]
EXAMPLES += [
    SchemaSet(7, 1, "{}", NOW),
    kv_facts.KvSpaceMade(3, "späces"),
    kv_facts.KvWritten(3, [b"k", b"\x00"], [b"", b"\xff"], NOW),
    kv_facts.KvDeleted(3, [b"k"]),
    kv_facts.KvExpirySet(3, [b"k"], BIG),
    kv_facts.KvMembersSet(3, b"k", 4, [b"m"], [bytes(8)]),
    kv_facts.KvMembersRemoved(3, b"k", [b"m", b""]),
    kv_facts.KvExpired(NOW, 500),
    kv_facts.KvSwept(2_000),
    kv_facts.KvFlushed(3),
    kv_facts.KvRenamed(3, b"k", 4, b"l"),
    kv_facts.KvFieldEndsSet(3, b"k", [b"f", b""], BIG),
]
EXAMPLES += [
    history.Kept(7, 2 << 40, 4_096, 4, MASK, NOW),
    history.Recalled(7, 4_096, 4, b""),
    history.Forgotten(7, NOW, 8),
    history.CameBack(7, 2 << 40, 4_096, 4, MASK, NOW, True, facts.REJECTED, NOW, "it broké"),
    history.HolderLeft(7, BIG, 500, False, NOW),
    history.Rescheduled(7, 4_096, 4, MASK, NOW),
    history.MovePlanned(1, True, EVERY_CHOICE, Edit(b"other", plain_head({"a": 1}), ("b",))),
    lists.ListBegun(7, lists.RIGHT_END, True),
    lists.Fronted(7, BIG - 3, 4, MASK),
    lists.Seated(7, BIG, 1, lists.BEFORE),
]
EXAMPLES += [
    schedules.ScheduleSet("nightly", NIGHTLY, False, NOW + 1, NOW, 12_345),
    schedules.SchedulePaused("nightly", True, 0, NOW),
    schedules.ScheduleDeleted("nightly"),
    schedules.SlotsFired("nightly", 0, 2, 1, NOW, NOW + 1, NOW, "queue `réports` is full"),
]
KINDS = [type(one).__name__ for one in EXAMPLES]


def spelled(record: facts.Record) -> str:
    content = b"".join(encode_step([record]))
    lines = [content[at : at + 16].hex(" ") for at in range(0, len(content), 16)]
    return "\n".join([f"# a step of one {type(record).__name__}", *lines, ""])


OLD_NOTE = (
    "95 01 02 cf 00 00 01 8b cf e5 68 7b 03 92 94 a4 6d 61 69 6c a8 72 65 6a 65 63 74 65 64 04 cf"
    "00 00 01 8b cf e5 68 7b 94 a5 73 70 c3 a4 6d a7 65 78 70 69 72 65 64 00 cf 00 00 01 8b cf e5"
    "68 7b"
)


def test_a_note_of_four_words_for_each_death_is_read_as_before() -> None:
    note = msgspec.msgpack.decode(bytes.fromhex(OLD_NOTE), type=Note)
    deaths = [Death("mail", "rejected", 4, NOW), Death("späm", "expired", 0, NOW)]
    assert note == Note(1, 2, NOW, 3, deaths)
    assert [death.at_ms for death in note.deaths] == [NOW, NOW]


OLD_CAME_BACK = (
    "91 9a 1d 07 cf 00 00 02 00 00 00 00 00 cd 10 00 04 c4 01 0b cf 00 00 01 8b cf e5 68 7b c3 02"
    "cf 00 00 01 8b cf e5 68 7b"
)


def test_a_return_that_says_nothing_of_a_failure_is_read_as_before() -> None:
    content = bytes.fromhex(OLD_CAME_BACK)
    came_back = history.CameBack(7, 2 << 40, 4_096, 4, MASK, NOW, True, facts.REJECTED, NOW)
    assert decode_group(head_of_group(1) + content) == [[came_back]]
    assert came_back.failure == ""


OLD_SCHEDULE_SET = (
    "91 96 6e a7 6e 69 67 68 74 6c 79 9d a6 6f 72 64 65 72 73 a8 65 78 63 68 61 6e 67 65 a7 70"
    "61 69 64 2e 65 75 c4 04 62 6f 64 79 c4 05 01 81 a1 61 01 a1 6b a9 30 20 33 20 2a 20 2a 20"
    "2a ac 45 75 72 6f 70 65 2f 50 61 72 69 73 00 05 cf 00 00 01 8b cf e5 68 7b a3 61 6c 6c cd"
    "ea 60 c2 cf 00 00 01 8b cf e5 68 7c cf 00 00 01 8b cf e5 68 7b"
)


def test_a_schedule_that_knows_no_jitter_is_read_as_before() -> None:
    content = bytes.fromhex(OLD_SCHEDULE_SET)
    settings = msgspec.structs.replace(NIGHTLY, jitter_ms=0, ttl_ms=None, priority=None)
    old = schedules.ScheduleSet("nightly", settings, False, NOW + 1, NOW)
    assert decode_group(head_of_group(1) + content) == [[old]]
    assert old.offset_ms == 0


@pytest.mark.parametrize("record", EXAMPLES, ids=KINDS)
def test_golden_bytes_of_each_record(record: facts.Record) -> None:
    path = GOLDEN / f"{type(record).__name__}.txt"
    if os.environ.get("POSTROAD_WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(spelled(record), encoding="utf-8")
    golden = path.read_text(encoding="utf-8")
    assert spelled(record) == golden
    content = bytes.fromhex("".join(line for line in golden.splitlines() if line[0] != "#"))
    assert decode_group(head_of_group(1) + content) == [[record]]


def test_each_kind_of_record_has_an_example_a_file_and_a_change_of_state() -> None:
    kinds = {kind.__name__ for kind in get_args(AnyRecord)}
    assert set(KINDS) == kinds
    assert {path.stem for path in GOLDEN.glob("*.txt")} == kinds
    assert {kind.__name__ for kind in APPLY} == kinds


def test_each_command_is_decided_at_once_or_served() -> None:
    served = {
        commands.Receive,
        commands.Pop,
        commands.Attach,
        commands.GrantCredit,
        commands.CountArrived,
        commands.SetPool,
        commands.Detach,
        *SERVED,
        *FROM_LISTS,
        Batch,
        Run,
    }
    assert set(get_args(commands.Command)) == set(DECIDERS) | served
    assert not set(DECIDERS) & served


def test_a_record_written_before_a_field_was_added_has_its_default() -> None:
    (short,) = encode_step([facts.Returned(7, 1, 0, 1, b"", 0, True)])
    assert short[1] == 0x99
    older = short[:1] + b"\x98" + short[2:-1]
    assert decode_group(head_of_group(1) + older) == [[facts.Returned(7, 1, 0, 1, b"", 0, True)]]


def test_steps_stay_apart_in_a_group() -> None:
    steps: list[list[facts.Record]] = [
        [facts.QueueDeleted(1), facts.QueueDeleted(2)],
        [EXAMPLES[0]],
    ]
    parts = [part for step in steps for part in encode_step(step)]
    assert decode_group(b"".join((head_of_group(2), *parts))) == steps


@pytest.mark.parametrize("count", [1, 15, 16, 70_000])
def test_large_bodies_are_not_copied_and_their_bytes_are_those_of_any_record(count: int) -> None:
    large = facts.Published(1 << 33, 70_000, NOW, bytes(400), b"body" * 25_000, keys=bytes(800))
    step: list[facts.Record] = [large, *[facts.QueueDeleted(2)] * (count - 1)]
    parts = encode_step(step)
    assert any(part is large.blob for part in parts)
    assert b"".join(parts) == msgspec.msgpack.encode(step)


@pytest.mark.parametrize(
    "payload", [b"", b"\x00", b"\x91\x91\x92\x63\x01", b"\x91\x91\x92\x04\xa1x"]
)
def test_bytes_that_are_not_ours_are_named_so(payload: bytes) -> None:
    with pytest.raises(BadPayload):
        decode_group(payload)
