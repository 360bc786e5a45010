"""Replays from the command line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroad import Broker
from postroad.cli.main import run
from postroad.cli.replay import place_of_text
from postroad.errors import BadCommand

MODULE = """
from postroad import App

app = App("data")

@app.reader("events", group="sums")
def add(numbers: list[int]) -> None: ...
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"replayed_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    with Broker.open(tmp_path / "data") as broker:
        topic = broker.topic("events")
        topic.declare()
        topic.publish_many(["1", "2", "3"])
        with broker.consumer("events", group="sums", idle_ms=0) as consumer:
            assert len(list(consumer)) == 3
    return name


def test_a_group_reads_anew_from_the_place_that_is_named(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["replay", shop, "sums", "--to", "1"]) == 0
    assert capsys.readouterr().out == "group sums reads events anew from 1\n"
    with Broker.open("data") as broker:
        assert broker.topic("events").group("sums").parts[0].lag == 2


def test_a_group_without_a_reader_is_told_which_there_are(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["replay", shop, "others", "--to", "latest"]) == 1
    assert "group `others` has no reader in this app; it has `sums`" in capsys.readouterr().err


def test_a_place_is_a_word_an_offset_or_an_instant() -> None:
    assert place_of_text("earliest") == "earliest"
    assert place_of_text("17") == 17
    assert place_of_text("2026-05-01T12:00Z") == datetime(2026, 5, 1, 12, tzinfo=UTC)
    here = place_of_text("2026-05-01")
    assert isinstance(here, datetime)
    assert here.tzinfo is not None
    with pytest.raises(BadCommand, match="`--to` is earliest, latest, an offset"):
        place_of_text("yesterday")
    for far in ("9" * 5_000, "0001-01-01", "9999-12-31T23:59:59-12:00"):
        with pytest.raises(BadCommand, match="`--to` is earliest, latest, an offset"):
            place_of_text(far)


@pytest.mark.parametrize("far", ["9" * 25, "9" * 19, "1960-01-01T00:00Z", "9000-01-01T00:00Z"])
def test_a_place_that_no_topic_has_breaks_nothing(
    shop: str, far: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["replay", shop, "sums", "--to", far])
    out = capsys.readouterr()
    assert (code, out.err) == (0, "") or out.err.startswith("postroad: "), out
