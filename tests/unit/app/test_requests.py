"""Requests and their replies, with workers at work on a broker in memory."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import pytest

from postroad import App, Message, Reject, Retry
from postroad.app.replies import Replies, _queue_of, body_of, opened
from postroad.errors import (
    BadCommand,
    BlocksLoop,
    BrokerClosed,
    QueueNotFound,
    RequestFailed,
    RequestTimeout,
)
from postroad.limits import REPLY_BYTES_MAX, WAKE_QUEUE_MS
from postroad.model.message import plain_head, typed_head
from postroad.model.properties import Properties, routed_head, write_properties
from tests.unit.app.test_results import over


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "postroad.app")


@dataclass
class Report:
    name: str
    pages: int


def test_a_request_is_answered_with_what_the_task_returns() -> None:
    app = App(None)

    @app.worker("reports")
    async def report(name: str, pages: int = 1) -> Report:
        return Report(name, pages)

    @app.worker("shout")
    def shout(text: str) -> str:
        return text.upper()

    @app.worker("raw")
    async def raw(body: bytes) -> bytes:
        return body[::-1]

    async def asking() -> None:
        assert await report.request("march", pages=3, timeout_s=20) == Report("march", 3)
        assert await app.request("reports", {"name": "may"}, timeout_s=20) == {
            "name": "may",
            "pages": 1,
        }
        found = await app.request("reports", {"name": "may"}, returns=Report)
        assert found == Report("may", 1)
        assert await shout.request("hello") == "HELLO"
        assert await app.request("shout", "hello") == "HELLO"
        assert await raw.request(b"\xff\x00") == b"\x00\xff"
        answers = await asyncio.gather(*(shout.request(f"no {n}") for n in range(200)))
        assert answers == [f"NO {n}" for n in range(200)]

    over(app, asking())


def test_a_failure_for_good_is_the_answer_and_one_before_is_none() -> None:
    app = App(None)
    attempts: list[int] = []

    @app.worker("reports", retry=Retry(attempts=3, backoff="none"))
    async def report(message: Message, name: str) -> str:
        attempts.append(message.delivery_count)
        if name == "never":
            raise Reject("nobody may")
        if message.delivery_count < 3 or name == "broken":
            raise OSError("no paper \ud800")
        return name

    async def asking() -> None:
        assert await report.request("slow", timeout_s=20) == "slow"
        assert attempts == [1, 2, 3]
        with pytest.raises(RequestFailed, match="OSError: no paper") as told:
            await report.request("broken", timeout_s=20)
        assert (told.value.error, told.value.text) == ("OSError", "no paper \\ud800")
        with pytest.raises(RequestFailed, match="Reject: nobody may"):
            await report.request("never", timeout_s=20)
        with pytest.raises(RequestFailed, match="BadBody"):
            await app.request("reports", b"\xff", timeout_s=20)

    over(app, asking())


def test_a_request_that_nobody_takes_ends_with_its_time_and_leaves_nothing() -> None:
    app = App(None)

    @app.worker("reports")
    async def report(name: str) -> str:
        return name

    async def main() -> None:
        with pytest.raises(RequestTimeout, match=r"queue `reports` had no reply after 0.05 s"):
            await report.request("march", timeout_s=0.05)
        with pytest.raises(QueueNotFound):
            await app.request("nowhere", b"", timeout_s=5)
        broker = await app.link.serve()
        await broker.declare("idle")
        # The message was published a moment after its caller began to wait, and lives as long.
        assert await broker.receive("idle", wait_ms=100) == []
        assert await broker.receive("reports", wait_ms=0) == []
        assert not app.waits._sleepers
        await app.aclose()

    asyncio.run(main())


def test_a_reply_that_comes_too_late_is_dropped_and_one_nobody_can_have_holds_up_nothing() -> None:
    app = App(None)
    go_on = asyncio.Event()
    done: list[str] = []

    @app.worker("reports")
    async def report(name: str) -> str:
        if name == "late":
            await go_on.wait()
        done.append(name)
        return name

    async def asking() -> None:
        with pytest.raises(RequestTimeout):
            # Long enough for a busy machine to begin with it.
            await report.request("late", timeout_s=0.4)
        go_on.set()
        broker = await app.link.serve()
        await broker.publish("reports", "lost", headers={"reply-to": "nowhere"})
        await broker.publish("reports", "odd", headers={"reply-to": 7})
        assert await report.request("after", timeout_s=20) == "after"
        assert sorted(done) == ["after", "late", "lost", "odd"]
        assert not app.waits._replies

    over(app, asking())


def test_a_reply_queue_that_went_when_nobody_waited_is_made_again_before_the_next_request() -> None:
    app = App(None)

    @app.worker("reports")
    async def report(name: str) -> str:
        return name

    async def asking() -> None:
        assert await report.request("first", timeout_s=20) == "first"
        broker = await app.link.serve()
        async with asyncio.timeout(20):
            while app.waits._reader is not None:
                await broker.publish(app.waits.queue, "nobody's")
        await broker.delete(app.waits.queue)
        app.waits._declared_s -= WAKE_QUEUE_MS
        assert await report.request("second", timeout_s=20) == "second"

    over(app, asking())


def test_who_listens_opens_no_broker_that_nobody_would_close() -> None:
    app = App(None)
    app.link.do(lambda later: later.declare("jobs"), ("", ""))
    app.close()
    with pytest.raises(BrokerClosed):
        app.link.listen(lambda later: later.queues())
    assert app.link.do(lambda later: later.queues(), ("", "")) == []
    app.close()


def test_what_has_no_form_or_is_too_large_is_a_failure_that_is_told() -> None:
    app = App(None)

    @app.worker("reports")
    async def report(size: int) -> Any:
        return object() if size == 0 else b"x" * size

    async def asking() -> None:
        with pytest.raises(RequestFailed, match="TypeError: the reply"):
            await report.request(0, timeout_s=20)
        with pytest.raises(RequestFailed, match="ValueError: the reply has 15,728,641 bytes"):
            await report.request(REPLY_BYTES_MAX + 1, timeout_s=20)
        with pytest.raises(RequestFailed, match="BadReply"):
            await app.request("reports", 5, returns=dict)

    over(app, asking())


def test_a_reply_is_read_as_the_type_that_was_asked_for_or_is_a_failure() -> None:
    def reply(body: bytes, returns: Any) -> Any:
        head = plain_head({"content-type": "application/json; charset=utf-8"})
        return opened("reports", Message(1, 1, 1, 1, 0, 0, body, head), returns)

    assert reply(b'"march"', str) == reply(b'"march"', None) == "march"
    assert reply(b'{"a": 1}', str) == '{"a": 1}'
    assert reply(b'"march"', bytes) == b'"march"'
    for deep in (None, str, dict):
        with pytest.raises(RequestFailed, match="BadReply"):
            reply(b"[" * 100_000, deep)


def test_a_thread_may_ask_and_a_loop_is_not_held_up() -> None:
    app = App(None)

    @app.worker("inner")
    async def inner(number: int) -> int:
        return number + 1

    @app.worker("outer")
    def outer(number: int) -> int:
        return 10 * int(inner.request_sync(number, timeout_s=20))

    async def asking() -> None:
        assert await outer.request(1, timeout_s=20) == 20
        assert await asyncio.to_thread(app.request_sync, "inner", 4, timeout_s=20) == 5
        with pytest.raises(BlocksLoop, match=r"use `await inner.request\(\.\.\.\)`"):
            inner.request_sync(1)
        with pytest.raises(BlocksLoop, match=r"use `await app.request\(\.\.\.\)`"):
            app.request_sync("inner", 1)

    over(app, asking())


def test_requests_are_answered_in_tests_without_a_worker() -> None:
    app = App("postroad://127.0.0.1:1")

    @app.worker("reports")
    async def report(name: str) -> str:
        return f"report {name}"

    with app.test():
        assert report.request_sync("march", timeout_s=20) == "report march"
        assert app.request_sync("reports", "may", timeout_s=20) == "report may"

    async def main() -> None:
        async with app.test():
            assert await report.request("june", timeout_s=20) == "report june"

    asyncio.run(main())


def test_nonsense_is_refused_at_the_call() -> None:
    app = App(None)

    @app.worker("reports")
    async def report(number: int) -> None: ...

    async def main() -> None:
        with pytest.raises(TypeError, match="does not take this"):
            await report.request("text")  # type: ignore[call-overload]
        with pytest.raises(QueueNotFound):
            await app.request("nowhere", 1, headers=None)  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="no option `delay_seconds`"):
            await app.request("reports", 1, delay_seconds=5)  # type: ignore[call-overload]
        with pytest.raises(BadCommand, match="`timeout_s` is a number of seconds above 0"):
            await app.request("reports", 1, timeout_s=0)
        with pytest.raises(TypeError, match="`timeout_s` is a number of seconds, not str"):
            await app.request("reports", 1, timeout_s="5")  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="the body"):
            await app.request("reports", object())
        with pytest.raises(TypeError, match="by its name"):
            await app.request(report, 1)  # type: ignore[call-overload]

    asyncio.run(main())


def test_a_request_is_known_by_its_head_whatever_protocol_it_came_by() -> None:
    def wants(head: bytes) -> bool:
        return Replies().wants(Message(1, 1, 1, 1, 0, 0, b"", head))

    assert wants(plain_head({"reply-to": "mine"}))
    assert wants(typed_head({"reply-to": ("String", "mine")}))
    assert wants(routed_head("", "q", write_properties(Properties(reply_to="mine"))))
    assert not wants(plain_head({"correlation-id": "mine"}))
    assert not wants(routed_head("", "reply-to", write_properties(Properties(type="reply-to"))))
    assert not wants(routed_head("", "q"))


def test_the_queue_of_a_reply_may_be_named_by_its_url() -> None:
    assert _queue_of("http://127.0.0.1:9324/000000000000/my-replies") == "my-replies"
    assert _queue_of("my/replies") == "my/replies"
    assert _queue_of(None) == _queue_of(b"x") == ""
    assert body_of("é", "x") == ("é".encode(), "text/plain")
