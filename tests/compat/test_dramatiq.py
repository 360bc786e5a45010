"""Dramatiq over `amqp://`: retries, delays, dead letters, and a worker killed half-way."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.amqp_clients import Broker, count, counted
from tests.compat.processes import until
from tests.compat.workshop import Workshop

RUN_MS_MAX = 40_000
WORKER = ("-m", "dramatiq", "--processes", "1", "--threads", "4", "amqp_dramatiq")
SEND = "amqp_dramatiq.py"
POISON = "7"
LATER = "1001"


@pytest.fixture
def shop(broker: Broker, tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path / "shop", broker.url)
    with broker.channel() as channel:
        for name in ("default", "default.DQ", "default.XQ"):
            channel.queue_delete(name)
    yield made
    made.end()


def counts(shop: Workshop) -> Counter[tuple[str, str]]:
    return Counter((kind, number) for kind, number in shop.lines())


def done(shop: Workshop) -> set[str]:
    return {number for kind, number in counts(shop) if kind == "done"}


def test_messages_are_retried_delayed_and_given_up(broker: Broker, shop: Workshop) -> None:
    sender = shop.begin(SEND, "20")
    assert sender.wait(RUN_MS_MAX / 1_000) == 0, shop.said()
    shop.begin(*WORKER)
    expected = {str(number) for number in range(1, 21)} - {POISON} | {LATER}
    over = until(lambda: done(shop) == expected and counts(shop)["failed", POISON] == 3, RUN_MS_MAX)
    assert over, (done(shop), shop.said())
    with broker.channel() as channel:
        counted(channel, "default.XQ", 1)
        shop.end()
        assert (count(channel, "default"), count(channel, "default.DQ")) == (0, 0)
    seen = counts(shop)
    assert all(seen["done", number] == 1 for number in expected)
    assert all(seen["failed", str(number)] == 1 for number in (5, 10, 15, 20))


def test_what_a_killed_worker_held_is_done_by_the_next(broker: Broker, shop: Workshop) -> None:
    assert shop.begin(SEND, "400").wait(RUN_MS_MAX / 1_000) == 0, shop.said()
    doomed = shop.begin(*WORKER)
    assert until(lambda: len(done(shop)) >= 50, RUN_MS_MAX), shop.said()
    shop.kill(doomed)
    shop.begin(*WORKER)
    expected = {str(number) for number in range(1, 401)} - {POISON} | {LATER}
    assert until(lambda: done(shop) == expected, RUN_MS_MAX), shop.said()
