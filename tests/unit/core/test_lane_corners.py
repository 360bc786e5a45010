"""Corners of the lanes in which a message could be chosen twice, or never."""

from array import array

from postroad.core.keys import Keys
from postroad.core.page import decode_page
from postroad.model import commands
from postroad.model.policy import FIFO
from tests.unit.core.road import Road, bodies_of


def keyed(r: Road, key: str | None, *bodies: bytes, **more: object) -> None:
    r.publish(*bodies, keys=[key] * len(bodies), **more)  # type: ignore[arg-type]


def test_what_bears_no_key_is_chosen_once_though_a_noisy_key_has_its_turn() -> None:
    r = Road()
    r.declare()
    keyed(r, "k", *[b"k"] * 40)
    r.receive(count=30)
    r.publish(b"loose")
    assert bodies_of(r.receive(count=20)) == [b"loose", *[b"k"] * 10]
    r.check()


def test_a_key_is_open_again_when_what_hid_its_next_message_expires() -> None:
    r = Road()
    r.declare(kind=FIFO, lease_ms=100_000)
    keyed(r, "k", b"first", ttls_ms=[5_000])
    keyed(r, "k", b"second")
    keyed(r, "j", b"other")
    r.settle(r.receive(), commands.RETRY, after_ms=60_000)
    assert bodies_of(r.receive()) == [b"other"]
    r.wait(6_000)
    assert bodies_of(r.receive()) == [b"second"]


def test_what_was_purged_and_not_swept_yet_is_in_no_lane() -> None:
    r = Road()
    r.declare(key_leased_max=5)
    r.fill(5_000)
    r.ask(commands.PurgeQueue("q"))
    keyed(r, "k", b"new")
    assert bodies_of(r.receive(count=3)) == [b"new"]


def test_the_row_of_a_page_that_was_purged_still_knows_its_keys() -> None:
    r = Road()
    r.declare(kind=FIFO)
    keyed(r, "k", b"a", b"b")
    ledger = r.state.ledger
    page = r.queue().pages.all[0]
    before = page.encode()
    ledger.cut()
    r.ask(commands.PurgeQueue("q"))
    while not ledger.pay_some(1):
        pass
    assert ledger.take()[page.key] == before
    assert any(decode_page(1, 0, before).loaded_hashes or array("Q"))


def test_the_index_of_a_forgotten_key_is_given_to_another() -> None:
    r = Road()
    r.declare(kind=FIFO)
    for number in range(50):
        keyed(r, f"customer {number}", b"x")
        r.settle(r.receive())
    lanes = r.queue().pages.lanes
    assert isinstance(lanes, Keys)
    assert lanes.next_index == 2


def test_a_message_that_comes_back_again_and_again_takes_no_more_room() -> None:
    r = Road()
    r.declare(kind=FIFO)
    keyed(r, "j", b"held")
    keyed(r, "k", b"a", b"b", b"c")
    r.receive()
    r.settle(r.receive(count=3), commands.RELEASE)
    for _ in range(100):
        (first,) = r.receive()
        assert first.body == b"a"
        r.settle([first], commands.RELEASE)
    lanes = r.queue().pages.lanes
    assert isinstance(lanes, Keys)
    assert max(len(key.back) for key in lanes.by_index.values()) <= 4


def test_a_queue_made_anew_has_not_the_change_counter_of_the_old() -> None:
    r = Road()
    r.declare()
    before = r.ask(commands.DescribeQueue("q"))
    r.ask(commands.DeleteQueue("q"))
    r.declare()
    after = r.ask(commands.DescribeQueue("q"))
    assert before.changes != after.changes  # type: ignore[union-attr]


def test_a_known_message_is_answered_with_the_first_though_the_queue_is_full() -> None:
    r = Road()
    r.declare(dedup_window_ms=1_000, length_max=1)
    first = r.publish(b"x", dedup_ids=["i"])
    assert r.publish(b"x", dedup_ids=["i"]) == first
    assert r.counts() == (1, 0, 0, 0)
