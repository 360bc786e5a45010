"""`postroad push` on a real directory, as one would type it."""

import json
from pathlib import Path

import pytest

from postroad import Broker
from postroad.cli import main

SECRET = "whsec_" + "A" * 32


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSTROAD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "120")
    with Broker.open(tmp_path / "data") as broker:
        broker.declare("orders")
    return tmp_path / "data"


def test_a_push_is_set_listed_and_stopped(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["push", "set", "orders", "https://example.org/hook", "--per-second", "50"]
    assert main.run([*words, "--secret", SECRET, "--timeout-s", "5"]) == 0
    assert capsys.readouterr().out == "pushed: orders\n"
    assert main.run(["push", "list", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown == {
        "queue": "orders",
        "url": "https://example.org/hook",
        "concurrency": 10,
        "per_second": 50,
        "timeout_s": 5.0,
        "signed": True,
    }
    assert main.run(["push", "list"]) == 0
    table = capsys.readouterr().out
    assert "https://example.org/hook" in table
    assert SECRET not in table
    assert main.run(["push", "stop", "orders"]) == 0
    assert main.run(["push", "stop", "orders"]) == 0
    assert capsys.readouterr().out == "stopped: orders\nwas not pushed: orders\n"
    with Broker.open(data) as broker:
        assert broker.pushes() == []


@pytest.mark.usefixtures("data")
def test_a_secret_may_come_by_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTROAD_PUSH_SECRET", SECRET)
    assert main.run(["push", "set", "orders", "http://127.0.0.1/"]) == 0
    capsys.readouterr()
    assert main.run(["push", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["signed"]


def test_what_is_no_push_is_shown_as_such(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Broker.open(data) as broker:
        broker.kv("push").set("orders", b"{}")
    assert main.run(["push", "list"]) == 0
    assert "is no push" in capsys.readouterr().out
    assert main.run(["push", "list", "--json"]) == 0
    assert "url" in json.loads(capsys.readouterr().out)[0]["wrong"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["set", "nowhere", "http://h/"], "nowhere"),
        (["set", "orders", "example.org"], "http://"),
        (["list", "--data", "no-such-directory"], "no data directory"),
    ],
)
@pytest.mark.usefixtures("data")
def test_what_cannot_be_is_told_in_one_line(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["push", *words]) == 1
    err = capsys.readouterr().err
    assert says in err
    assert len(err.splitlines()) == 1
