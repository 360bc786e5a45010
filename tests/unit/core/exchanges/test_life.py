"""Exchanges and bindings come and go, and are there again after a restart."""

from typing import get_args

import pytest

from postroad.core.exchanges import decide
from postroad.core.exchanges.records import ExchangeRecord
from postroad.limits import (
    ARGUMENTS_BYTES_MAX,
    BINDING_SLICE,
    FILTERS_PER_EXCHANGE_MAX,
)
from postroad.model import commands, exchanges
from postroad.model.exchanges import (
    DIRECT,
    FANOUT,
    HEADERS,
    TO_EXCHANGE,
    TOPIC,
    BindingInfo,
    BindingsListed,
    Bound,
    ChangeBinding,
    ChangeExchange,
    DeclareExchange,
    DeleteExchange,
    DescribeExchange,
    ExchangeDescribed,
    ExchangeSettings,
    ListBindings,
    ListExchanges,
    RemoveBinding,
    Unbind,
)
from postroad.model.replies import Declared, Done, Listed, Refused, Why
from tests.unit.core.exchanges.switch import Switch


def listed(s: Switch, **more: object) -> list[BindingInfo]:
    found = s.road.ask(ListBindings(**more))  # type: ignore[arg-type]
    assert isinstance(found, BindingsListed), found
    return found.bindings


def described(s: Switch, name: str) -> ExchangeDescribed:
    found = s.road.ask(DescribeExchange(name))
    assert isinstance(found, ExchangeDescribed), found
    return found


def names(s: Switch) -> list[str]:
    found = s.road.ask(ListExchanges())
    assert isinstance(found, Listed), found
    return found.names


def why(s: Switch, command: commands.Command) -> Why:
    refused = s.road.ask(command)
    assert isinstance(refused, Refused), refused
    assert refused.text
    return refused.why


def test_each_command_about_exchanges_has_a_decider() -> None:
    asked = {one for one in get_args(commands.Command) if one.__module__ == exchanges.__name__}
    assert asked == set(decide.DECIDERS)
    assert len(get_args(ExchangeRecord)) == 6


def test_declaring_again_is_fine_where_what_is_compared_agrees() -> None:
    s = Switch()
    first = s.exchange("x", TOPIC, alternate="y")
    again = DeclareExchange("x", ExchangeSettings(DIRECT))
    assert s.road.ask(again) == Declared(first, False)
    assert why(s, DeclareExchange("x", compare=("kind",))) == Why.SETTINGS_DIFFER
    assert why(s, DeclareExchange("x", compare=("a.b",), extras={"a.b": "1"})) == (
        Why.SETTINGS_DIFFER
    )
    assert why(s, DeclareExchange("")) == Why.BAD_NAME
    assert why(s, DeclareExchange("y", ExchangeSettings("round"))) == Why.BAD_SETTINGS
    assert why(s, DeclareExchange("y", ExchangeSettings(alternate=""))) == Why.BAD_SETTINGS
    assert why(s, DeclareExchange("y", ExchangeSettings(1))) == Why.BAD_SETTINGS  # type: ignore[arg-type]
    assert why(s, DeclareExchange("y", None)) == Why.BAD_SETTINGS  # type: ignore[arg-type]
    s.check()


def test_an_exchange_can_be_changed_but_not_its_kind() -> None:
    s = Switch("a")
    s.exchange("x", DIRECT)
    s.exchange("rest", FANOUT)
    s.bind("rest", "a")
    assert s.send("x", "1").unroutable == (0,)
    change = ChangeExchange("x", ExchangeSettings(alternate="rest"), {"e": "1"}, {"l": "2"})
    assert s.road.ask(change) == Done()
    assert s.send("x", "2").unroutable == ()
    assert s.road.ask(ChangeExchange("x", None, {"e": None, "f": "3"})) == Done()
    seen = described(s, "x")
    assert (seen.settings.alternate, seen.extras, seen.labels) == ("rest", {"f": "3"}, {"l": "2"})
    assert why(s, ChangeExchange("x", ExchangeSettings(TOPIC))) == Why.BAD_SETTINGS
    assert why(s, ChangeExchange("x", ExchangeSettings("?"))) == Why.BAD_SETTINGS
    assert why(s, ChangeExchange("none")) == Why.NO_SUCH_EXCHANGE
    s.check()


