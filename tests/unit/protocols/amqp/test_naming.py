import itertools

import pytest

from postroad.model.names import bad_name
from postroad.protocols.amqp.naming import FreshNames, amqp_name, core_name

VHOSTS = ["/", "a", "a/b", "@a", "%2F", "%", "@", "%40", "a%2Fb", "ünï"]
NAMES = ["q", "@q", "@@q", "a/q", "@a/q", "/q", "b/q", "%", "@a", "@/q"]


def test_in_the_first_vhost_a_name_is_itself() -> None:
    assert core_name("/", "mail") == "mail"
    assert core_name("/", "a/b%") == "a/b%"
    assert core_name("prod", "mail") == "@prod/mail"


def test_two_names_of_any_vhosts_never_meet() -> None:
    pairs = list(itertools.product(VHOSTS, NAMES))
    assert len({core_name(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("vhost", VHOSTS)
def test_a_name_comes_back_as_it_was_and_in_no_other_vhost(vhost: str) -> None:
    for name in NAMES:
        core = core_name(vhost, name)
        assert [(one, amqp_name(one, core)) for one in VHOSTS if amqp_name(one, core)] == [
            (vhost, name)
        ]


def test_the_default_exchange_has_no_name_in_any_vhost() -> None:
    assert {core_name(vhost, "") for vhost in VHOSTS} == {""}


def test_the_longest_names_of_a_usual_vhost_fit() -> None:
    assert bad_name(core_name("v" * 250, "n" * 255)) is None


def test_names_made_up_have_22_characters_and_are_never_the_same() -> None:
    names = FreshNames(b"key")
    made = [names.fresh("amq.gen-", 1_000) for _ in range(1_000)]
    assert len(set(made)) == 1_000
    assert {len(name) for name in made} == {30}
    assert FreshNames(b"key").fresh("amq.gen-", 1_000) == made[0]
    assert FreshNames(b"key").fresh("amq.gen-", 1_001) not in made
    assert FreshNames(b"other").fresh("amq.gen-", 1_000) not in made
