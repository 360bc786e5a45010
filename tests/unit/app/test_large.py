"""Large bodies of calls: kept aside where the call is made, and fetched before the task runs."""

import asyncio
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from postroad import App, AsyncBroker, Context, Message, Retry
from postroad.api.operations import Operations
from postroad.app import shift
from postroad.app.large import then
from postroad.app.outcomes import BadBody, Reject
from postroad.claimcheck import CLAIM_HEADER, ClaimCheck
from postroad.errors import LeaseLost

LARGE = b"x" * 1_000
WITHIN_S = 20.0


@pytest.fixture
def check(tmp_path: Path) -> ClaimCheck:
    return ClaimCheck(tmp_path / "claims", above_bytes=100)


def files(check: ClaimCheck) -> list[Path]:
    return [one for one in Path(check.where).rglob("*") if one.is_file()]


def test_a_call_with_a_large_body_runs_as_any_other(check: ClaimCheck) -> None:
    app = App(claim_check=check)
    seen: list[tuple[bytes, int]] = []

    @app.worker("videos")
    def encode(body: bytes, message: Message) -> None:
        seen.append((body, len(message.body)))

    with app.test(inline=False) as tested:
        encode.delay(LARGE, key="a")
        encode.delay(b"small", delay_seconds=0)
        encode.delay_many([LARGE, b"small"], headers={"a": "b"})
        waiting = [one.message for one in tested.broker.peek("videos")]
        assert [len(one.body) < 200 for one in waiting] == [True] * 4
        assert waiting[0].key == "a"
        assert [one.headers.get("a") for one in waiting[2:]] == ["b", "b"]
        assert len(files(check)) == 2
        tested.drain()
    assert seen == [(LARGE, 1_000), (b"small", 5)] * 2


def test_a_call_whose_body_is_gone_is_a_dead_letter_with_the_reason(check: ClaimCheck) -> None:
    app = App(claim_check=check)

    @app.worker("videos", retry=Retry(attempts=5), dead_letter_queue="videos-dead")
    def encode(body: bytes) -> None:
        raise AssertionError("it has no body")

    with app.test(inline=False) as tested:
        encode.delay(LARGE)
        files(check)[0].unlink()
        with pytest.raises(BadBody, match="any more"):
            tested.drain()
        (dead,) = tested.broker.receive("videos-dead")
        assert dead.failure.startswith("bad body: its body `")
        assert dead.failure.endswith("any more")


def test_without_a_claim_check_bodies_travel_as_they_are(check: ClaimCheck) -> None:
    app = App()

    @app.worker("videos")
    def encode(body: bytes) -> None:
        assert body == LARGE

    with app.test():
        encode.delay(LARGE)
    assert files(check) == []


def run(story: Callable[[AsyncBroker, App], object], check: ClaimCheck) -> None:
    async def body() -> None:
        async with AsyncBroker.open(None) as broker:
            app = App.of(broker)
            app.claim_check = check
            await story(broker, app)  # type: ignore[misc]

    asyncio.run(asyncio.wait_for(body(), WITHIN_S))


def test_a_worker_fetches_and_a_place_out_of_reach_is_tried_again(
    check: ClaimCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError("out of reach")]
    whole = check.whole

    def reach(message: Message) -> Message:
        if failures:
            raise failures.pop()
        return whole(message)

    monkeypatch.setattr(check, "whole", reach)

    async def story(broker: AsyncBroker, app: App) -> None:
        seen: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue()

        @app.worker("videos", retry=Retry(attempts=3, base_s=0.001))
        async def encode(body: bytes, message: Message) -> None:
            await seen.put((body, message.delivery_count))

        await encode.adelay(LARGE, delay_seconds=0)
        await encode.adelay_many([LARGE, b"small"])
        work = asyncio.create_task(app.serve())
        found = [await seen.get() for _ in range(3)]
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert sorted(found) == [(b"small", 1), (LARGE, 1), (LARGE, 2)]
        assert (await broker.describe("videos")).ready == 0

    run(story, check)


def test_a_worker_buries_what_has_no_body_and_goes_on(check: ClaimCheck) -> None:
    async def story(broker: AsyncBroker, app: App) -> None:
        seen: asyncio.Queue[bytes] = asyncio.Queue()

        @app.worker("videos", dead_letter_queue="videos-dead")
        async def encode(body: bytes) -> None:
            await seen.put(body)

        await encode.adelay(LARGE)
        files(check)[0].write_bytes(b"y" * 1_000)
        await encode.adelay(b"z" * 1_000)
        work = asyncio.create_task(app.serve())
        assert await seen.get() == b"z" * 1_000
        (dead,) = await broker.receive("videos-dead", wait_ms=10_000)
        assert "is not what it was" in dead.failure
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    run(story, check)


async def worked(app: App, done: Callable[[], bool]) -> None:
    """Run the app until it is so."""
    work = asyncio.create_task(app.serve())
    while not done():
        passed = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.005, passed.set_result, None)
        await passed
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def test_a_body_goes_when_its_message_is_acked(check: ClaimCheck) -> None:
    app, there = App(claim_check=check), []

    @app.worker("videos")
    def encode(body: bytes) -> None:
        there.append(len(files(check)))

    with app.test(inline=False) as tested:
        encode.delay(LARGE)
        encode.delay_many([LARGE, LARGE])
        tested.drain()
    assert there == [3, 2, 1]
    assert files(check) == []


