"""So many deliveries a second of each key, and no more; keys that may not leave let others by."""

import random
from collections import Counter, defaultdict

import pytest

from postroad.core.keys import Keys
from postroad.limits import STALE_MAX
from postroad.model import commands
from postroad.model.commands import Attach, ChangeQueue, Receive
from postroad.model.message import Delivery
from postroad.model.policy import QueueSettings
from postroad.model.replies import Received
from tests.unit.core.road import Road, bodies_of


def keyed(r: Road, *texts: str) -> None:
    """Messages `a1`, `a2`, `b1`: the letter is the key."""
    r.publish(*(text.encode() for text in texts), keys=[text[0] for text in texts])


def bodies(r: Road, count: int = 100) -> list[str]:
    return [body.decode() for body in bodies_of(r.receive(count=count))]


def pushed(r: Road) -> list[Delivery]:
    return [
        message for _, reply in r.told if isinstance(reply, Received) for message in reply.messages
    ]


def drained(r: Road) -> list[bytes]:
    """Receive and ack all there is, waiting as long as it takes."""
    found: list[bytes] = []
    while r.queue().pages.length:
        r.now += 1_000
        r.settle_down()
        got = r.receive(count=10)
        found.extend(bodies_of(got))
        if got:
            r.settle(got)
    return found


def test_a_key_without_a_token_lets_the_others_by() -> None:
    r = Road()
    r.now += 1_000
    r.declare(key_per_second=1)
    keyed(r, "a1", "a2", "b1", "a3", "c1")
    assert bodies(r) == ["a1", "b1", "c1"]
    assert bodies(r) == []
    r.now += 999
    assert bodies(r) == []
    r.now += 1
    assert bodies(r) == ["a2"]


def test_messages_without_a_key_are_not_held_back() -> None:
    r = Road()
    r.now += 1_000
    r.declare(key_per_second=1)
    r.publish(b"1", b"2", b"3", b"4", keys=["a", None, "a", None])
    assert bodies(r) == ["1", "2", "4"]


def test_in_a_fifo_queue_a_key_gives_one_message_a_token_in_order() -> None:
    r = Road()
    r.now += 1_000
    r.declare(kind="fifo", key_per_second=10)
    keyed(r, "a1", "a2", "b1", "a3")
    got = r.receive(count=10)
    assert bodies_of(got) == [b"a1", b"b1"]
    r.settle(got)
    assert bodies(r) == []
    r.now += 100
    [second] = r.receive(count=10)
    assert second.body == b"a2"
    r.now += 100
    r.settle([second])
    assert bodies(r) == ["a3"]


def test_a_key_that_comes_and_goes_is_held_back_all_the_same() -> None:
    r = Road()
    r.now += 1_000
    r.declare(key_per_second=1)
    for text, seen in (("a1", ["a1"]), ("a2", []), ("x", ["x"])):
        if text == "x":
            r.publish(b"x")
        else:
            keyed(r, text)
        got = r.receive(count=10)
        assert [body.decode() for body in bodies_of(got)] == seen
        if got:
            r.settle(got)
    r.now += 1_000
    assert bodies(r) == ["a2"]


def test_what_came_back_counts_again_and_keeps_its_place() -> None:
    r = Road()
    r.now += 1_000
    r.declare(key_per_second=1)
    keyed(r, "a1", "a2")
    [message] = r.receive(count=10)
    r.settle([message], commands.RELEASE)
    assert bodies(r) == []
    r.now += 1_000
    assert bodies(r) == ["a1"]


def test_who_waits_is_woken_when_the_first_key_has_a_token() -> None:
    r = Road()
    r.now += 1_000
    r.declare(key_per_second=4)
    keyed(r, "a1", "a2", "b1", "b2")
    r.ask(Attach("q", 1, 100))
    assert len(pushed(r)) == 2
    # A full bucket has up to a millisecond's worth more than its burst.
    assert r.core.next_due() == r.now + 249
    r.wait(248)
    assert len(pushed(r)) == 2
    r.wait(1)
    assert [one.body for one in pushed(r)] == [b"a1", b"b1", b"a2", b"b2"]
    assert r.core.next_due() == 0


def test_a_paused_queue_with_rates_wakes_nobody() -> None:
    r = Road()
    r.declare(key_per_second=4, per_second=10, paused=True)
    keyed(r, "a1", "a2")
    r.ask(Attach("q", 1, 100))
    assert r.core.next_due() == 0
    r.ask(ChangeQueue("q", QueueSettings(), only=("paused",)))
    assert r.core.next_due() == r.now + 250


