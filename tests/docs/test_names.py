"""Every path, link, command and setting that a page names is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from postroad import App, AsyncBroker, BackPressure, Broker, Retry, errors
from postroad.api.operations import Operations
from postroad.api.options import BrokerOptions
from postroad.app.readers import ReadOptions
from postroad.app.worker import WorkerOptions
from postroad.claimcheck import ClaimCheck
from postroad.cli.main import app
from postroad.model import commands, groups, policy, replies, rounds
from postroad.model.choices import Which
from postroad.model.message import Delivery, Note
from postroad.model.topics import TopicSettings
from postroad.outbox import Inbox, Outbox, Relay
from postroad.protocols.native.greeting import Report
from postroad.server.config import SETTINGS
from tests.docs.pages import name, pages, prose
from tests.tidy.sources import ROOT
from tests.wire.native.shapes import fields_of, parts

LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")
QUOTED = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"^(?:\$ )?postroad( .*)$")
WITH_UNIT = re.compile(r"^[a-z]+(?:_[a-z]+)*_(?:ms|s|max|bytes)$")
OUR_TOP = ("src/", "tests/", "docs/", "examples/", "bench/", "tools/", ".ci/")


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [
        link
        for link in LINK.findall(prose(page))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert not dead


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    if page.parent.name == "decisions":
        return  # a decision tells what was true on its day
    gone = [
        word
        for quoted in QUOTED.findall(page.read_text(encoding="utf-8"))
        for word in quoted.split()
        if word.startswith(OUR_TOP) and "NNNN" not in word
        if not any(ROOT.glob(word.rstrip("/"))) and not ignored(word)
    ]
    assert not gone


def ignored(word: str) -> bool:
    """Whether a path is one that a run makes: it cannot be expected in a checkout."""
    return word.startswith("bench/results")


def test_a_command_line_is_known_by_its_words() -> None:
    assert wrong_command("queue move payments-dead") is None
    assert wrong_command("serve ./postroad-data --sync always") is None
    assert wrong_command("queue mvoe x") == "mvoe"
    assert wrong_command("serve --snyc always") == "--snyc"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    wrong = [
        f"{line}: {found}"
        for line in command_lines(page)
        if (found := wrong_command(line)) is not None
    ]
    assert not wrong


def command_lines(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    candidates = [*QUOTED.findall(text), *(line.strip() for line in text.splitlines())]
    return [found.group(1) for one in candidates if (found := COMMAND.match(one))]


def wrong_command(line: str) -> str | None:
    """The first word of a command line that the program does not know, or `None`."""
    command: Any = typer.main.get_command(app)
    for word in line.split():
        if word.startswith("-"):
            options = {one for parameter in command.params for one in parameter.opts}
            if word.partition("=")[0] not in options | {"--help"}:
                return word
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return word
            command = command.commands[word]
    return None


def known_names() -> set[str]:
    """The names with a unit that a program can meet: settings, parameters, attributes."""
    found = {*BrokerOptions.__annotations__}
    found.update(setting.toml.rpartition(".")[2] for setting in SETTINGS)
    for struct in (policy.QueueSettings, policy.RetryPolicy, TopicSettings, Delivery, Note, Which):
        found.update(struct.__struct_fields__)
    for options in (WorkerOptions, ReadOptions, Retry):
        found.update(options.__dataclass_fields__)
    for module in (commands, replies, groups, rounds):
        for one in vars(module).values():
            found.update(getattr(one, "__dataclass_fields__", ()))
    for part in (*parts(), Report):
        found.update(fields_of(part))
    for face in (
        Operations,
        Broker,
        AsyncBroker,
        App,
        Outbox,
        Inbox,
        Relay,
        ClaimCheck,
        BackPressure,
    ):
        for method in vars(face).values():
            code = getattr(getattr(method, "__wrapped__", method), "__code__", None)
            found.update(code.co_varnames if code is not None else ())
    return found


@pytest.mark.parametrize(
    "page", [page for page in pages() if page.parent.name != "decisions"], ids=name
)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    words = {word for quoted in QUOTED.findall(prose(page)) for word in re.split(r"\W+", quoted)}
    unknown = {word for word in words if WITH_UNIT.match(word)} - known_names()
    assert not {word for word in unknown if not word.startswith("postroad_")}


def test_every_error_is_told_of_by_a_page_or_is_for_tools() -> None:
    told = "\n".join(prose(page) for page in pages() if page.parent.name == "concepts")
    for kind in (errors.QueueFull, errors.LeaseLost, errors.NoSpace, errors.JournalFailed):
        assert f"`{kind.__name__}`" in told