def test_exchanges_are_listed_by_name() -> None:
    s = Switch()
    for name in ("b", "ab", "aa", "c"):
        s.exchange(name, FANOUT)
    assert names(s) == ["aa", "ab", "b", "c"]
    assert s.road.ask(ListExchanges("a")) == Listed(["aa", "ab"], False)
    assert s.road.ask(ListExchanges("", "ab", 1)) == Listed(["b"], True)
    assert why(s, DescribeExchange("none")) == Why.NO_SUCH_EXCHANGE


def test_bindings_of_the_same_two_differ_by_key_and_arguments() -> None:
    s = Switch("a")
    s.exchange("x", DIRECT)
    first = s.bind("x", "a", "k")
    assert s.road.ask(exchanges.Bind("x", "a", "k")) == Bound(first, False)
    other = s.bind("x", "a", "k", arguments={"n": 1, "m": b"2"})
    same = exchanges.Bind("x", "a", "k", {"m": b"2", "n": 1})
    assert s.road.ask(same) == Bound(other, False)
    third = s.bind("x", "a", "k", arguments={"n": True, "m": b"2"}, extras={"e": "1"})
    assert [one.binding for one in listed(s)] == [first, other, third]
    assert listed(s)[2] == BindingInfo(
        third, "x", "a", "queue", "k", {"n": True, "m": b"2"}, None, "", {"e": "1"}, s.road.now
    )
    s.unbind("x", "a", "k", arguments={"m": b"2", "n": 1})
    assert why(s, Unbind("x", "a", "k", {"n": 1})) == Why.NO_SUCH_BINDING
    assert [one.binding for one in listed(s)] == [first, third]
    assert s.road.ask(RemoveBinding(first)) == Done()
    assert why(s, RemoveBinding(first)) == Why.NO_SUCH_BINDING
    s.check()


def test_bindings_are_listed_by_either_end() -> None:
    s = Switch("a", "b")
    s.exchange("x", FANOUT)
    s.exchange("y", FANOUT)
    ids = [
        s.bind("x", "a"),
        s.bind("x", "b"),
        s.bind("x", "y", target_kind=TO_EXCHANGE),
        s.bind("y", "a"),
    ]
    assert [one.binding for one in listed(s, source="x")] == ids[:3]
    assert [one.binding for one in listed(s, target="a")] == [ids[0], ids[3]]
    assert [one.binding for one in listed(s, source="y", target="a")] == [ids[3]]
    assert [one.binding for one in listed(s, target="y", target_kind=TO_EXCHANGE)] == [ids[2]]
    page = s.road.ask(ListBindings(count=2))
    assert isinstance(page, BindingsListed)
    assert page.more
    assert [one.binding for one in listed(s, after=page.bindings[-1].binding)] == ids[2:]
    assert why(s, ListBindings(source="z")) == Why.NO_SUCH_EXCHANGE
    assert why(s, ListBindings(target="z")) == Why.NO_SUCH_QUEUE
    assert why(s, ListBindings(target="z", target_kind="star")) == Why.BAD_COMMAND
    assert (described(s, "x").bindings, described(s, "y").bindings_to) == (3, 1)


