"""Pushes are read when they change, and as many as may be."""

import logging

import pytest

from postroad.model.pushes import PushSettings, kept
from postroad.net import push_book
from postroad.net.push_book import PushBook

A, B = (kept(PushSettings(url=f"http://{host}/")) for host in ("a", "b"))


def test_what_has_not_changed_is_not_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    book = PushBook(10)
    assert book.update({"q": A, "r": B}) == {"q", "r"}
    assert (book.wanted["q"].url, book.wanted["r"].url) == ("http://a/", "http://b/")

    def read(text: bytes) -> PushSettings:
        raise AssertionError("it was read before")

    with monkeypatch.context() as changed:
        changed.setattr(push_book, "read", read)
        assert book.update({"q": A, "r": B}) == set()
    assert book.update({"q": B}) == {"q", "r"}
    assert {queue: push.url for queue, push in book.wanted.items()} == {"q": "http://b/"}


def test_what_is_no_push_is_told_once_and_is_in_nobodys_way(
    caplog: pytest.LogCaptureFixture,
) -> None:
    book = PushBook(10)
    with caplog.at_level(logging.WARNING, "postroad.net"):
        for _ in range(3):
            book.update({"q": b"{}", "r": B})
    assert book.wanted.keys() == {"r"}
    assert len(caplog.records) == 1
    book.update({"q": A, "r": b"other"})
    assert book.wanted.keys() == {"q"}


def test_of_too_many_the_first_by_name_are_pushed_and_the_others_when_there_is_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    book = PushBook(2)
    with caplog.at_level(logging.WARNING, "postroad.net"):
        for _ in range(3):
            book.update({"c": A, "b": A, "a": A})
    assert book.wanted.keys() == {"a", "b"}
    assert [one.getMessage() for one in caplog.records] == [
        "1 queues are not pushed: 2 are at most (`push.queues_max`)"
    ]
    book.update({"c": A, "b": A})
    assert book.wanted.keys() == {"b", "c"}
