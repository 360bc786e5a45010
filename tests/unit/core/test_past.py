"""What settled and is kept, moves that choose and change, and what is remembered of messages."""

from typing import Any

import pytest

from postroad.core.biography import EventPage
from postroad.core.load import canonical
from postroad.core.past import PastPage
from postroad.limits import EVENTS_KEPT, EVENTS_PAGE_MAX, SETTLED_SAMPLES_MAX
from postroad.model.choices import Edit, Which
from postroad.model.commands import (
    RELEASE,
    ChangeQueue,
    Move,
    Peek,
    Pop,
    PurgeQueue,
    StartMoveTask,
)
from postroad.model.history import DescribeMessage, MessageDescribed, PutBack
from postroad.model.message import (
    OWN_KEY,
    headers_of,
    own_of,
    plain_head,
    typed_head,
    typed_headers_of,
)
from postroad.model.policy import QueueSettings
from postroad.model.replies import Moved, Peeked, Received, Refused, TaskStarted, Why
from tests.unit.core.road import Road, replayed


def road(**settings: Any) -> Road:
    r = Road()
    r.declare("a", keep_settled_ms=10_000, **settings)
    r.declare("b")
    return r


def kept(r: Road, name: str = "a") -> list[tuple[int, bytes]]:
    peeked = r.ask(Peek(name, 0, 1_000, ("settled",)))
    assert isinstance(peeked, Peeked)
    return [(one.message.offset, one.message.body) for one in peeked.messages]


def test_a_queue_that_keeps_nothing_has_nothing_to_keep_it_in() -> None:
    r = Road()
    r.declare("a")
    r.publish(b"x", to=("a",))
    r.settle(r.receive("a", 1))
    assert r.queue("a").past is None
    assert r.state.shelves[r.queue("a").id].blocks() == []


def test_what_is_acked_and_popped_is_kept_and_its_body_wanted() -> None:
    r = road()
    r.publish(b"x", b"y", b"z", to=("a",))
    r.settle(r.receive("a", 1))
    assert isinstance(r.ask(Pop("a", 1)), Received)
    assert kept(r) == [(0, b"x"), (1, b"y")]
    assert r.core.live_bits(r.queue("a").id, 0, 3) == 0b111
    assert canonical(replayed(r.records())) == canonical(r.state)


def test_what_was_kept_for_long_enough_is_forgotten_and_its_body_free() -> None:
    r = road()
    r.publish(b"x", to=("a",))
    r.settle(r.receive("a", 1))
    r.now += 9_999
    r.pass_time()
    assert kept(r) == [(0, b"x")]
    r.now += 1
    r.pass_time()
    assert kept(r) == []
    assert r.state.shelves[r.queue("a").id].blocks() == []


def test_a_queue_that_keeps_no_more_forgets_at_once_and_so_does_a_purge() -> None:
    for command in (ChangeQueue("a", QueueSettings()), PurgeQueue("a")):
        r = road()
        r.publish(b"x", to=("a",))
        r.settle(r.receive("a", 1))
        r.ask(command)
        r.pass_time()
        assert kept(r) == []
        assert r.queue("a").is_swept()


def test_put_back_is_a_new_message_at_the_end_with_a_note() -> None:
    r = road(retention_ms=5_000)
    r.publish(b"x", to=("a",))
    r.settle(r.receive("a", 1))
    r.now += 6_000
    r.pass_time()
    r.publish(b"y", to=("a",))
    assert r.ask(PutBack("a")) == Moved(1)
    assert r.ask(PutBack("a")) == Moved(0)
    messages = r.receive("a", 2)
    assert [(one.body, one.identity[1], one.delivery_count) for one in messages] == [
        (b"y", 1, 1),
        (b"x", 0, 1),
    ]


def test_put_back_by_id_finds_what_was_put_back_before() -> None:
    r = road()
    id = r.queue("a").id
    r.publish(b"x", b"y", to=("a",))
    r.settle(r.receive("a", 2))
    which = Which(ids=((id, 1),))
    for _ in range(3):
        assert r.ask(PutBack("a", which=which)) == Moved(1)
        (message,) = r.receive("a", 2)
        assert message.body == b"y"
        r.settle([message])


def test_keys_and_priorities_come_back_too() -> None:
    r = Road()
    r.declare("a", keep_settled_ms=10_000, kind="priority")
    r.publish(b"low", b"high", to=("a",), priorities=[1, 9], keys=["k", None])
    r.settle(r.receive("a", 2))
    r.ask(PutBack("a"))
    assert [one.body for one in r.receive("a", 2)] == [b"high", b"low"]
    page = r.queue("a").pages.all[0]
    assert [page.key_number(slot) != 0 for slot in (2, 3)] == [True, False]


