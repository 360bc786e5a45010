"""One word per thing: the core does not speak a protocol's language, and no file leaves a debt."""

import ast
import re
from functools import cache

from tests.tidy.sources import ROOT, identifiers, name_of, python_files, tracked, tree

# What model and core never say, as words of an identifier. Each belongs to a protocol's folder,
# where `mapping.py` is the border; the word in the core stands beside it.
WIRE_WORDS = {
    ("channel",): "session",
    ("visibility",): "lease time",
    ("in", "flight"): "leased or waiting",
    ("inflight",): "leased or waiting",
    ("pending",): "leased or waiting",
    ("reserved",): "leased",
    ("unacked",): "leased",
    ("nack",): "release, retry or reject",
    ("requeue",): "release",
    ("consumer", "group"): "group",
    ("message", "group"): "ordering key",
    ("receipt", "handle"): "receipt",
    ("delivery", "tag"): "receipt",
    ("auto", "delete"): "idle time",
    ("transaction",): "batch",
    ("vhost",): "namespace",
    ("tenant",): "namespace",
    ("sqs",): "no protocol at all",
    ("amqp",): "no protocol at all",
    ("kafka",): "no protocol at all",
    ("redis",): "no protocol at all",
}

DEBT = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
QUIET = ("tests/unit", "tests/wire", "tests/model", "tests/sim")


def test_model_and_core_speak_no_wire_word() -> None:
    spoken = [
        f"{name_of(path)}:{line}: `{name}`: say {better}"
        for path in python_files("src/postroad/model", "src/postroad/core")
        for line, name, better in wire_words(tree(path))
    ]
    assert not spoken, "\n".join(spoken)


def test_a_wire_word_is_found_inside_any_identifier() -> None:
    module = ast.parse("class PendingAsk: ...\ndef f(in_flight_max): q.consumerGroup = spending\n")
    found = {name for _, name, _ in wire_words(module)}
    assert found == {"PendingAsk", "in_flight_max", "consumerGroup"}


def test_no_file_leaves_a_debt() -> None:
    owed = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in tracked()
        if "golden" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if DEBT.search(line)
    ]
    assert not owed, "\n".join(owed)


def test_quiet_tests_never_sleep() -> None:
    asleep = [
        f"{name_of(path)}:{line}: time is an argument here"
        for path in python_files(*QUIET)
        if "sleep" in path.read_text(encoding="utf-8")
        for line, name in identifiers(tree(path))
        if name in {"sleep", "time.sleep", "asyncio.sleep"}
    ]
    assert not asleep, "\n".join(asleep)


def test_no_file_names_the_directory_it_was_written_in() -> None:
    here = re.compile(re.escape(str(ROOT)) + r"(?![\w.-])")
    if len(ROOT.parts) < 3:
        return  # a checkout right under the root: its name is an ordinary word
    named = [name_of(path) for path in tracked() if here.search(path.read_text(encoding="utf-8"))]
    assert not named, named


def wire_words(module: ast.Module) -> list[tuple[int, str, str]]:
    spoken = [(line, name, better_for(name)) for line, name in identifiers(module)]
    return sorted((line, name, better) for line, name, found in spoken for better in found)


@cache
def better_for(name: str) -> list[str]:
    """What stands in the core beside each wire word of an identifier."""
    words, found = words_of(name), []
    for wire, better in WIRE_WORDS.items():
        runs = zip(*(words[start:] for start in range(len(wire))), strict=False)
        if wire in runs:
            found.append(better)
    return found


def words_of(name: str) -> list[str]:
    """Split snake_case and CamelCase into lower-case words."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
