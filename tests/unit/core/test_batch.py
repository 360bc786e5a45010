"""Several commands as one step: each sees those before it, and all or nothing means it."""

from contextlib import suppress

import pytest

from postroad.core import batch, table
from postroad.core.kv.room import room_for
from postroad.core.load import canonical
from postroad.model import commands, groups, topics
from postroad.model.batch import Asking, Batch, BatchDone, Run, RunDone
from postroad.model.claims import ClaimIdle, ClaimLeases
from postroad.model.commands import Command
from postroad.model.exchanges import Bind, DeclareExchange, ExchangeSettings, PublishTo
from postroad.model.kv import (
    IF_ABSENT,
    KvGet,
    KvIncrement,
    KvMapAdd,
    KvMapIncrement,
    KvSet,
)
from postroad.model.kv_replies import KvGot, KvStored
from postroad.model.message import Delivery
from postroad.model.replies import Described, Published, Received, Refused, Settled, Why
from tests.unit.core.road import Road, bodies_of


def receipts(messages: list[Delivery]) -> tuple[list[int], list[int], list[int]]:
    offsets = [one.offset for one in messages]
    return offsets, [one.lease for one in messages], [one.delivery_count for one in messages]


def changes(r: Road, name: str) -> int:
    described = r.ask(commands.DescribeQueue(name))
    assert isinstance(described, Described)
    return described.changes


def test_what_a_batch_does_is_one_step_of_the_journal() -> None:
    r = Road()
    r.declare("work")
    r.declare("results")
    r.publish(b"job", to=("work",))
    job = r.receive("work")
    steps = len(r.steps)
    done = r.ask(
        Batch(
            [
                commands.Settle("work", *receipts(job)),
                commands.Publish(("results",), [b"result"]),
                KvSet("jobs", [b"1"], [b"done"]),
            ]
        )
    )
    assert isinstance(done, BatchDone)
    assert [type(reply) for reply in done.replies] == [Settled, Published, KvStored]
    assert len(r.steps) == steps + 1
    assert r.counts("work") == (0, 0, 0, 0)
    assert r.counts("results") == (1, 0, 0, 0)
    r.check()


def test_what_comes_of_a_read_message_and_the_commit_that_it_was_read_are_one_step() -> None:
    r = Road()
    for name in ("in", "out"):
        r.ask(topics.DeclareTopic(name))
    r.ask(topics.Append("in", [b"order"]))
    steps = len(r.steps)
    read = groups.CommitOffsets("g", (groups.Position("in", 0, 1),))
    done = r.ask(Batch([topics.Append("out", [b"bill"]), read], all_or_nothing=True))
    assert isinstance(done, BatchDone)
    assert len(r.steps) == steps + 1
    late = groups.CommitOffsets("g", (groups.Position("in", 0, 2),), "gone", 3)
    refused = r.ask(Batch([topics.Append("out", [b"bill"]), late], all_or_nothing=True))
    assert isinstance(refused, Refused)
    assert refused.why == Why.NO_SUCH_MEMBER
    assert len(r.steps) == steps + 1
    r.check()


def test_a_number_is_added_to_in_a_batch_or_nothing_is_done() -> None:
    r = Road()
    r.declare("mail")
    counted: list[Command] = [
        KvIncrement("s", b"sent"),
        KvMapIncrement("s", b"by day", b"monday", 2),
    ]
    mail = commands.Publish(("mail",), [b"hello"])
    for _ in range(2):
        assert isinstance(r.ask(Batch([mail, *counted], all_or_nothing=True)), BatchDone)
    got = r.ask(KvGet("s", [b"sent"]))
    assert isinstance(got, KvGot)
    assert got.values == [b"2"]
    r.ask(KvSet("s", [b"sent"], [b"no number"]))
    refused = r.ask(Batch([mail, *counted], all_or_nothing=True))
    assert isinstance(refused, Refused)
    assert r.counts("mail") == (2, 0, 0, 0)
    twice = r.ask(
        Batch([counted[1], KvMapAdd("s", b"by day", b"monday", b"0.5")], all_or_nothing=True)
    )
    assert isinstance(twice, Refused)
    r.check()


def test_numbers_of_one_batch_have_room_beside_each_other() -> None:
    r = Road()
    r.ask(KvSet("s", [b"k"], [b"v"]))
    numbers: list[Command] = [KvIncrement("s", b"n%d" % number) for number in range(4)]
    r.core.world.kv_bytes_max = r.state.kv.size() + 3 * room_for(numbers[0])
    refused = r.ask(Batch(numbers, all_or_nothing=True))
    assert isinstance(refused, Refused)
    assert refused.why == Why.KV_FULL
    assert isinstance(r.ask(Batch(numbers[:3], all_or_nothing=True)), BatchDone)


