"""Filters of before: a journal that was fine when it was written is readable for ever."""

import pytest

from postroad.core.exchanges import records as facts
from postroad.core.exchanges.binding import decode_binding
from postroad.model.conditions import BadFilter
from postroad.model.exchanges import Bind, DeclareExchange, ExchangeSettings
from postroad.model.filters import ATTRIBUTES, BODY, Content, Filter
from postroad.model.message import plain_head
from postroad.model.replies import Refused
from tests.unit.core.road import Road, replayed

OLD_OR = '{"$or":[{"prefix":["de"]},{"suffix":["er"]}]}'
"""Read as two alternatives, until names of operators were none of an `$or`."""


def passes(rule: Filter, **headers: str) -> bool:
    return rule.passes(Content(plain_head(dict(headers)), b""))


def test_a_stored_or_of_names_that_operators_have_means_what_it_meant() -> None:
    with pytest.raises(BadFilter):
        Filter(OLD_OR)
    rule = Filter(OLD_OR, stored=True)
    assert passes(rule, prefix="de")
    assert passes(rule, suffix="er")
    assert not passes(rule, prefix="er")
    body = Filter(OLD_OR, BODY, stored=True)
    assert body.passes(Content(b"", b'{"suffix":"er"}'))
    assert not body.passes(Content(b"", b'{"suffix":"de"}'))


def test_what_is_read_as_today_is_so_where_it_was_stored() -> None:
    text = '{"$or":[{"prefix":"a"},{"prefix":"b"}]}'
    for rule in (Filter(text), Filter(text, stored=True)):
        assert passes(rule, **{"$or": "before"})
        assert not passes(rule, prefix="a")


@pytest.mark.parametrize("text", ["[", '{"a":1}', '{"a":[{"unheard-of":1}]}'])
def test_a_stored_filter_that_nobody_can_read_keeps_nothing_back(text: str) -> None:
    with pytest.raises(BadFilter):
        Filter(text)
    assert passes(Filter(text, stored=True), a="x")


def test_a_journal_with_such_a_filter_opens_and_so_do_its_rows() -> None:
    r = Road()
    r.declare()
    r.ask(DeclareExchange("x", ExchangeSettings("fanout")))
    r.ask(Bind("x", "q", filter='{"a":["1"]}'))
    records = r.records()
    for record in records:
        if isinstance(record, facts.BindingMade):
            record.filter, record.filter_scope = OLD_OR, ATTRIBUTES
    state = replayed(records)
    (binding,) = state.exchanges.to_target[r.queue().id].values()
    assert binding.filter is not None
    assert binding.filter.text == OLD_OR
    again = decode_binding(binding.id, binding.encode())
    assert again.filter is not None
    assert passes(again.filter, prefix="de")


def test_a_new_filter_of_that_kind_is_refused_still() -> None:
    r = Road()
    r.declare()
    r.ask(DeclareExchange("x", ExchangeSettings("fanout")))
    assert isinstance(r.ask(Bind("x", "q", filter=OLD_OR)), Refused)
