"""What duplicates of a job give to whoever asked for its result, and where their keys may be."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from postroad import App
from postroad.api.operations import Operations
from postroad.app.claims import Claims
from postroad.app.company import Company, Ending, asking, commands_of
from postroad.app.retry import Retry
from postroad.app.settler import Settler
from postroad.claimcheck import ClaimCheck
from postroad.model.message import Delivery
from tests.unit.app.shop import Shop, left, on_a_loop, turns

LARGE = "x" * 1_000


def lose_all(where: Path) -> None:
    for one in where.rglob("*"):
        if one.is_file():
            one.unlink()


@pytest.mark.parametrize(
    "result", [b"\xff\x00", datetime(2026, 1, 1, tzinfo=UTC), "text", {"a": 1}, None]
)
def test_a_request_for_what_is_done_has_the_same_reply(result: Any) -> None:
    def task(number: int) -> Any:
        return result

    task.__annotations__["return"] = type(result)

    async def story(shop: Shop) -> None:
        worker = shop.app.worker("jobs", idempotency_key="number")(task)
        async with shop.at_work() as running:
            for _ in range(2):
                assert await worker.request(1, timeout_s=5) == result
        assert running.shifts[0].counts.duplicates == 1

    on_a_loop(story)


@pytest.mark.parametrize("kept", [b"done no json", b'done {"a": 1}'])
def test_a_result_that_is_none_of_the_task_stops_nobody(kept: bytes) -> None:
    async def story(shop: Shop) -> None:
        @shop.app.worker("jobs", idempotency_key="number")
        async def job(number: int) -> int:
            return number

        await shop.broker.kv("idempotency").set("jobs:1", kept)
        await job.adelay(1, result=True)
        async with shop.at_work():
            assert await (await job.adelay(2, result=True)).aresult(5) == 2

    on_a_loop(story)


def test_a_key_may_be_in_a_body_that_is_kept_aside(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        shop.app.claim_check = ClaimCheck(tmp_path, above_bytes=100)
        runs: list[str] = []

        @shop.app.worker("videos", idempotency_key="name", retry=Retry(attempts=1))
        async def encode(name: str, body: str) -> None:
            runs.append(name)

        for name in "aab":
            await encode.adelay(name, LARGE)
        async with shop.at_work() as running:
            while await left(shop, "videos") != (0, 0):
                await turns()
        await encode.adelay("c", LARGE)
        lose_all(tmp_path)
        async with shop.at_work():
            (letter,) = await shop.dead("videos")
        assert sorted(runs) == ["a", "b"]
        assert running.shifts[0].counts.duplicates == 1
        assert letter.failure.startswith("bad body")

    on_a_loop(story)


def test_a_test_of_an_app_reads_keys_in_bodies_that_are_kept_aside(tmp_path: Path) -> None:
    app = App(claim_check=ClaimCheck(tmp_path, above_bytes=100))
    runs: list[str] = []

    @app.worker("videos", idempotency_key="name")
    def encode(name: str, body: str) -> None:
        runs.append(name)

    with app.test():
        for name in "aab":
            encode.delay(name, LARGE)
    assert runs == ["a", "b"]


class Watched:
    """A broker, and what there was after each batch: the queue, and what is under the key."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.later = shop.broker.later
        self.seen: list[tuple[tuple[int, int], bytes | None]] = []

    async def batch(self, operations: Any, **options: Any) -> Any:
        results = await self._shop.broker.batch(operations, **options)
        kept = await self._shop.broker.kv("idempotency").get("jobs:1")
        self.seen.append((await left(self._shop, "jobs"), kept))
        return results


class Hears:
    """Who is told how the settling went."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def left_out(self, text: str) -> None:
        self.texts.append(text)


class Answers:
    """A companion whose answer goes to a queue that is gone."""

    def succeeded(self, *_: Any) -> Company:
        return Company(beside=[Operations().publish_many("gone", ["x"])])


def test_a_key_is_done_in_the_step_of_the_ack_though_what_stands_beside_it_is_refused() -> None:
    async def story(shop: Shop) -> None:
        await shop.broker.declare("jobs")
        await shop.broker.declare("next")
        await shop.broker.publish("jobs", b"1")
        messages = await shop.broker.receive("jobs")
        claims = Claims("jobs", lambda one: one.body.decode(), 30_000, 60_000)
        claims.sort(
            messages,
            await shop.broker.batch(list(map(asking, claims.claiming(messages)))),
        )
        claim = claims.taken(messages[0])
        assert claim is not None
        broker, hears = Watched(shop), Hears()
        settler = Settler(broker, "jobs", hears)  # type: ignore[arg-type]  # as much as it needs
        asked = commands_of([broker.later.publish("next", b"2")])
        answers: Any = Answers()
        ending = Ending(messages[0], [answers], asked, 1)
        ending.beside = [claims.doing(claim, b"1")]
        settler.end(ending)
        await settler.settled()
        assert broker.seen[0] == ((0, 0), b"done 1")
        assert await left(shop, "next") == (1, 0)

    on_a_loop(story)


def test_a_duplicate_whose_company_is_refused_has_failed_and_takes_no_success_away() -> None:
    class Friend:
        def __init__(self, later: Operations) -> None:
            self._later = later

        def wants(self, message: Delivery) -> bool:
            return b"friend" in message.head

        def succeeded(self, *_: Any) -> Company:
            return Company(with_ack=[self._later.publish("nowhere", b"")])

        def failed(self, *_: Any) -> Company:
            return Company(with_ack=[self._later.publish("nowhere", b"")])

    async def story(shop: Shop) -> None:
        @shop.app.worker("jobs", idempotency_key="number", retry=Retry(1, backoff="none"))
        async def job(number: int) -> None:
            """Done at once."""

        shop.app.companions.append(Friend(shop.broker.later))
        async with shop.at_work() as running:
            await job.adelay(1, headers={"friend": "yes"})
            await shop.dead("jobs")
            counts = running.shifts[0].counts
            assert (counts.succeeded, counts.failed, counts.duplicates) == (0, 1, 0)
            await shop.broker.kv("idempotency").set("jobs:2", b"done null")
            await job.adelay(2, headers={"friend": "yes"})
            await shop.dead("jobs")
            assert (counts.succeeded, counts.failed, counts.duplicates) == (0, 2, 0)

    on_a_loop(story)