def test_queue_and_key_rates_both_count() -> None:
    r = Road()
    r.now += 1_000
    r.declare(key_per_second=10, per_second=20)
    keyed(r, "a1", "b1", "c1", "d1")
    assert bodies(r) == ["a1", "b1"]
    r.now += 100
    keyed(r, "a2")
    assert bodies(r) == ["c1", "d1"]
    r.now += 100
    assert bodies(r) == ["a2"]


def test_after_a_restart_a_key_gives_nothing_before_its_time() -> None:
    r = Road()
    r.now += 1_000
    r.declare(key_per_second=10)
    keyed(r, "a1", "a2", "a3")
    assert bodies(r) == ["a1"]
    r.restart(2)
    assert bodies(r) == []
    r.now += 99
    assert bodies(r) == []
    r.now += 1
    assert bodies(r) == ["a2"]
    r.check()


@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_a_rate_may_come_change_and_go_while_messages_wait(kind: str) -> None:
    r = Road()
    r.now += 1_000
    r.declare(kind=kind)
    keyed(r, "a1", "b1", "a2", "b2", "a3", "b3", "c1")
    r.ask(ChangeQueue("q", QueueSettings(key_per_second=1), only=("key_per_second",)))
    first = r.receive(count=10)
    assert bodies_of(first) == [b"a1", b"b1", b"c1"]
    r.settle(first)
    r.restart(2)
    assert bodies(r) == []
    r.ask(ChangeQueue("q", QueueSettings(key_per_second=10), only=("key_per_second",)))
    r.now += 100
    second = r.receive(count=10)
    assert bodies_of(second) == [b"a2", b"b2"]
    r.settle(second)
    assert bodies(r) == []
    r.ask(ChangeQueue("q", QueueSettings(), only=("key_per_second",)))
    assert bodies(r) == ["a3", "b3"]
    r.check()


def test_keys_that_could_deliver_as_much_as_new_ones_are_forgotten() -> None:
    r = Road()
    r.now += 1_000
    r.declare(key_per_second=100)
    for number in range(3 * STALE_MAX):
        r.now += 10
        r.publish(b"x", keys=[f"key {number}"])
        r.settle(r.receive())
    lanes = r.queue().pages.lanes
    assert isinstance(lanes, Keys)
    assert len(getattr(lanes, "buckets")) <= 2 * STALE_MAX + 20  # noqa: B009  (of its subclass)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_no_key_is_ever_ahead_of_its_rate_and_none_is_forgotten(seed: int, kind: str) -> None:
    dice = random.Random(seed)
    r = Road()
    rate = dice.choice([1, 3, 20])
    r.declare(kind=kind, key_per_second=rate, key_leased_max=dice.choice([None, 2]), lease_ms=700)
    begun = r.now
    given: Counter[str | None] = Counter()
    sent: dict[str, list[bytes]] = defaultdict(list)
    first: dict[str, list[bytes]] = defaultdict(list)
    for step in range(400):
        r.now += dice.choice([0, 7, 30])
        if step < 300:
            key = dice.choice("abc")
            sent[key].append(b"%s%d" % (key.encode(), step))
            r.publish(sent[key][-1], keys=[key])
        for message in r.receive(count=dice.choice([1, 3, 10])):
            key = message.body.decode()[0]
            given[key] += 1
            if message.delivery_count == 1:
                first[key].append(message.body)
            burst = max(1, rate // 10)
            assert given[key] <= burst + (r.now - begun) * rate / 1_000
            if dice.random() < 0.8:
                r.settle([message])
            elif dice.random() < 0.5:
                r.settle([message], commands.RELEASE)
        r.settle_down()
    for body in drained(r):
        first[body.decode()[0]].append(body)
    for key, texts in sent.items():
        assert list(dict.fromkeys(first[key])) == texts
    r.check()


def test_a_wait_is_served_by_the_next_key_that_may_give() -> None:
    r = Road()
    r.now += 1_000
    r.declare(key_per_second=1)
    keyed(r, "a1", "a2")
    assert bodies(r) == ["a1"]
    r.ask(Receive("q", 10, wait_ms=20_000))
    keyed(r, "b1")
    assert pushed(r)[-1].body == b"b1"
    r.ask(Receive("q", 10, wait_ms=20_000))
    r.wait(1_000)
    assert pushed(r)[-1].body == b"a2"
