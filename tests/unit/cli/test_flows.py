"""Flows on the command line."""

import io
import sys

import pytest

from postroad import App, Broker
from tests.unit.cli.shell import Shell


def test_open_flows_are_listed_shown_and_rejected(shell: Shell) -> None:
    app = App(shell.data)
    video = app.workflow("video")

    @video.step()
    def scan(path: str) -> bool:
        return bool(path)

    @video.step()
    def thumbs(path: str) -> bool:
        return bool(path)

    @video.step(after=[scan, thumbs])
    def publish(safe: bool, done: bool) -> bool:
        return safe and done

    shell("queue", "create", "any")
    video.start("a", "a.mp4")
    app.close()
    assert shell.json("flow", "list") == [{"workflow": "video", "open": 1}]
    assert "video" in shell("flow", "list")
    [wait] = shell.json("flow", "waiting", "video")
    assert (wait["id"], wait["step"], wait["lacks"]) == ("a", "publish", ["scan", "thumbs"])
    assert "scan, thumbs" in shell("flow", "waiting", "video")
    shown = shell.json("flow", "show", "video", "a")
    assert (shown["state"], sorted(shown["begun"])) == ("running", ["scan", "thumbs"])
    assert shown["waiting"] == [wait]
    assert "waiting: publish" in shell("flow", "show", "video", "a")
    assert shell("flow", "reject", "video", "a", "gone", "--yes") == "told: a\n"
    with Broker.open(shell.data) as broker, app.test(broker, inline=False) as tested:
        tested.drain()
    assert shell.json("flow", "list") == []
    found = shell("flow", "show", "video", "a")
    assert "rejected" in found
    assert "gone" in found


def test_what_is_not_there_is_said_in_one_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("queue", "create", "any")
    assert "has no flow `a`" in shell("flow", "show", "video", "a", fails=1)
    assert "has no open flow `a`" in shell("flow", "reject", "video", "a", "x", "-y", fails=1)
    assert shell.json("flow", "waiting", "video") == []
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    shell("flow", "reject", "video", "a", "x", fails=130)
