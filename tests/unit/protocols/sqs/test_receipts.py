"""Receipt handles, message ids and request ids."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from postroad.protocols.sqs.receipts import Names, Receipt

NAMES = Names(b"secret")
NUMBER = st.integers(0, 2**64 - 1)
SMALL = st.integers(0, 2**32 - 1)


@given(st.builds(Receipt, NUMBER, NUMBER, NUMBER, SMALL, SMALL))
def test_a_handle_opens_to_what_it_was_made_of_also_after_a_restart(receipt: Receipt) -> None:
    handle = NAMES.receipt("mail", receipt)
    assert Names(b"secret").open("mail", handle) == receipt


def test_a_handle_of_another_queue_or_another_server_does_not_open() -> None:
    handle = NAMES.receipt("mail", Receipt(1, 2, 3, 4, 5))
    assert NAMES.open("post", handle) is None
    assert Names(b"other").open("mail", handle) is None


@given(st.integers(0, 38), st.integers(1, 255))
def test_a_handle_with_any_byte_changed_does_not_open(place: int, change: int) -> None:
    sealed = bytearray(urlsafe_b64decode(NAMES.receipt("mail", Receipt(1, 2, 3, 4, 5))))
    sealed[place] ^= change
    assert NAMES.open("mail", urlsafe_b64encode(sealed).decode()) is None


@given(st.text(max_size=60))
def test_any_other_text_is_no_handle(text: str) -> None:
    assert NAMES.open("mail", text) is None


def test_a_handle_with_characters_outside_its_alphabet_does_not_open() -> None:
    handle = NAMES.receipt("mail", Receipt(1, 2, 3, 4, 5))
    assert NAMES.open("mail", "~" + handle) is None
    assert NAMES.open("mail", handle[:-1] + "~") is None


def test_message_ids_look_like_uuids_and_depend_on_the_place_alone() -> None:
    first = NAMES.message_id(1, 23)
    assert UUID(first).version == 4
    assert str(UUID(first)) == first
    assert Names(b"secret").message_id(1, 23) == first
    assert NAMES.message_id(12, 3) != first


def test_request_ids_differ_within_a_start_and_between_starts() -> None:
    names = Names(b"secret")
    ids = [names.request_id(1_000), names.request_id(2_000), Names(b"secret").request_id(3_000)]
    assert len(set(ids)) == 3
    assert all(str(UUID(one)) == one for one in ids)
