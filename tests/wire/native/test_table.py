"""The table of commands and replies: complete, and the same for ever."""

import typing
from pathlib import Path

import pytest

from postroad.model import commands, exchanges, groups, kv, replies
from postroad.model.batch import Batch, Run, RunDone
from postroad.protocols.native import spec
from postroad.protocols.native.again import may_ask_again
from postroad.protocols.native.errors import FAULTS, FaultCode
from postroad.protocols.native.spec import Again
from tests.wire.native.shapes import fields_of, parts

GOLDEN = Path(__file__).parents[2] / "golden" / "native" / "table.txt"


def lines_now() -> dict[tuple[str, str], list[str]]:
    """(What, number or "-") -> name and fields."""
    found = {}
    for row in spec.COMMANDS:
        found["command", str(row.number)] = [row.cls.__name__, *fields_of(row.cls)]
    for answer in spec.REPLIES:
        found["reply", str(answer.number)] = [answer.cls.__name__, *fields_of(answer.cls)]
    tops = {one[0] for one in found.values()}
    for part in parts():
        if part.__name__ not in tops:
            found["part", part.__name__] = [part.__name__, *fields_of(part)]
    return found


def lines_of_golden() -> dict[tuple[str, str], list[str]]:
    found = {}
    for line in GOLDEN.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            what, number, *fields = line.split(" ")
            found[what, number] = fields
    return found


def test_every_command_of_the_model_has_a_number_but_programs() -> None:
    known = {row.cls for row in spec.COMMANDS}
    assert known == set(typing.get_args(commands.Command)) - {Run}
    assert len(known) == len(spec.COMMANDS) == len({row.number for row in spec.COMMANDS})


def test_every_reply_of_the_model_has_a_number_but_that_of_programs() -> None:
    known = {row.cls for row in spec.REPLIES}
    assert known == set(typing.get_args(replies.Reply)) - {RunDone}
    assert len(known) == len(spec.REPLIES) == len({row.number for row in spec.REPLIES})


def test_what_had_a_number_keeps_it_and_its_fields_in_their_order() -> None:
    now = lines_now()
    for key, fields in lines_of_golden().items():
        assert now[key][: len(fields)] == fields, f"{key} has changed: old clients cannot read it"


def test_what_has_a_number_is_written_down() -> None:
    """A new row, or a new field at the end of one, goes into the file; nothing else ever does."""
    assert lines_now() == lines_of_golden()


def test_numbers_fit_their_two_bytes() -> None:
    assert all(0 < row.number < 2**16 for row in (*spec.COMMANDS, *spec.REPLIES))


def test_every_fault_is_explained() -> None:
    assert set(FAULTS) == set(FaultCode)


def test_every_rule_for_asking_again_is_explained() -> None:
    assert set(spec.AGAIN) == set(Again)


DEDUPED = commands.Publish(("q",), [b"a", b"b"], dedup_ids=["1", "2"])
HALF_DEDUPED = commands.Publish(("q",), [b"a", b"b"], dedup_ids=["1", None])
ACK = commands.Settle("q", [1], [2], [1])


@pytest.mark.parametrize(
    ("command", "may"),
    [
        (commands.Receive("q"), True),
        (ACK, True),
        (commands.Pop("q"), False),
        (commands.DeleteQueue("q"), False),
        (commands.Publish(("q",), [b"a"]), False),
        (DEDUPED, True),
        (HALF_DEDUPED, False),
        (exchanges.PublishTo("x", ["k"], [b"a"], dedup_ids=["1"]), True),
        (groups.ReceiveShare("t", "g"), True),
        (groups.ReceiveShare("t", "g", leased=False), False),
        (kv.KvIncrement("s", b"k"), False),
        (kv.KvSortedRange("s", b"k"), True),
        (kv.KvSortedRange("s", b"k", remove=True), False),
        (Batch([DEDUPED, ACK]), True),
        (Batch([DEDUPED, ACK], [("q", 4)]), False),
        (Batch([HALF_DEDUPED, ACK]), False),
        (Run(print), False),
    ],
)
def test_what_is_asked_again_leaves_no_more_behind(command: commands.Command, may: bool) -> None:
    assert may_ask_again(command) is may