def test_a_filter_an_edit_and_a_dry_run() -> None:
    r = road()
    heads = [plain_head({"n": at}) for at in range(4)]
    r.publish(b"0", b"1", b"2", b"3", to=("a",), heads=heads)
    which = Which(filter='{"n":[{"numeric":[">",1]}]}')
    edit = Edit(b"new", plain_head({"was": "old"}), ("n",))
    dry = r.ask(Move("a", "b", which=which, edit=edit, dry_run=True))
    assert dry == Moved(2, 0, (2, 3))
    assert r.counts("a")[0] == 4
    assert r.ask(Move("a", "b", 1, which=which, edit=edit)) == Moved(1, 3)
    (message,) = r.receive("b", 2)
    assert (message.body, message.headers, message.identity[1]) == (b"new", {"was": "old"}, 2)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (Move("a", "b", which=Which(filter="{")), Why.BAD_FILTER),
        (Move("a", "b", which=Which(settled_from_ms=1)), Why.BAD_COMMAND),
        (Move("a", "b", states=("ready", "settled")), Why.BAD_COMMAND),
        (Move("a", "b", edit=Edit(headers=b"\x02\x80")), Why.BAD_COMMAND),
        (Move("a", "b", edit=Edit(removed=("\0key",))), Why.BAD_COMMAND),
        (PutBack("a", which=7), Why.BAD_COMMAND),  # type: ignore[arg-type]
        (PutBack("none"), Why.NO_SUCH_QUEUE),
        (DescribeMessage("a", 5), Why.NO_SUCH_MESSAGE),
        (StartMoveTask("a", "a"), Why.BAD_COMMAND),
    ],
)
def test_what_cannot_be_chosen_or_done_is_refused(command: Any, why: Why) -> None:
    reply = road().ask(command)
    assert isinstance(reply, Refused)
    assert reply.why is why


def test_an_edit_keeps_the_form_of_a_head_and_what_is_a_protocols_own() -> None:
    edit = Edit(headers=plain_head({"n": 1}), removed=("gone",))
    assert headers_of(edit.of_head(b"")) == {"n": 1}
    own = plain_head({"gone": 1, "stays": 2}, "key")
    assert headers_of(edit.of_head(own)) == {"stays": 2, "n": 1}
    assert own_of(edit.of_head(own), OWN_KEY) == "key"
    typed = edit.of_head(typed_head({"gone": ("String", "x"), "t": ("Number.int", "3")}))
    assert typed_headers_of(typed) == {"t": ("Number.int", "3"), "n": ("Number", "1")}


def test_a_put_back_of_many_is_in_slices_and_goes_on_after_a_restart() -> None:
    r = road()
    bodies = [b"%d" % at for at in range(5_000)]
    r.publish(*bodies, to=("a",))
    r.settle(r.receive("a", 5_000))
    assert isinstance(r.ask(StartMoveTask("a", settled=True)), TaskStarted)
    for _ in range(2):
        step = r.core.tick(r.now)
        assert step is not None
        r.take(step)  # type: ignore[arg-type]
    assert r.state.tasks[1].moved == 2_000
    r.restart(2)
    assert r.state.tasks[1].moved == 2_000
    r.pass_time()
    assert (r.state.tasks[1].status, r.state.tasks[1].moved) == ("completed", 5_000)
    assert [one.body for one in r.receive("a", 5_000)] == bodies
    assert kept(r) == []


def test_instants_are_merged_where_there_are_too_many() -> None:
    page = PastPage(1, 0)
    for at in range(2 * SETTLED_SAMPLES_MAX):
        page.add(1 << at, at * at, 0)
        page.check()
    assert len(page.masks) == SETTLED_SAMPLES_MAX
    assert page.between(0, 1 << 60) == (1 << (2 * SETTLED_SAMPLES_MAX)) - 1
    assert page.settled_ms(100) >= 10_000


def test_a_page_remembers_so_many_returns_and_those_of_one_message_the_latest() -> None:
    r = road()
    r.publish(b"x", b"y", to=("a",))
    for _ in range(EVENTS_PAGE_MAX + 10):
        leased = r.receive("a", 2)
        r.settle(leased, RELEASE)
    page = r.queue("a").lives.pages[0]
    assert isinstance(page, EventPage)
    assert len(page.masks) <= EVENTS_PAGE_MAX
    described = r.ask(DescribeMessage("a", 1))
    assert isinstance(described, MessageDescribed)
    assert [one.why for one in described.returns] == ["released"] * EVENTS_KEPT
    assert canonical(replayed(r.records())) == canonical(r.state)