def test_commits_of_one_batch_make_no_more_groups_than_there_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    r = Road()
    r.ask(topics.DeclareTopic("in"))
    monkeypatch.setattr(batch, "GROUPS_MAX", 2)
    commits: list[Command] = [
        groups.CommitOffsets(f"g{number}", (groups.Position("in", 0, 1),)) for number in range(3)
    ]
    refused = r.ask(Batch(commits, all_or_nothing=True))
    assert isinstance(refused, Refused)
    assert isinstance(r.ask(Batch([commits[0], *commits[:2]], all_or_nothing=True)), BatchDone)


def test_a_command_of_a_batch_sees_what_those_before_it_did() -> None:
    r = Road()
    done = r.ask(
        Batch(
            [
                commands.DeclareQueue("new"),
                commands.Publish(("new",), [b"a", b"b"]),
                commands.Publish(("nowhere",), [b"c"]),
                KvSet("s", [b"k"], [b"v"]),
                KvGet("s", [b"k"]),
            ]
        )
    )
    assert isinstance(done, BatchDone)
    assert isinstance(done.replies[2], Refused)
    assert isinstance(done.replies[4], KvGot)
    assert done.replies[4].values == [b"v"]
    assert r.counts("new") == (2, 0, 0, 0)


def test_all_or_nothing_changes_nothing_where_one_command_would_be_refused() -> None:
    r = Road()
    r.declare("small", length_max=2)
    r.declare("big")
    before = canonical(r.state)
    full = r.ask(
        Batch(
            [
                commands.Publish(("big",), [b"a"]),
                commands.Publish(("small",), [b"b", b"c"]),
                commands.Publish(("small",), [b"d"]),
            ],
            all_or_nothing=True,
        )
    )
    assert isinstance(full, Refused)
    assert full.why is Why.QUEUE_FULL
    assert canonical(r.state) == before


def test_all_or_nothing_needs_every_lease_and_every_condition() -> None:
    r = Road()
    r.declare("q", lease_ms=50)
    r.publish(b"a")
    held = r.receive()
    r.wait(60)
    lost = Batch(
        [
            commands.Publish(("q",), [b"b"]),
            commands.Settle("q", *receipts(held), commands.ACK, None, strict=True),
        ],
        all_or_nothing=True,
    )
    refused = r.ask(lost)
    assert isinstance(refused, Refused)
    assert refused.why is Why.NO_SUCH_LEASE
    r.ask(KvSet("s", [b"k"], [b"v"]))
    taken = Batch(
        [commands.Publish(("q",), [b"b"]), KvSet("s", [b"k"], [b"w"], only=IF_ABSENT)],
        all_or_nothing=True,
    )
    refused = r.ask(taken)
    assert isinstance(refused, Refused)
    assert refused.why is Why.CHANGED
    assert r.counts() == (1, 0, 0, 0)


def test_what_goes_with_an_ack_is_done_with_the_first_one_only() -> None:
    r = Road()
    r.declare("work", lease_ms=1_000)
    r.declare("results")
    r.publish(b"job", to=("work",))
    late = commands.Settle("work", *receipts(r.receive("work")))
    r.wait(2_000)
    done = commands.Settle("work", *receipts(r.receive("work")))
    result = commands.Publish(("results",), [b"result"])
    assert isinstance(r.ask(Batch([result, done], all_or_nothing=True)), BatchDone)
    for again in (late, done):
        refused = r.ask(Batch([result, again], all_or_nothing=True))
        assert isinstance(refused, Refused)
        assert refused.why is Why.NO_SUCH_LEASE
        assert isinstance(r.ask(Batch([again])), BatchDone)
    assert r.counts("results") == (1, 0, 0, 0)
    r.check()


def test_what_goes_with_an_ack_is_done_though_the_lease_lapsed_where_nobody_has_another() -> None:
    r = Road()
    r.declare("work", lease_ms=1_000)
    r.declare("results")
    r.publish(b"job", to=("work",))
    late = commands.Settle("work", *receipts(r.receive("work")))
    r.wait(2_000)
    result = commands.Publish(("results",), [b"result"])
    assert isinstance(r.ask(Batch([result, late], all_or_nothing=True)), BatchDone)
    assert r.counts("work") == (0, 0, 0, 0)
    assert r.counts("results") == (1, 0, 0, 0)
    r.check()


def test_commands_that_could_undo_each_other_are_no_all_or_nothing() -> None:
    r = Road()
    r.declare()
    r.publish(b"a")
    held = receipts(r.receive())
    for pair in (
        [commands.Settle("q", *held), commands.Settle("q", *held, commands.RELEASE)],
        [KvSet("s", [b"k"], [b"v"]), KvSet("s", [b"k"], [b"w"], only=IF_ABSENT)],
    ):
        refused = r.ask(Batch(pair, all_or_nothing=True))
        assert isinstance(refused, Refused)
        assert refused.why is Why.BAD_COMMAND


def test_a_batch_is_done_only_if_nobody_changed_what_it_watches() -> None:
    r = Road()
    r.declare()
    seen = changes(r, "q")
    batch = Batch([commands.Publish(("q",), [b"mine"])], unchanged=[("q", seen)])
    assert isinstance(r.ask(batch), BatchDone)
    refused = r.ask(batch)
    assert isinstance(refused, Refused)
    assert refused.why is Why.CHANGED
    assert r.counts() == (1, 0, 0, 0)


