"""Schedules on the command line."""

import io
import sys

import pytest

from tests.unit.cli.shell import Shell


def test_a_schedule_is_set_listed_fired_paused_and_deleted(shell: Shell) -> None:
    shell("queue", "create", "reports")
    told = shell(
        *("schedule", "set", "nightly", "reports", "run"),
        *("--cron", "0 3 * * *", "--zone", "Europe/Paris", "--missed", "all"),
    )
    assert told.startswith("next: 2")
    told = shell(
        *("schedule", "set", "yearly", "reports", "--every", "365d", "--jitter", "1h"),
        *("--ttl", "1d", "--priority", "5"),
    )
    assert "and up to 1h later" in told
    [yearly] = shell.json("schedule", "list", "--prefix", "y")
    assert 0 <= yearly["due_ms"] - yearly["next_ms"] < 3_600_000
    told_of = (yearly["jitter_ms"], yearly["ttl_ms"], yearly["priority"])
    assert told_of == (3_600_000, 86_400_000, 5)
    assert "every 365d" in shell("schedule", "list")
    assert shell("schedule", "fire", "nightly") == "fired: nightly\n"
    assert shell.json("receive", "reports", "--ack")["headers"]["postroad-schedule"] == "nightly"
    assert shell("schedule", "pause", "nightly") == "paused: nightly\n"
    [nightly] = shell.json("schedule", "list", "--prefix", "n")
    assert (nightly["queue"], nightly["body"], nightly["cron"]) == ("reports", "run", "0 3 * * *")
    assert (nightly["paused"], nightly["next_ms"], nightly["fired"]) == (True, None, 1)
    assert "paused" in shell("schedule", "list")
    assert shell("schedule", "resume", "nightly") == "resumed: nightly\n"
    assert shell("schedule", "delete", "nightly", "--yes") == "deleted: nightly\n"
    assert [one["name"] for one in shell.json("schedule", "list")] == ["yearly"]


def test_what_cannot_be_is_said_in_one_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell("queue", "create", "reports")
    told = shell("schedule", "set", "x", "reports", fails=1)
    assert "give either `cron` or `every`" in told
    told = shell("schedule", "set", "x", "reports", "--cron", "0 99 * * *", fails=1)
    assert "is no time that comes" in told
    assert "queue `gone` does not exist" in shell(
        "schedule", "set", "x", "gone", "--every", "5m", fails=1
    )
    for word in ("pause", "resume", "fire"):
        assert "schedule `x` does not exist" in shell("schedule", word, "x", fails=1)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    shell("schedule", "delete", "x", fails=130)
