"""Queues: made, compared, changed, listed, deleted."""

import pytest

from postroad.core import records as facts
from postroad.core.decide import declare
from postroad.limits import DELIVERIES_MAX, KEY_LENGTH_MAX
from postroad.model import commands
from postroad.model.commands import ChangeQueue, DeclareQueue
from postroad.model.policy import QueueSettings, RetryPolicy
from postroad.model.replies import Declared, Described, Done, Listed, Purged, Refused, Why
from tests.unit.core.road import Road

CENTURY_MS = 4_000_000_000_000


def refusal(reply: object) -> Why:
    assert isinstance(reply, Refused), reply
    assert reply.text
    return reply.why


def test_a_queue_is_declared_once_and_the_same_again_is_fine() -> None:
    r = Road()
    assert r.ask(DeclareQueue("q")) == Declared(1, True)
    assert r.ask(DeclareQueue("q")) == Declared(1, False)
    assert r.ask(DeclareQueue("p")) == Declared(2, True)
    r.check()


def test_only_what_the_caller_names_must_agree() -> None:
    r = Road()
    r.ask(DeclareQueue("q", QueueSettings(lease_ms=5, delay_ms=7), {"x.y": "1"}))
    other = QueueSettings(lease_ms=5, delay_ms=8)
    assert r.ask(DeclareQueue("q", other, compare=("lease_ms",))) == Declared(1, False)
    assert refusal(r.ask(DeclareQueue("q", other, compare=("delay_ms",)))) is Why.SETTINGS_DIFFER
    assert r.ask(DeclareQueue("q", other, {"x.y": "1"}, compare=("x.y",))) == Declared(1, False)
    again = DeclareQueue("q", other, compare=("x.y",))
    assert refusal(r.ask(again)) is Why.SETTINGS_DIFFER
    again = DeclareQueue("q", other, {"x.y": "2"}, compare=("x.y",))
    assert refusal(r.ask(again)) is Why.SETTINGS_DIFFER


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 513, "\ud800"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    assert refusal(Road().ask(DeclareQueue(name))) is Why.BAD_NAME


