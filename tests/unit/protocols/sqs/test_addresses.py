"""How SQS spells which queue is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.limits import SQS_KNOWN_MAX
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sqs.addresses import (
    after_token,
    arn_of,
    bad_new_name,
    queue_of,
    queue_of_arn,
    spellable,
    token_after,
    url_of,
)
from postroad.protocols.sqs.config import SqsConfig


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:9324/000000000000/mail",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/mail",
        "/000000000000/mail",
        "http://localhost:9324/000000000000/mail/",
        "http://localhost/000000000000/mail?x=1",
    ],
)
def test_of_an_address_only_the_last_two_parts_matter(url: str) -> None:
    assert queue_of(SqsConfig(), url) == "mail"


@pytest.mark.parametrize("url", ["mail", "", "/", "http://", "http://localhost", "//mail", "?/a/b"])
def test_an_address_without_account_and_name_is_no_address(url: str) -> None:
    wrong = queue_of(SqsConfig(), url)
    assert isinstance(wrong, Fault)
    assert wrong.kind.code == "InvalidAddress"


@given(st.text(min_size=1, max_size=20).filter(str.isprintable))
def test_a_queue_that_sqs_cannot_spell_is_reached_with_escapes(name: str) -> None:
    config = SqsConfig()
    assert queue_of(config, url_of(config, "localhost", name)) == name
    assert queue_of_arn(arn_of(config, "us-east-1", name), "SourceArn") == name


def test_an_address_begins_as_configured_else_with_the_host_the_client_used() -> None:
    assert url_of(SqsConfig(), "box:9324", "a") == "http://box:9324/000000000000/a"
    assert url_of(SqsConfig(), "", "a") == "http://localhost/000000000000/a"
    config = SqsConfig(external_url="https://queues.example/", account="123456789012")
    assert url_of(config, "box:9324", "a") == "https://queues.example/123456789012/a"


@pytest.mark.parametrize(
    "arn", ["", "mail", "arn:aws:sns:us-east-1:000000000000:mail", "a:b:sqs:::"]
)
def test_what_is_no_arn_of_a_queue_is_an_invalid_parameter(arn: str) -> None:
    wrong = queue_of_arn(arn, "SourceArn")
    assert isinstance(wrong, Fault)
    assert wrong.kind.code == "InvalidParameterValue"


@pytest.mark.parametrize("name", ["a", "A-z_0", "x" * 80])
def test_names_of_letters_digits_hyphens_and_underscores_are_fine(name: str) -> None:
    assert spellable(name)
    assert bad_new_name(name, fifo=False) is None
    wrong = bad_new_name(name, fifo=True)
    assert wrong is not None
    assert "must end with .fifo" in wrong.text


@pytest.mark.parametrize("name", ["a.fifo", "A-z_0.fifo", "x" * 75 + ".fifo"])
def test_names_of_fifo_queues_end_as_such(name: str) -> None:
    assert spellable(name)
    assert bad_new_name(name, fifo=True) is None
    assert bad_new_name(name, fifo=False) is not None


@pytest.mark.parametrize("fifo", [False, True])
@pytest.mark.parametrize(
    "name",
    ["", "x" * 81, "a b", "a.b", "ä", ".fifo", "a.b.fifo", "x" * 76 + ".fifo", "a.fifo.fifo"],
)
def test_other_names_are_refused(name: str, *, fifo: bool) -> None:
    wrong = bad_new_name(name, fifo=fifo)
    assert wrong is not None
    assert wrong.kind.code == "InvalidParameterValue"
    assert not spellable(name)


def test_a_token_goes_on_after_the_name_it_was_made_of() -> None:
    assert after_token(token_after("mail")) == "mail"
    assert isinstance(after_token("%%%"), Fault)
    assert isinstance(after_token("gICA"), Fault)


def test_addresses_kept_at_hand_are_bounded() -> None:
    config = SqsConfig()
    for number in range(SQS_KNOWN_MAX + 5):
        queue_of(config, f"/000000000000/q{number}")
    assert len(config.memory.names) <= SQS_KNOWN_MAX
    queue_of(config, "/000000000000/" + "x" * 5_000)
    assert max(map(len, config.memory.names)) < 1_000
