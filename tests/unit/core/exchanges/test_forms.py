"""A fanout whose publishers have more than one form of a message."""

import pytest

from postroad.core.codec import decode_group, head_of_group
from postroad.core.exchanges.records import BindingChanged
from postroad.model.envelope import OWN_ENVELOPE
from postroad.model.exchanges import (
    FORM_CLOSED,
    BindingInfo,
    BindingsListed,
    ChangeBinding,
    ListBindings,
    ListExchanges,
)
from postroad.model.filters import SOME_ATTRIBUTES
from postroad.model.message import typed_head
from postroad.model.replies import Done, Listed, Refused, Why
from tests.unit.core.exchanges.switch import Switch

RAW, JSON = "\0raw", "\0json"


@pytest.fixture
def switch() -> Switch:
    switch = Switch("plain", "raw", "json", "web", "closed")
    switch.exchange("news", "fanout")
    switch.bind("news", "plain", "any key")
    switch.bind("news", "raw", "\0raw.sqs")
    switch.bind("news", "json", "\0json.sqs")
    switch.bind("news", "web", "\0json.http")
    switch.bind("news", "closed", FORM_CLOSED)
    return switch


def holders(switch: Switch, key: str) -> set[str]:
    """The queues that get a publish with this key."""
    before = {name: queue.next_offset for name, queue in switch.road.core.state.by_name.items()}
    switch.send("news", "hello", key)
    after = switch.road.core.state.by_name.items()
    return {name for name, queue in after if queue.next_offset > before[name]}


def test_a_form_goes_to_those_that_want_it(switch: Switch) -> None:
    assert holders(switch, JSON) == {"json", "web"}
    assert holders(switch, "\0json.http") == {"web"}


def test_what_was_sent_goes_to_bindings_without_a_form_too(switch: Switch) -> None:
    assert holders(switch, RAW) == {"plain", "raw"}
    assert holders(switch, "\0raw.sqs") == {"raw"}
    assert holders(switch, "\0raw.plain") == {"plain"}


def test_a_publish_without_forms_goes_to_all_but_the_closed(switch: Switch) -> None:
    assert holders(switch, "") == {"plain", "raw", "json", "web"}


def test_a_form_nobody_wants_goes_nowhere() -> None:
    switch = Switch("plain")
    switch.exchange("news", "fanout")
    switch.bind("news", "plain")
    assert holders(switch, JSON) == set()
    assert holders(switch, RAW) == {"plain"}


def test_one_form_is_no_part_of_another_whose_name_is_longer(switch: Switch) -> None:
    assert holders(switch, "\0json.htt") == set()


def bindings(switch: Switch, command: ListBindings) -> list[BindingInfo]:
    listed = switch.road.ask(command)
    assert isinstance(listed, BindingsListed)
    return listed.bindings


def test_a_binding_gets_another_key(switch: Switch) -> None:
    (closed,) = bindings(switch, ListBindings("news", "closed"))
    assert switch.road.ask(ChangeBinding(closed.binding, key="\0json.sqs")) == Done()
    assert holders(switch, JSON) == {"json", "web", "closed"}
    assert holders(switch, "\0raw") == {"plain", "raw"}
    listed = bindings(switch, ListBindings("news"))
    assert [one.target for one in listed] == ["plain", "raw", "json", "web", "closed"]
    switch.road.check()


def test_a_change_of_a_binding_of_an_older_journal_leaves_its_key() -> None:
    content = bytes.fromhex("91 95 40 09 a0 a0 80")
    assert decode_group(head_of_group(1) + content) == [[BindingChanged(9, "", "", {})]]


def test_a_binding_takes_no_key_that_another_of_the_two_has(switch: Switch) -> None:
    other = switch.bind("news", "raw", "\0json.sqs")
    refused = switch.road.ask(ChangeBinding(other, key="\0raw.sqs"))
    assert isinstance(refused, Refused)
    assert refused.why is Why.SETTINGS_DIFFER
    assert switch.road.ask(ChangeBinding(other, key="\0json.sqs")) == Done()


def test_exchanges_are_listed_by_kind(switch: Switch) -> None:
    switch.exchange("direct", "direct")
    assert switch.road.ask(ListExchanges(kind="fanout")) == Listed(["news"], False)
    assert switch.road.ask(ListExchanges(kind="direct")) == Listed(["direct"], False)


def test_a_filter_looks_through_an_envelope() -> None:
    switch = Switch("paid", "all")
    switch.exchange("news", "fanout")
    policy = '{"state": ["paid"]}'
    switch.bind("news", "paid", "\0json.sqs", filter=policy, filter_scope=SOME_ATTRIBUTES)
    switch.bind("news", "all", "\0json.sqs")
    head = typed_head({OWN_ENVELOPE: ("String", "Notification")})
    body = '{"Message": "x", "MessageAttributes": {"state": {"Type": "String", "Value": "%s"}}}'
    # The same head twice: what is in the body decides all the same.
    for state, wanted in (("paid", 1), ("lost", 1), ("paid", 2)):
        switch.publish("news", [body % state], [JSON], heads=[head])
        assert switch.road.core.state.by_name["paid"].next_offset == wanted
    assert switch.road.core.state.by_name["all"].next_offset == 3
