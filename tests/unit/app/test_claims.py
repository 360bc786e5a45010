"""Claims of two workers against a book of what they may do, in any order of events."""

import random
from dataclasses import dataclass, field

import pytest

from postroad.app.claims import Claims
from postroad.app.company import asking
from postroad.model.commands import Command
from postroad.model.message import Delivery
from postroad.model.replies import Reply
from postroad.testing import ClockedBroker

LEASE_MS = 1_000
TTL_MS = 20_000
QUEUE = "jobs"
STEPS = 150
DEEDS = {
    "publish": 3,
    "lease": 6,
    "claim": 8,
    "end_well": 4,
    "fail": 4,
    "beat": 6,
    "die": 1,
    "pass_time": 6,
    "pass_much_time": 1,
}


@dataclass
class Hand:
    """What one worker has: claims, messages that did not claim their keys yet, and runs."""

    claims: Claims
    waiting: list[Delivery] = field(default_factory=list)
    running: list[Delivery] = field(default_factory=list)


def fresh() -> Hand:
    return Hand(Claims(QUEUE, lambda one: one.body.decode(), LEASE_MS, TTL_MS))


class Book:
    """Two workers on one broker, and who has the right to which key until when."""

    def __init__(self, broker: ClockedBroker, seed: int) -> None:
        self.broker = broker
        self.chance = random.Random(seed)
        self.hands = [fresh(), fresh()]
        self.now = 0
        self.rights: dict[tuple[int, int, int], tuple[bytes, int]] = {}
        self.done: dict[bytes, int] = {}
        self.fences: dict[bytes, int] = {}
        broker.declare(QUEUE, lease_ms=LEASE_MS)

    def live(self) -> None:
        """Deeds by chance, and in the end one worker that goes on alone."""
        deeds, weights = list(DEEDS), list(DEEDS.values())
        for _ in range(STEPS):
            getattr(self, self.chance.choices(deeds, weights)[0])(self.chance.randrange(2))
            self.look()
        self.die(0)
        self.die(1)
        for _ in range(60):
            self.lease(0)
            self.claim(0)
            while self.hands[0].running:
                self.end_well(0)
            self.beat(0)
            found = self.broker.describe(QUEUE)
            if (found.ready, found.leased, found.delayed) == (0, 0, 0):
                return
            self.pass_time(0)
        raise AssertionError("something is stuck")

    def publish(self, _: int) -> None:
        self.broker.publish_many(QUEUE, self.chance.choices("ab", k=self.chance.randint(1, 3)))

    def lease(self, who: int) -> None:
        self.hands[who].waiting.extend(self.broker.receive(QUEUE, 4, wait_ms=0))

    def claim(self, who: int) -> None:
        hand = self.hands[who]
        messages, hand.waiting = hand.waiting, []
        found = hand.claims.sort(messages, self.ask(hand.claims.claiming(messages)))
        hand.waiting = found.wait
        for message, result in found.done:
            assert result == message.body
            assert self.done[message.body] > self.now, "what is not done is not acked"
            self.broker.batch([self.broker.later.ack(message)], all_or_nothing=False)
        for message in found.run:
            self.begins(who, message)

    def begins(self, who: int, message: Delivery) -> None:
        key = message.body
        assert self.done.get(key, 0) <= self.now, "what is done does not run again"
        others = [of for of, until in self.rights.values() if of == key and until > self.now]
        assert others == [], "two runs of one key at a time"
        fence = self.hands[who].claims.fence_of(message)
        assert fence > self.fences.get(key, 0)
        self.fences[key] = fence
        self.hands[who].running.append(message)
        self.rights[(who, message.offset, message.lease)] = (key, self.now + LEASE_MS)

    def end_well(self, who: int) -> None:
        """A run is over, perhaps late: its work is done all the same."""
        hand = self.hands[who]
        if hand.running:
            message = self.ends(who)
            claim = hand.claims.taken(message)
            assert claim is not None
            self.ask([hand.claims.doing(claim, message.body)])
            self.broker.batch([self.broker.later.ack(message)], all_or_nothing=False)
            self.done[message.body] = self.now + TTL_MS

    def fail(self, who: int) -> None:
        hand = self.hands[who]
        if hand.running:
            message = self.ends(who)
            self.ask(hand.claims.freeing_all([message]))
            self.broker.batch([self.broker.later.release(message)], all_or_nothing=False)

    def ends(self, who: int) -> Delivery:
        running = self.hands[who].running
        message = running.pop(self.chance.randrange(len(running)))
        del self.rights[(who, message.offset, message.lease)]
        return message

    def beat(self, who: int) -> None:
        hand = self.hands[who]
        self.ask(hand.claims.renewing(hand.running))
        held = [*hand.running, *hand.waiting]
        if held:
            self.broker.batch([self.broker.later.extend(held, LEASE_MS)], all_or_nothing=False)
        for message in hand.running:
            place = (who, message.offset, message.lease)
            key, until = self.rights[place]
            if until > self.now:
                self.rights[place] = (key, self.now + LEASE_MS)

    def die(self, who: int) -> None:
        while self.hands[who].running:
            self.ends(who)
        self.hands[who] = fresh()

    def pass_time(self, _: int) -> None:
        self.now += 400
        self.broker.pass_time(400)

    def pass_much_time(self, _: int) -> None:
        self.now += TTL_MS
        self.broker.pass_time(TTL_MS)

    def look(self) -> None:
        for key, until in self.done.items():
            text = self.broker.kv("idempotency").get(f"{QUEUE}:{key.decode()}") or b""
            assert until <= self.now or text.startswith(b"done "), "a done key was lost"

    def ask(self, commands: list[Command]) -> list[Reply]:
        if not commands:
            return []
        return self.broker.batch([asking(one) for one in commands], all_or_nothing=False)