def test_a_body_stays_while_its_message_may_come_again(check: ClaimCheck) -> None:
    app = App(claim_check=check)

    @app.worker("videos", retry=Retry(attempts=2, backoff="none"), dead_letter_queue="dead")
    def encode(body: bytes, message: Message) -> None:
        assert body == LARGE
        if message.delivery_count == 1:
            raise OSError("not now")
        raise Reject("never")

    with app.test(inline=False) as tested:
        encode.delay(LARGE, delay_seconds=0)
        for error in (OSError, Reject):
            with pytest.raises(error):
                tested.drain()
            assert len(files(check)) == 1
        (dead,) = tested.broker.receive("dead")
        assert check.body(dead) == LARGE


def test_a_queue_that_keeps_what_was_acked_keeps_bodies_too(check: ClaimCheck) -> None:
    async def story(broker: AsyncBroker, app: App) -> None:
        ran: list[bytes] = []

        @app.worker("videos")
        async def encode(body: bytes) -> None:
            ran.append(body)

        await encode.adelay(LARGE)
        await broker.change("videos", keep_settled_ms=60_000)
        await worked(app, lambda: len(ran) == 1)
        await broker.put_back("videos")
        await worked(app, lambda: len(ran) == 2)
        assert len(files(check)) == 1

    run(story, check)


def test_a_body_that_others_may_need_stays(check: ClaimCheck) -> None:
    async def story(broker: AsyncBroker, app: App) -> None:
        ran: list[bytes] = []

        @app.worker("videos")
        async def encode(body: bytes) -> None:
            ran.append(body)

        await broker.declare("videos", **encode.queue_options())
        await broker.publish_many("videos", [check.outgoing(LARGE)])
        await encode.adelay(LARGE)
        assert len(files(check)) == 2
        await worked(app, lambda: len(ran) == 2 and len(files(check)) == 1)
        assert len(files(check)) == 1

    run(story, check)


def test_bodies_that_cannot_be_forgotten_are_left_to_a_sweep(
    check: ClaimCheck, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def drop(*_: object, **__: object) -> None:
        raise OSError("out of reach")

    monkeypatch.setattr(check, "drop", drop)

    async def story(_: AsyncBroker, app: App) -> None:
        ran: list[bytes] = []

        @app.worker("videos")
        async def encode(body: bytes) -> None:
            ran.append(body)

        await encode.adelay(LARGE)
        await encode.adelay(LARGE)
        await worked(app, lambda: len(ran) == 2)
        assert len(files(check)) == 2

    run(story, check)
    assert "left to a sweep" in caplog.text


def test_a_place_that_hangs_holds_up_no_stop(
    check: ClaimCheck, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def drop(*_: object, **__: object) -> None:
        begun.set()
        goes_on.wait(WITHIN_S)

    monkeypatch.setattr(check, "drop", drop)
    monkeypatch.setattr(shift, "CLAIMS_STOP_S", 0.0)

    async def story(broker: AsyncBroker, app: App) -> None:
        @app.worker("videos")
        async def encode(body: bytes) -> None:
            assert body == LARGE

        await encode.adelay(LARGE)
        work = asyncio.create_task(app.serve(stop_s=0.0))
        await asyncio.to_thread(begun.wait, WITHIN_S)
        work.cancel()
        await asyncio.wait((work,), timeout=WITHIN_S / 4)
        is_over = work.done()
        goes_on.set()
        assert is_over
        assert (await broker.describe("videos")).leased == 0

    run(story, check)
    assert "the worker stops" in caplog.text


def test_who_waits_for_an_ack_hears_of_none_that_was_refused() -> None:
    told: list[object] = []

    def refused() -> Generator[object, object, None]:
        yield "the ack"
        raise LeaseLost("it is over")

    asked = then(refused(), [], told.append)  # type: ignore[arg-type]
    assert next(asked) == "the ack"  # type: ignore[comparison-overlap]
    with pytest.raises(LeaseLost):
        asked.send(None)  # type: ignore[arg-type]
    assert told == []


def test_what_a_task_passes_on_promises_no_body_that_is_gone(check: ClaimCheck) -> None:
    app, seen = App(claim_check=check), []

    @app.worker("videos")
    def encode(body: bytes, context: Context) -> None:
        message = context.message
        context.also(Operations().publish("next", message.body, headers=message.headers))

    @app.worker("next")
    def upload(body: bytes, message: Message) -> None:
        seen.append((body, dict(message.headers)))

    with app.test():
        encode.delay(LARGE, headers={"title": "holiday"})
    assert seen == [(LARGE, {"title": "holiday"})]
    assert files(check) == []


def test_a_request_for_a_worker_keeps_its_large_body_aside(check: ClaimCheck) -> None:
    async def story(broker: AsyncBroker, app: App) -> None:
        tickets: list[bool] = []

        @app.worker("videos")
        async def size(body: bytes) -> int:
            found = await broker.peek("videos", states=("leased",))
            tickets.append(CLAIM_HEADER in found[0].message.headers)
            return len(body)

        work = asyncio.create_task(app.serve())
        assert await size.request(LARGE) == 1_000
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert tickets == [True]
        assert files(check) == []

    run(story, check)
