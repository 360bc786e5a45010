"""A server is killed under the load of connected programs; they go on, and hold it to its word."""

import asyncio
import threading
from pathlib import Path

from postroad import AsyncBroker, Broker
from postroad.errors import ConnectionLost, LeaseLost
from postroad.model.message import Delivery
from tests.crash.chance import WITHIN_MS, Chance, by_seed, count
from tests.crash.crew import Crew

KILLS = count(2, 10)
CONFIRMED = count(300, 600)
"""The most confirmed publishes from one kill to the next."""


class Ledger:
    """What the programs were told."""

    def __init__(self) -> None:
        self.confirmed: set[bytes] = set()
        self.unsure: set[bytes] = set()
        self.acking: set[bytes] = set()
        self.acked: set[bytes] = set()
        self.stop = threading.Event()

    def publish(self, broker: Broker, who: str) -> None:
        """Publish from a thread until told to stop; a lost publish is not made again."""
        number = 0
        while not self.stop.is_set():
            bodies = [b"%s-%d-%d" % (who.encode(), number, at) for at in range(number % 4 + 1)]
            number += 1
            try:
                broker.publish_many("mail", bodies)
            except ConnectionLost:
                self.unsure.update(bodies)
            else:
                self.confirmed.update(bodies)

    async def consume(self, broker: AsyncBroker) -> None:
        """Receive and ack on a loop until told to stop."""
        while not self.stop.is_set():
            messages = await broker.receive("mail", 20, wait_ms=200, lease_ms=5_000)
            bodies = {one.body for one in messages}
            assert not bodies & self.acked, "acked and back"
            self.acking |= bodies
            try:
                await broker.ack(messages)
            except LeaseLost as lost:
                bodies -= {one.body for one in lost.failed if isinstance(one, Delivery)}
            self.acked |= bodies


@by_seed
def test_connected_programs_survive_a_killed_server_and_nothing_confirmed_is_lost(
    tmp_path: Path, seed: int
) -> None:
    chance = Chance(seed, "remote")
    ledger = Ledger()
    broken: list[BaseException] = []
    with Crew(tmp_path, chance) as crew, Broker.connect(crew.socket) as broker:
        broker.declare("mail")
        threads = [
            threading.Thread(target=kept, args=(broken, ledger.publish, broker, who))
            for who in ("a", "b", "c")
        ]
        consumer = (broken, run_consumer, ledger, crew.socket)
        threads.append(threading.Thread(target=kept, args=consumer))
        for thread in threads:
            thread.start()
        try:
            for _ in range(KILLS):
                more(ledger, chance, chance.randrange(CONFIRMED))
                crew.kill_broker()
            more(ledger, chance, 100)
        finally:
            ledger.stop.set()
            for thread in threads:
                thread.join(WITHIN_MS / 1_000)
        assert not broken, broken
        left = {one.body for one in drained(broker)}
    assert not ledger.confirmed - ledger.acking - left, "confirmed and lost"
    assert not left & ledger.acked, "acked and back"
    assert left | ledger.acked <= ledger.confirmed | ledger.unsure, "never published"
    assert len(ledger.acked) > 50


def more(ledger: Ledger, chance: Chance, messages: int) -> None:
    """Wait until so many more are confirmed."""
    chance.wait_past(lambda: len(ledger.confirmed), len(ledger.confirmed) + messages)


def run_consumer(ledger: Ledger, url: str) -> None:
    """A program of its own with a loop of its own."""

    async def main() -> None:
        async with AsyncBroker.connect(url) as broker:
            await ledger.consume(broker)

    asyncio.run(main())


def kept(broken: list[BaseException], work: object, *args: object) -> None:
    """Run something on a thread, and keep what it raised."""
    try:
        assert callable(work)
        work(*args)
    except BaseException as error:  # noqa: BLE001  (held against it by the test)
        broken.append(error)


def drained(broker: Broker) -> list[Delivery]:
    """All that is left, leased ones too."""
    found: list[Delivery] = []
    start_at = 0
    while page := broker.peek("mail", start_at, 1_000):
        found += [one.message for one in page]
        start_at = page[-1].message.offset + 1
    return found