@pytest.mark.parametrize(
    "settings",
    [
        QueueSettings(lease_ms=-1),
        QueueSettings(delay_ms=CENTURY_MS),
        QueueSettings(wait_ms=-1),
        QueueSettings(retention_ms=0),
        QueueSettings(ttl_ms=CENTURY_MS),
        QueueSettings(deliveries_max=0),
        QueueSettings(deliveries_max=DELIVERIES_MAX + 1),
        QueueSettings(length_max=0),
        QueueSettings(bytes_max=2**63),
        QueueSettings(message_bytes_max=0),
        QueueSettings(leased_max=0),
        QueueSettings(overflow="burst"),
        QueueSettings(retry=RetryPolicy("often")),
        QueueSettings(retry=RetryPolicy(when="later")),
        QueueSettings(retry=RetryPolicy("fixed", -1)),
        QueueSettings(retry=RetryPolicy("fixed", 1, CENTURY_MS)),
        QueueSettings(dead_letter_queue=""),
        QueueSettings(dead_letter_exchange="a\n"),
        QueueSettings(dead_letter_exchange="x", dead_letter_queue="d"),
        QueueSettings(dead_letter_routing_key="d"),
        QueueSettings(dead_letter_exchange="", dead_letter_routing_key="k" * (KEY_LENGTH_MAX + 1)),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: QueueSettings) -> None:
    r = Road()
    assert refusal(r.ask(DeclareQueue("q", settings))) is Why.BAD_SETTINGS
    r.declare()
    assert refusal(r.ask(ChangeQueue("q", settings))) is Why.BAD_SETTINGS
    r.check()


def test_there_are_only_so_many_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    r = Road()
    r.declare("a")
    monkeypatch.setattr(declare, "QUEUES_MAX", 1)
    assert refusal(r.ask(DeclareQueue("b"))) is Why.BAD_COMMAND
    assert r.ask(DeclareQueue("a")) == Declared(1, False)


def test_a_change_sets_what_it_names_and_leaves_the_rest() -> None:
    r = Road()
    r.ask(DeclareQueue("q", QueueSettings(lease_ms=5), {"x": "1", "y": "2"}, {"team": "a"}))
    r.now += 10
    assert r.ask(ChangeQueue("q", None, {"x": None, "z": "3", "none": None})) == Done()
    assert r.ask(ChangeQueue("q", QueueSettings(lease_ms=6), labels={"team": "b"})) == Done()
    seen = r.ask(commands.DescribeQueue("q"))
    assert isinstance(seen, Described)
    assert (seen.settings.lease_ms, seen.extras, seen.labels) == (
        6,
        {"y": "2", "z": "3"},
        {"team": "b"},
    )
    assert seen.changed_ms - seen.created_ms == 10
    r.check()


def test_two_who_change_different_settings_do_not_undo_each_other() -> None:
    r = Road()
    r.declare(lease_ms=1, delay_ms=1, wait_ms=1)
    r.ask(ChangeQueue("q", QueueSettings(lease_ms=2), only=("lease_ms",)))
    r.ask(ChangeQueue("q", QueueSettings(delay_ms=2), only=("delay_ms",)))
    r.ask(ChangeQueue("q", QueueSettings(), only=()))
    settings = r.queue().settings
    assert (settings.lease_ms, settings.delay_ms, settings.wait_ms) == (2, 2, 1)
    unknown = ChangeQueue("q", QueueSettings(), only=("colour",))
    assert refusal(r.ask(unknown)) is Why.BAD_SETTINGS
    assert refusal(r.ask(ChangeQueue("q", QueueSettings(), only=(1,)))) is Why.BAD_COMMAND  # type: ignore[arg-type]
    r.check()


def test_a_queue_is_never_its_own_dead_letter_queue() -> None:
    r = Road()
    own = QueueSettings(dead_letter_queue="q")
    assert refusal(r.ask(DeclareQueue("q", own))) is Why.BAD_SETTINGS
    r.declare()
    assert refusal(r.ask(ChangeQueue("q", own))) is Why.BAD_SETTINGS
    change = ChangeQueue("q", own, only=("dead_letter_queue",))
    assert refusal(r.ask(change)) is Why.BAD_SETTINGS
    assert r.ask(ChangeQueue("q", own, only=("lease_ms",))) == Done()
    assert r.queue().settings.dead_letter_queue is None


def test_what_is_not_there_cannot_be_changed_deleted_purged_or_described() -> None:
    r = Road()
    for command in (
        ChangeQueue("none"),
        commands.DeleteQueue("none"),
        commands.PurgeQueue("none"),
        commands.DescribeQueue("none"),
    ):
        assert refusal(r.ask(command)) is Why.NO_SUCH_QUEUE


def test_a_deleted_queue_comes_back_as_another() -> None:
    r = Road()
    r.declare()
    r.fill(3)
    assert r.ask(commands.DeleteQueue("q")) == Done()
    assert refusal(r.ask(commands.DescribeQueue("q"))) is Why.NO_SUCH_QUEUE
    assert r.ask(DeclareQueue("q")) == Declared(2, True)
    assert r.counts() == (0, 0, 0, 0)
    r.settle_down()
    r.check()


def test_a_purge_says_how_many_there_were_and_an_empty_one_writes_nothing() -> None:
    r = Road()
    r.declare()
    r.fill(5)
    r.receive(count=2)
    assert r.ask(commands.PurgeQueue("q")) == Purged(5)
    steps = len(r.steps)
    assert r.ask(commands.PurgeQueue("q")) == Purged(0)
    assert len(r.steps) == steps
    assert isinstance(r.records()[-1], facts.Purged)


def test_names_are_listed_in_order_a_page_at_a_time() -> None:
    r = Road()
    for name in ("b", "a", "ab", "abc", "c", "aa"):
        r.declare(name)

    def listed(prefix: str = "", after: str = "", count: int = 9) -> tuple[list[str], bool]:
        reply = r.ask(commands.ListQueues(prefix, after, count))
        assert isinstance(reply, Listed)
        return reply.names, reply.more

    assert listed() == (["a", "aa", "ab", "abc", "b", "c"], False)
    assert listed(count=2) == (["a", "aa"], True)
    assert listed(after="aa", count=2) == (["ab", "abc"], True)
    assert listed("ab") == (["ab", "abc"], False)
    assert listed("ab", "ab") == (["abc"], False)
    assert listed("ab", "b") == ([], False)
    assert listed("abb") == ([], False)
    assert listed("a", count=3) == (["a", "aa", "ab"], True)
