"""A FIFO queue keeps its order whatever happens to those who work on it."""

import os
import random

import pytest

from postroad.model import commands
from postroad.model.commands import ACK, REJECT, RELEASE, RETRY, Attach
from postroad.model.message import Delivery
from postroad.model.policy import RetryPolicy
from postroad.model.replies import Received
from tests.unit.core.road import Road

KEYS = "abcdef"
WORKERS = 4
OUTCOMES = [ACK, ACK, ACK, RELEASE, RETRY, RETRY, REJECT, 0, 0]
SEEDS = range(100 if "POSTROAD_SOAK_MINUTES" in os.environ else 4)
"""0: the worker forgets about it, and the lease lapses."""


class Story:
    """Workers that receive, and consumers that are pushed to, on one queue; `waiting`: the messages
    of each key that are not done, oldest first; `held`: (key, body) -> until when it is leased."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.r = Road()
        self.r.declare("dead", kind="fifo")
        self.r.declare(
            kind="fifo",
            lease_ms=100,
            deliveries_max=self.dice.choice([None, 3]),
            dead_letter_queue="dead",
            retry=self.dice.choice([RetryPolicy(), RetryPolicy("fixed", 40)]),
            key_leased_max=self.dice.choice([None, 2]),
            single_active_consumer=self.dice.choice([True, False]),
        )
        self.callers = [self.r.connect(number + 10) for number in range(WORKERS)]
        self.waiting: dict[str, list[bytes]] = {key: [] for key in KEYS}
        self.working: list[Delivery] = []
        self.epoch = 1
        self.sent = 0
        self.deliveries = 0

    def publish(self) -> None:
        keys = [self.dice.choice(KEYS) for _ in range(self.dice.randint(1, 6))]
        bodies = [b"%s%d" % (key.encode(), self.sent + at) for at, key in enumerate(keys)]
        self.sent += len(keys)
        self.r.publish(*bodies, keys=keys)
        for key, body in zip(keys, bodies, strict=True):
            self.waiting[key].append(body)

    def attach(self) -> None:
        caller = self.dice.choice(self.callers)
        number = self.r.asked + 1
        self.r.ask(Attach("q", number, self.dice.randint(1, 3)), caller)

    def receive(self) -> None:
        caller = self.dice.choice(self.callers)
        self.r.ask(commands.Receive("q", self.dice.randint(1, 5)), caller)

    def hear(self) -> None:
        """Whatever was delivered is next in its key, and nobody else works on the key."""
        told, self.r.told[:] = list(self.r.told), []
        batches = [reply.messages for _, reply in told if isinstance(reply, Received)]
        for batch in batches:
            self.refresh(batch)
            for key in dict.fromkeys(chr(one.body[0]) for one in batch):
                mine = [one.body for one in batch if chr(one.body[0]) == key]
                assert mine == self.waiting[key][: len(mine)], "the oldest that are not done"
                assert all(chr(one.body[0]) != key for one in self.working), "one at a time"
            self.working.extend(batch)
            self.deliveries += len(batch)

    def refresh(self, batch: list[Delivery]) -> None:
        """Forget what is not leased any more, and what died, as of just before a batch."""
        new = {one.body for one in batch}
        seen = self.r.peek(count=1_000)
        leased = {one.message.body for one in seen if one.state == "leased"} - new
        self.working = [one for one in self.working if one.body in leased]
        alive = {one.message.body for one in seen if one.state != "dead"}
        for key, bodies in self.waiting.items():
            self.waiting[key] = [body for body in bodies if body in alive]

    def settle(self) -> None:
        if not self.working:
            return
        one = self.dice.choice(self.working)
        outcome = self.dice.choice(OUTCOMES)
        if outcome:
            self.working.remove(one)
            if outcome == ACK:
                self.waiting[chr(one.body[0])].remove(one.body)
            assert self.r.settle([one], outcome) == []

    def pass_time(self) -> None:
        self.r.now += self.dice.choice([1, 20, 60, 110])
        self.r.pass_time()
        self.refresh([])
        self.r.pump()

    def crash(self) -> None:
        """The sessions end with the process; what has a deadline stays leased."""
        self.epoch += 1
        self.r.restart(self.epoch)
        self.callers = [self.r.connect(self.epoch * 100 + at) for at in range(WORKERS)]
        self.r.pass_time()
        self.refresh([])

    def part(self) -> None:
        at = self.dice.randrange(WORKERS)
        self.r.core.forget(self.callers[at])
        self.callers[at] = self.r.connect(self.r.asked + 1_000)
        self.r.pass_time()
        self.refresh([])
        self.r.pump()

    def finish(self) -> None:
        """With time and patience everything is done."""
        for _ in range(2_000):
            if not any(self.waiting.values()):
                return
            self.pass_time()
            self.receive()
            self.hear()
            for one in list(self.working):
                self.working.remove(one)
                self.waiting[chr(one.body[0])].remove(one.body)
                self.r.settle([one])
            self.refresh([])
        raise AssertionError(f"never done: {self.waiting}")


@pytest.mark.parametrize("seed", SEEDS)
def test_each_key_is_delivered_in_order_through_retries_lapses_and_restarts(seed: int) -> None:
    story = Story(seed)
    acts = [story.publish] * 4 + [story.receive] * 6 + [story.settle] * 10
    acts += [story.pass_time] * 3 + [story.attach, story.crash, story.part]
    for _ in range(400):
        story.dice.choice(acts)()
        story.hear()
    story.r.check()
    story.finish()
    assert story.deliveries > 100, "the story is about something"
    assert story.r.queue().pages.length == 0
    story.r.check()
