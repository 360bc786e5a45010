"""Ids and tokens: given by the server alone."""

import pytest

from postroad.protocols.sns.names import Names

NAMES = Names(b"secret")


@pytest.mark.parametrize("binding", [1, 255, 2**47])
def test_an_id_leads_back_to_its_binding(binding: int) -> None:
    id = NAMES.subscription_id("orders", binding)
    assert [len(part) for part in id.split("-")] == [8, 4, 4, 4, 12]
    assert NAMES.binding_of("orders", id) == binding
    assert NAMES.binding_of("others", id) is None
    assert Names(b"another").binding_of("orders", id) is None


@pytest.mark.parametrize("binding", [1, 255, 2**47])
def test_a_token_confirms_its_binding_alone(binding: int) -> None:
    token = NAMES.token("orders", binding)
    assert NAMES.confirmed_by("orders", token) == binding
    assert NAMES.confirmed_by("others", token) is None
    assert NAMES.confirmed_by("orders", token[:-1]) is None
    assert NAMES.confirmed_by("orders", "1" + token) is None


@pytest.mark.parametrize(
    "text", ["", "x", "-", "zz", "ä", "é" * 40, "1x", "\udc80x", "²", "9" * 999, "f" * 9_999 + "x"]
)
def test_what_was_never_given_means_nothing(text: str) -> None:
    assert NAMES.binding_of("orders", text) is None
    assert NAMES.confirmed_by("orders", text) is None


def test_ids_are_never_the_same_nor_after_a_restart() -> None:
    ids = {NAMES.fresh_id(1_000) for _ in range(1_000)}
    ids |= {Names(b"secret").fresh_id(2_000)}
    assert len(ids) == 1_001
    assert all(one[14] == "4" for one in ids)