def test_a_change_counter_never_comes_again_after_a_restart() -> None:
    r = Road()
    r.declare()
    seen = changes(r, "q")
    r.restart(2)
    assert changes(r, "q") != seen


def test_a_batch_hands_out_messages_and_does_not_wait() -> None:
    r = Road()
    r.declare("full", wait_ms=10_000)
    r.declare("empty", wait_ms=10_000)
    r.publish(b"a", b"b", to=("full",))
    batch = Batch(
        [
            commands.Pop("empty"),
            commands.Publish(("full",), [b"c"]),
            commands.Receive("full", 9),
            commands.Pop("full"),
        ]
    )
    reply = r.ask(batch)
    assert isinstance(reply, BatchDone)
    got = [bodies_of(one.messages) for one in reply.replies if isinstance(one, Received)]
    assert got == [[], [b"a", b"b", b"c"], []]


@pytest.mark.parametrize(
    "command", [commands.Peek("q"), commands.Move("q", "p"), Batch([KvGet("s", [b"k"])])]
)
def test_what_stands_alone_is_in_no_batch(command: Command) -> None:
    r = Road()
    r.declare()
    refused = r.ask(Batch([command]))
    assert isinstance(refused, Refused)
    assert refused.why is Why.BAD_COMMAND


def test_a_program_reads_and_commands_as_one_step() -> None:
    r = Road()
    r.declare()
    r.ask(KvSet("s", [b"left"], [b"3"]))

    def program(tx: Asking) -> int:
        got = tx.ask(KvGet("s", [b"left"]))
        assert isinstance(got, KvGot)
        left = int(got.values[0] or b"0")
        for number in range(left):
            tx.ask(commands.Publish(("q",), [b"%d" % number]))
        tx.ask(KvSet("s", [b"left"], [b"0"]))
        return left

    steps = len(r.steps)
    assert r.ask(Run(program)) == RunDone(3)
    assert len(r.steps) == steps + 1
    assert r.counts() == (3, 0, 0, 0)
    r.check()


def test_a_program_that_raises_is_told_and_what_it_did_stays() -> None:
    r = Road()
    r.declare()

    def program(tx: Asking) -> None:
        tx.ask(commands.Publish(("q",), [b"before"]))
        raise KeyError("here")

    refused = r.ask(Run(program))
    assert isinstance(refused, Refused)
    assert refused.why is Why.PROGRAM_FAILED
    assert "KeyError" in refused.text
    assert r.counts() == (1, 0, 0, 0)


def test_two_publishes_through_exchanges_to_one_bounded_queue_are_no_all_or_nothing() -> None:
    r = Road()
    r.declare("small", length_max=1)
    r.declare("big")
    r.ask(DeclareExchange("news", ExchangeSettings("fanout")))
    r.ask(Bind("news", "small"))
    r.ask(Bind("news", "big"))
    twice = Batch([PublishTo("news", [""], [b"a"])] * 2, all_or_nothing=True)
    refused = r.ask(twice)
    assert isinstance(refused, Refused)
    assert refused.why is Why.BAD_COMMAND
    assert r.counts("big") == (0, 0, 0, 0)


def test_a_batch_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BATCH_BYTES_MAX", 10)
    r = Road()
    r.declare()
    ten = [commands.Publish(("q",), [b"12345"]), commands.Publish(("q",), [b"1234", b"5"])]
    assert isinstance(r.ask(Batch(ten)), BatchDone)
    refused = r.ask(Batch([*ten, KvSet("room", (b"k",), (b"",))]))
    assert isinstance(refused, Refused)
    assert refused.why is Why.TOO_LARGE
    assert r.counts() == (3, 0, 0, 0)


def test_a_broken_promise_of_our_own_is_not_told_as_the_program_s_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    r = Road()
    r.declare()

    def broken(*_: object) -> None:
        raise AssertionError("a promise of our own")

    monkeypatch.setitem(table.DECIDERS, commands.PurgeQueue, broken)

    def program(tx: Asking) -> None:
        with suppress(AssertionError):
            tx.ask(commands.PurgeQueue("q"))

    for one in (program, lambda tx: tx.ask(commands.PurgeQueue("q"))):
        with pytest.raises(AssertionError, match="a promise of our own"):
            r.ask(Run(one))
    told = r.ask(Run(lambda tx: tx.ask("nonsense")))  # type: ignore[arg-type]
    assert isinstance(told, Refused | RunDone)


def test_a_claim_in_a_batch_says_whether_it_wants_bodies_and_has_none_itself() -> None:
    r = Road()
    claims: list[Command] = [
        ClaimLeases("t", "g", (0,), "c", 0, bodies=True),
        ClaimIdle("t", "g", "c", 0, 0, bodies=True),
    ]
    done = r.ask(Batch(claims))
    assert isinstance(done, BatchDone | Refused)
    r.check()
