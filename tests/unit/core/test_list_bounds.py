"""What comes to a list by a move is held to what a push is; what a list is needed for keeps it."""

import pytest

from postroad.model import commands, lists
from postroad.model.commands import ChangeQueue
from postroad.model.groups import DeclareGroup, DeleteGroup
from postroad.model.lists import LEFT, RIGHT, ListMove, ListPop, ListPush
from postroad.model.policy import QueueSettings
from postroad.model.replies import Refused, Why
from postroad.model.schemas import SchemaStored, SetSchema
from postroad.model.topics import EARLIEST, DeclareTopic
from tests.unit.core.list_road import Lists, letters
from tests.unit.core.test_schemas import Letters


@pytest.fixture
def r() -> Lists:
    road = Lists()
    road.core.world.checker = Letters()
    return road


def why(reply: object) -> Why:
    assert isinstance(reply, Refused), reply
    return reply.why


# What a move brings


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"message_bytes_max": 2}, Why.TOO_LARGE),
        ({"length_max": 1}, Why.QUEUE_FULL),
        ({"bytes_max": 3}, Why.QUEUE_FULL),
        ({"dedup_window_ms": 1_000}, Why.WRONG_KIND),
        ({"schema": "a"}, Why.DOES_NOT_FIT),
    ],
)
def test_a_move_into_a_list_is_refused_for_what_a_push_is_refused_for(
    r: Lists, settings: dict[str, object], reason: Why
) -> None:
    schema = settings.pop("schema", None)
    r.declare("m", **settings)
    r.publish(b"a", to=("m",))
    if schema is not None:
        assert r.ask(SetSchema("m", str(schema))) == SchemaStored(1, True)
    r.push(LEFT, b"bcd")
    pushed = r.ask(ListPush("m", LEFT, [b"bcd"]))
    moved = r.ask(ListMove("l", "m", LEFT, LEFT))
    assert why(pushed) is reason
    assert moved == pushed
    assert r.all() == [b"bcd"], "what cannot go stays where it is"
    r.check()


def test_a_move_that_waited_is_held_to_the_schema_of_its_target(r: Lists) -> None:
    r.push(LEFT, b"a", to="m")
    r.ask(SetSchema("m", "a"))
    r.ask(ListMove("l", "m", LEFT, LEFT, 500), r.connect(2))
    r.push(LEFT, b"b", b"aa")
    r.settle_down()
    assert r.told_to(r.asked - 1) == [b"aa"]
    r.ask(ListMove("l", "m", LEFT, LEFT, 500), r.connect(2))
    r.settle_down()
    assert why(next(reply for one, reply in r.told if one == r.asked)) is Why.DOES_NOT_FIT
    assert r.all() == [b"b"]
    assert r.all("m") == [b"aa", b"a"]


def test_what_is_in_a_list_already_may_go_round_in_it_whatever_its_schema_says(r: Lists) -> None:
    r.push(RIGHT, *letters("ab"))
    r.ask(SetSchema("l", "a"))
    assert r.move("right left", target="l") == [b"b"]
    assert r.all() == letters("ba")


def test_a_paused_list_takes_what_is_moved_to_it_and_gives_nothing(r: Lists) -> None:
    r.declare("m", paused=True)
    r.push(LEFT, b"a", b"b")
    assert r.move("left left") == [b"b"]
    assert r.ask(ListMove("m", "l", LEFT, LEFT)) == lists.ListItems("", [])
    assert r.all("m") == [b"b"]


def test_what_is_moved_is_there_at_once_though_pushes_are_delayed(r: Lists) -> None:
    r.declare("m", delay_ms=100)
    r.push(LEFT, b"a")
    r.move("left left")
    assert r.all("m") == [b"a"]


# What keeps a list


def test_a_list_stays_while_it_is_the_dead_letter_queue_of_another(r: Lists) -> None:
    r.push(LEFT, b"a", to="dead")
    r.declare("q", dead_letter_queue="dead")
    r.pop(LEFT, of="dead")
    assert "dead" in r.state.by_name
    r.publish(b"b", to=("q",))
    r.settle(r.receive("q"), commands.REJECT)
    r.settle_down()
    assert r.pop(LEFT, of="dead") == [b"b"]
    r.restart(2, r.cut(), len(r.steps))
    r.settle_down()
    assert "dead" in r.state.by_name
    r.check()


@pytest.mark.parametrize("ending", ["changed", "deleted"])
def test_a_list_that_is_nobodys_dead_letter_queue_any_more_goes_when_it_is_empty(
    r: Lists, ending: str
) -> None:
    for name in ("q", "p"):
        r.declare(name, dead_letter_queue="dead")
    r.push(LEFT, b"a", to="dead")
    r.pop(LEFT, of="dead")
    r.ask(commands.DeleteQueue("p"))
    assert "dead" in r.state.by_name, "one still names it"
    if ending == "changed":
        r.ask(ChangeQueue("q", QueueSettings(), only=("dead_letter_queue",)))
    else:
        r.ask(commands.DeleteQueue("q"))
    r.settle_down()
    assert "dead" not in r.state.by_name
    r.check()


def test_a_group_that_leases_keeps_its_dead_letter_queue_too(r: Lists) -> None:
    r.ask(DeclareTopic("t"))
    r.ask(DeclareGroup("t", "g", QueueSettings(dead_letter_queue="dead"), EARLIEST))
    r.push(LEFT, b"a", to="dead")
    r.pop(LEFT, of="dead")
    assert "dead" in r.state.by_name
    r.ask(DeleteGroup("g", "t"))
    r.settle_down()
    assert "dead" not in r.state.by_name
    r.check()


@pytest.mark.parametrize(
    "wait",
    [
        ListPop(("k", "l"), LEFT, wait_ms=5_000),
        ListMove("l", "m", LEFT, LEFT, 5_000),
    ],
)
def test_a_list_is_in_use_while_a_pop_or_a_move_waits_for_it(
    r: Lists, wait: commands.Command
) -> None:
    r.declare("l", expires_ms=1_000)
    r.ask(wait, r.connect(2))
    r.wait(4_999)
    assert "l" in r.state.by_name
    r.wait(1)
    r.wait(999)
    assert "l" in r.state.by_name, "the time without use begins when nobody waits any more"
    r.wait(1)
    assert "l" not in r.state.by_name
    assert r.core.next_due() == 0


def test_a_list_declared_while_a_pop_waits_for_its_name_is_in_use(r: Lists) -> None:
    r.ask(ListPop(("l",), LEFT, wait_ms=5_000), r.connect(2))
    r.declare("l", expires_ms=1_000)
    r.wait(4_000)
    assert "l" in r.state.by_name
    r.core.forget(r.connect(2))
    r.wait(0)
    r.wait(1_000)
    assert "l" not in r.state.by_name