BAD_BINDINGS: list[tuple[dict[str, object], Why]] = [
    ({"source": "none"}, Why.NO_SUCH_EXCHANGE),
    ({"source": ""}, Why.NO_SUCH_EXCHANGE),
    ({"target": "none"}, Why.NO_SUCH_QUEUE),
    ({"target_kind": "star"}, Why.BAD_COMMAND),
    ({"target_kind": TO_EXCHANGE}, Why.NO_SUCH_EXCHANGE),
    ({"key": "k" * 513}, Why.BAD_COMMAND),
    ({"key": "\ud800"}, Why.BAD_COMMAND),
    ({"key": 5}, Why.BAD_COMMAND),
    ({"arguments": {"x-match": "most"}}, Why.BAD_COMMAND),
    ({"arguments": {"a": [1]}}, Why.BAD_COMMAND),
    ({"arguments": {1: "a"}}, Why.BAD_COMMAND),
    ({"arguments": {"a": 2**80}}, Why.BAD_COMMAND),
    ({"arguments": {"a": "\ud800"}}, Why.BAD_COMMAND),
    ({"arguments": {"a": "a" * ARGUMENTS_BYTES_MAX}}, Why.BAD_COMMAND),
    ({"arguments": [1]}, Why.BAD_COMMAND),
    ({"extras": {"a": 1}}, Why.BAD_COMMAND),
    ({"filter": "{"}, Why.BAD_FILTER),
    ({"filter": "{}", "filter_scope": "soul"}, Why.BAD_FILTER),
]


@pytest.mark.parametrize(("fields", "reason"), BAD_BINDINGS)
def test_a_binding_that_cannot_be_is_refused(fields: dict[str, object], reason: Why) -> None:
    s = Switch("a")
    s.exchange("x", HEADERS)
    wanted: dict[str, object] = {"source": "x", "target": "a", **fields}
    assert why(s, exchanges.Bind(**wanted)) == reason  # type: ignore[arg-type]
    assert listed(s) == []


def test_an_exchange_that_is_used_is_kept_if_so_wanted() -> None:
    s = Switch("a")
    s.exchange("x", FANOUT)
    s.exchange("y", FANOUT)
    s.bind("y", "x", target_kind=TO_EXCHANGE)
    s.bind("x", "a")
    assert why(s, DeleteExchange("x", True)) == Why.EXCHANGE_IN_USE
    s.delete_queue("a")
    assert s.road.ask(DeleteExchange("x", True)) == Done(), "its binding leads nowhere"
    assert why(s, DeleteExchange("x")) == Why.NO_SUCH_EXCHANGE
    assert listed(s) == []
    s.check()
    assert not s.road.state.exchanges.bindings


def test_an_exchange_goes_with_its_last_binding_and_so_on() -> None:
    s = Switch("a", "b")
    for name in ("x", "y", "z"):
        s.exchange(name, FANOUT, until_unbound=True)
    s.bind("z", "y", target_kind=TO_EXCHANGE)
    s.bind("y", "x", target_kind=TO_EXCHANGE)
    s.bind("x", "a")
    s.bind("x", "b")
    s.unbind("x", "a")
    assert names(s) == ["x", "y", "z"]
    s.delete_queue("b")
    s.road.settle_down()
    assert names(s) == []
    s.check()
    s.exchange("w", FANOUT, until_unbound=True)
    s.bind("w", "a")
    s.unbind("w", "a")
    assert names(s) == [], "at once where one asks for it"


def test_many_bindings_of_what_is_gone_are_removed_in_slices() -> None:
    s = Switch("a", "b")
    s.exchange("x", TOPIC)
    for number in range(BINDING_SLICE + 5):
        s.bind("x", "a", f"k.{number}")
    s.bind("x", "b", "k.1")
    s.delete_queue("a")
    assert [one.target for one in listed(s)] == ["b"]
    assert s.send("x", "1", "k.1").unroutable == ()
    rows = s.road.cut()
    s.road.restart(2, rows, len(s.road.steps))
    assert len(s.road.tick()[0].bindings) == BINDING_SLICE  # type: ignore[attr-defined]
    s.road.settle_down()
    assert len(s.road.state.exchanges.bindings) == 1
    s.road.state.check()
    s.road.declare("a")
    assert s.send("x", "2", "k.2").unroutable == (0,), "another queue of that name is another"


