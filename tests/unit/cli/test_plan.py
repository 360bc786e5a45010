from pathlib import Path

import pytest

from postroad import Broker
from postroad.cli.plan import STORED_EXTRA_BYTES, Load, bytes_text, sums
from tests.unit.cli.shell import Shell

WEEK_MS = 7 * 86_400_000


def test_a_week_of_a_hundred_thousand_events_a_second_is_sixty_terabytes(shell: Shell) -> None:
    week = ("plan", "--rate", "100000", "--size", "1KB", "--retention", "7d")
    found = shell.json(*week)
    assert found["in_per_second"] == 100_000_000
    assert found["messages"] == 60_480_000_000
    assert found["stored"] == 60_480_000_000 * (1_000 + STORED_EXTRA_BYTES)
    assert found["brokers"] == 1
    thrice = shell.json(*week, "--copies", "3", "--disk", "30TB")
    assert thrice["stored"] == 3 * found["stored"]
    assert (thrice["brokers"], thrice["why"]) == (8, "disk")


def test_the_table_says_what_each_sum_was_made_of(shell: Shell) -> None:
    shown = shell("plan", "--rate", "1000", "--size", "2KiB", "--readers", "2")
    assert "1,000/s of 2,048 bytes" in shown
    assert "4.1 MB/s" in shown
    assert "for 1d" in shown


def test_brokers_are_as_many_as_the_scarcest_needs() -> None:
    def needed(load: Load) -> tuple[int, str]:
        found = sums(load, broker_rate=100_000, broker_writes=400_000_000, broker_disk=None)
        return found.brokers, found.why

    assert needed(Load(250_000, 100, WEEK_MS)) == (3, "messages a second")
    assert needed(Load(100, 10_000_000, 1_000)) == (8, "bytes written a second")
    assert needed(Load(1, 1, 1_000, copies=3)) == (3, "copies")


def test_a_message_takes_no_more_than_the_sums_say(tmp_path: Path) -> None:
    with Broker.open(tmp_path) as broker:
        kept = broker.topic("kept")
        kept.declare(partitions=1)
        for start in range(0, 20_000, 1_000):
            kept.publish_many([b"%0100d" % one for one in range(start, start + 1_000)])
    store = sum(one.stat().st_size for one in (tmp_path / "store").iterdir())
    each = store / 20_000
    assert 100 <= each <= 100 + STORED_EXTRA_BYTES


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--rate", "0", "--size", "1KB"), "--rate"),
        (("--rate", "1", "--size", "1XB"), "`1XB` is not good: give a size in bytes"),
        (("--rate", "1", "--size", "1KB", "--disk", "0"), "give at least 1 bytes"),
        (("--rate", "1", "--size", "1KB", "--retention", "7"), "is no duration"),
        (("--size", "1KB"), "--rate"),
    ],
)
def test_a_mistake_is_one_line(shell: Shell, words: tuple[str, ...], told: str) -> None:
    assert told in shell("plan", *words, fails=2)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 KB"), (60_480 * 10**9, "60.5 TB")],
)
def test_bytes_are_shown_in_units_of_a_thousand(count: int, text: str) -> None:
    assert bytes_text(count) == text