@pytest.mark.parametrize("seed", range(25))
def test_two_workers_agree_on_who_runs_a_key(seed: int) -> None:
    with ClockedBroker.open() as broker:
        Book(broker, seed).live()


def test_a_late_heartbeat_does_not_shorten_what_another_has_done() -> None:
    with ClockedBroker.open() as broker:
        book = Book(broker, 0)
        early, late = book.hands
        broker.publish_many(QUEUE, ["a", "a"])
        (first, second) = broker.receive(QUEUE, 2)
        assert early.claims.sort([first], book.ask(early.claims.claiming([first]))).run == [first]
        broker.pass_time(LEASE_MS)
        assert late.claims.sort([second], book.ask(late.claims.claiming([second]))).run == [second]
        claim = late.claims.taken(second)
        assert claim is not None
        book.ask([late.claims.doing(claim, b"1")])
        book.ask(early.claims.renewing([first]))
        assert broker.kv("idempotency").ttl(f"{QUEUE}:a") == TTL_MS


def test_a_message_that_is_lost_while_its_key_is_claimed_leaves_the_key_free() -> None:
    with ClockedBroker.open() as broker:
        book = Book(broker, 0)
        claims = book.hands[0].claims
        broker.publish(QUEUE, "a")
        messages = broker.receive(QUEUE)
        asked = claims.claiming(messages)
        book.ask(claims.freeing_all(messages))
        found = claims.sort(messages, book.ask(asked))
        assert found.run == messages
        book.ask(claims.freeing_all(found.run))
        assert broker.kv("idempotency").keys() == []


def test_a_message_without_a_key_may_be_lost_before_its_turn_comes() -> None:
    with ClockedBroker.open() as broker:
        claims = Claims(QUEUE, lambda one: str(1 // len(one.body)), LEASE_MS, TTL_MS)
        broker.declare(QUEUE)
        broker.publish(QUEUE, b"")
        messages = broker.receive(QUEUE)
        assert claims.claiming(messages) == []
        assert claims.freeing_all(messages) == []
        assert claims.sort(messages, []).run == messages