def test_all_of_it_is_there_after_a_restart() -> None:
    s = Switch("a", "b")
    s.exchange("x", TOPIC, alternate="rest")
    s.exchange("rest", FANOUT)
    s.bind("x", "a", "k.#", filter='{"n": [1]}', arguments={"z": None})
    s.bind("x", "rest", "e.#", target_kind=TO_EXCHANGE, extras={"raw": "true"})
    s.bind("rest", "b")
    s.publish("x", ["1", "2"], ["k.1", "e.1"])
    before = listed(s)
    rows = s.road.cut()
    for given, start in ((None, 0), (rows, len(s.road.steps))):
        s.road.restart(2, given, start)
        assert listed(s) == before
        assert s.send("x", "3", "e.2").unroutable == ()
        s.road.state.check()
        del s.road.steps[len(s.road.steps) - 1 :]


def test_a_filter_may_be_changed_and_taken_away() -> None:
    s = Switch("a")
    s.exchange("x", FANOUT)
    rule = '{"n": [1]}'
    id = s.bind("x", "a", filter=rule, extras={"e": "1", "f": "2"})
    assert s.refused_bind("x", "a") == Why.SETTINGS_DIFFER
    assert s.road.ask(exchanges.Bind("x", "a", filter=rule)) == Bound(id, False)
    assert s.send("x", "1").unroutable == (0,)
    change = ChangeBinding(id, '{"n": [1]}', "body", {"e": None})
    assert s.road.ask(change) == Done()
    assert s.send("x", '{"n": 1}').unroutable == ()
    assert listed(s)[0].filter_scope == "body"
    assert listed(s)[0].extras == {"f": "2"}
    assert s.road.ask(ChangeBinding(id, extras={"g": "3"})) == Done()
    assert listed(s)[0].filter == rule
    assert s.road.ask(ChangeBinding(id, "")) == Done()
    assert s.send("x", "1").unroutable == ()
    assert listed(s)[0].filter is None
    assert why(s, ChangeBinding(id, "[]")) == Why.BAD_FILTER
    assert why(s, ChangeBinding(99, "")) == Why.NO_SUCH_BINDING
    s.check()


def test_an_exchange_has_so_many_filters() -> None:
    s = Switch("a")
    s.exchange("x", DIRECT)
    for number in range(FILTERS_PER_EXCHANGE_MAX):
        s.bind("x", "a", str(number), filter="{}")
    assert s.refused_bind("x", "a", "more", filter="{}") == Why.TOO_MANY
    plain = s.bind("x", "a", "plain")
    assert why(s, ChangeBinding(plain, "{}")) == Why.TOO_MANY


def test_many_different_sets_of_queues_stay_within_the_bound_of_route_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = 4
    for module in ("apply", "decide.load", "exchanges.shelves"):
        monkeypatch.setattr(f"postroad.core.{module}.ROUTE_SETS_MAX", most)
    queues = [f"q{number}" for number in range(6)]
    s = Switch(*queues)
    s.exchange("x", DIRECT)
    for one in range(6):
        for other in range(one):
            s.bind("x", queues[one], f"{one}-{other}")
            s.bind("x", queues[other], f"{one}-{other}")
    keys = [f"{one}-{other}" for one in range(6) for other in range(one)]
    wanted: dict[str, list[str]] = {queue: [] for queue in queues}
    for turn in range(4):
        bodies = [f"{turn}:{key}" for key in keys]
        s.publish("x", bodies, keys)
        for body, key in zip(bodies, keys, strict=True):
            for number in key.split("-"):
                wanted[f"q{number}"].append(body)
        assert len(s.road.state.routes) <= most
        assert s.held() == wanted
        if turn % 2:
            s.drain()
            wanted = {queue: [] for queue in queues}
            s.check()
