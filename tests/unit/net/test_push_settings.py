"""Pushes as they are set: what cannot be is refused, and so is one too many."""

import asyncio

import pytest

from postroad.api.aio import AsyncBroker
from postroad.errors import BadSettings, TooMany

URL = "http://127.0.0.1:1/hook"


def test_one_push_too_many_is_refused_and_those_there_may_be_set_again() -> None:
    async def story() -> None:
        async with AsyncBroker.open(None, pushes_max=1) as broker:
            for queue in ("a", "b"):
                await broker.declare(queue)
            await broker.push("a", URL)
            with pytest.raises(TooMany, match="1 queues are pushed at most"):
                await broker.push("b", URL)
            await broker.push("a", URL, concurrency=2)
            await broker.stop_push("a")
            await broker.push("b", URL)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("url", "options", "says"),
    [
        ("example.org", {}, "http://"),
        ("ftp://example.org", {}, "http://"),
        ("http://", {}, "a host"),
        ("http://[::/", {}, "a host"),
        ("http://example.org:99999/", {}, "a host"),
        ("http://example.org/a b", {}, "%XX"),
        ("http://example.org/\r\nX: y", {}, "%XX"),
        ("http://exämple.org/", {}, "%XX"),
        ("http://example.org/" + "x" * 3_000, {}, "2,048"),
        (7, {}, "a text"),
        ("http://h/", {"concurrency": 0}, "`concurrency`"),
        ("http://h/", {"concurrency": 1.5}, "`concurrency`"),
        ("http://h/", {"concurrency": 101}, "1 to 100"),
        ("http://h/", {"per_second": 0}, "`per_second`"),
        ("http://h/", {"per_second": True}, "`per_second`"),
        ("http://h/", {"timeout_s": 0}, "`timeout_ms`"),
        ("http://h/", {"timeout_s": -1}, "`timeout_ms`"),
        ("http://h/", {"timeout_s": float("nan")}, "`timeout_ms`"),
        ("http://h/", {"timeout_s": 1e300}, "`timeout_ms`"),
        ("http://h/", {"timeout_s": "30"}, "`timeout_s`"),
        ("http://h/", {"secret": "easy"}, "whsec_"),
        ("http://h/", {"secret": "A" * 32}, "whsec_"),
        ("http://h/", {"secret": "whsec_AAAA"}, "24 to 64"),
        ("http://h/", {"secret": "whsec_" + "A" * 32 + "é"}, "24 to 64"),
        ("http://h/", {"secret": b"whsec_"}, "a text"),
        ("http://h/", {"secret": " ".join(["whsec_" + "A" * 32] * 5)}, "at most 4"),
    ],
)
def test_a_push_that_cannot_be_is_refused(url: str, options: dict[str, object], says: str) -> None:
    async def story() -> None:
        async with AsyncBroker.open(None) as broker:
            await broker.declare("orders")
            with pytest.raises(BadSettings, match=says):
                await broker.push("orders", url, **options)  # type: ignore[arg-type]
            assert await broker.pushes() == []

    asyncio.run(story())
