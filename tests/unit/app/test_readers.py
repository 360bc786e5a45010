"""Readers of topics on a broker in memory, whose time passes when a test says so."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from postroad import App, Reject
from postroad.app.batches import BatchContext
from postroad.app.readers import place_of
from postroad.errors import (
    BadCommand,
    BadWorker,
    BlocksLoop,
    GroupInUse,
    QueueNotFound,
    SettingsDiffer,
)
from tests.unit.app.shop import NO_WAIT, Shop, on_a_loop
from tests.unit.app.topics import lag, publish, read_all, until


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "postroad.app")


def test_a_group_goes_on_where_it_was_and_reads_nothing_twice() -> None:
    async def story(shop: Shop) -> None:
        batches: list[list[int]] = []

        @shop.app.reader("events", group="sums", batch=10)
        async def add(numbers: list[int]) -> None:
            batches.append(numbers)

        for start in (0, 25):
            async with shop.at_work():
                await publish(shop, range(start, start + 25), 0)
                await read_all(shop)
        assert [one for batch in batches for one in batch] == list(range(50))
        assert max(map(len, batches)) == 10

    on_a_loop(story)


def test_one_bad_message_becomes_a_dead_letter_and_holds_up_no_other() -> None:
    async def story(shop: Shop) -> None:
        done: list[int] = []

        @shop.app.reader("events", group="sums", retry=NO_WAIT)
        async def add(numbers: list[int]) -> None:
            if 17 in numbers:
                raise ValueError("not this one")
            done.extend(numbers)

        await shop.broker.topic("events").declare()
        await publish(shop, range(40))
        await shop.broker.topic("events").publish("nonsense", headers={"from": "till 3"})
        async with shop.at_work() as running:
            await read_all(shop)
            assert running.readings[0].counts.dead == 2
        assert done == [number for number in range(40) if number != 17]
        bad, nonsense = await shop.dead("sums")
        assert (bad.body, bad.headers["postroad-offset"]) == (b"17", 17)
        assert "ValueError: not this one" in bad.headers["postroad-failure"]
        assert nonsense.headers["from"] == "till 3"
        assert nonsense.headers["postroad-failure"].startswith("bad body: JSON is malformed")

    on_a_loop(story)


def test_a_batch_that_fails_is_run_again_before_it_is_taken_apart() -> None:
    async def story(shop: Shop) -> None:
        attempts: list[tuple[int, int]] = []

        @shop.app.reader("events", group="sums", retry=NO_WAIT)
        async def add(context: BatchContext, numbers: list[int]) -> None:
            attempts.append((context.attempt, len(numbers)))
            if context.attempt < 3:
                raise OSError("the database is away")

        await shop.broker.topic("events").declare()
        await publish(shop, range(10))
        async with shop.at_work():
            await read_all(shop)
        assert attempts == [(1, 10), (2, 10), (3, 10)]

    on_a_loop(story)


def test_a_tombstone_is_passed_over_and_committed() -> None:
    async def story(shop: Shop) -> None:
        done: list[int] = []

        @shop.app.reader("events", group="sums")
        async def add(numbers: list[int]) -> None:
            done.extend(numbers)

        topic = shop.broker.topic("events")
        await topic.declare()
        await topic.publish("1", key="one")
        await topic.end_key("one")
        async with shop.at_work() as running:
            await read_all(shop)
            assert running.readings[0].counts.dead == 0
        assert done == [1]

    on_a_loop(story)


def test_a_bad_message_may_be_skipped_or_stop_the_reader() -> None:
    async def story(shop: Shop) -> None:
        skipped: list[int] = []

        async def add(numbers: list[int]) -> None:
            if 3 in numbers:
                raise Reject("three")
            skipped.extend(numbers)

        await shop.broker.topic("events").declare()
        await publish(shop, range(5))
        shop.app.reader("events", group="sums", failing="skip")(add)
        async with shop.at_work():
            await read_all(shop)
        assert skipped == [0, 1, 2, 4]
        with pytest.raises(QueueNotFound):
            await shop.broker.describe("sums.dead")

        shop.app.readers.clear()
        shop.app.reader("events", group="strict", failing="stop")(add)
        with pytest.raises(Reject, match="three"):
            async with shop.at_work() as running:
                await asyncio.wait_for(asyncio.shield(running.readings[0].broken), 10)
        assert await lag(shop, "strict") == 5, "it begins there the next time"

    on_a_loop(story)


def test_what_a_batch_also_wants_is_done_with_its_commit_or_not_at_all() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.reader("events", group="sums", retry=NO_WAIT)
        async def add(context: BatchContext, numbers: list[int]) -> None:
            context.also(context.later.publish("totals", str(sum(numbers)).encode()))
            if context.attempt == 1:
                raise OSError("away")
            if context.attempt == 2:
                context.also(context.later.publish("nowhere", b""))

        await shop.broker.declare("totals")
        await shop.broker.topic("events").declare()
        await publish(shop, range(5))
        async with shop.at_work():
            await read_all(shop)
        assert [one.body for one in await shop.broker.receive("totals", 10)] == [b"10"]

    on_a_loop(story)


@pytest.mark.parametrize("start", [3, 4, 1 << 70])
def test_a_group_that_begins_at_the_end_or_behind_it_is_not_sent_back(start: int) -> None:
    async def story(shop: Shop) -> None:
        seen: list[int] = []

        @shop.app.reader("events", group="sums", start=start)
        async def add(numbers: list[int]) -> None:
            seen.extend(numbers)

        await shop.broker.topic("events").declare()
        await publish(shop, range(3))
        async with shop.at_work() as running:

            async def has_begun() -> bool:
                return bool(running.readings[0].assignment)

            await until(has_begun)
            await publish(shop, range(3, 5))
            await read_all(shop)
        assert seen == [3, 4]

    on_a_loop(story)


def test_a_group_that_begins_at_the_end_stays_there_until_it_has_read_on() -> None:
    async def story(shop: Shop) -> None:
        seen: list[int] = []

        @shop.app.reader("events", group="sums", start="latest")
        async def add(numbers: list[int]) -> None:
            seen.extend(numbers)

        await shop.broker.topic("events").declare()
        await publish(shop, range(5))
        async with shop.at_work() as running:

            async def has_begun() -> bool:
                described = await shop.broker.topic("events").group("sums")
                return bool(running.readings[0].assignment) and any(
                    part.offset == 5 for part in described.parts
                )

            await until(has_begun)
        await publish(shop, range(5, 8))
        async with shop.at_work():
            await read_all(shop)
        assert seen == [5, 6, 7], "none that came while nobody read is left out"

    on_a_loop(story)


def test_a_group_is_replayed_from_an_offset_an_instant_or_the_beginning() -> None:
    async def story(shop: Shop) -> None:
        seen: list[int] = []

        @shop.app.reader("events", group="sums")
        async def add(numbers: list[int]) -> None:
            seen.extend(numbers)

        await shop.broker.topic("events").declare()
        await publish(shop, range(3))
        shop.clock.advance(60_000)
        noon = datetime.fromtimestamp(shop.clock.now_ms() / 1_000, UTC)
        await publish(shop, range(3, 6))
        async with shop.at_work():
            await read_all(shop)
            with pytest.raises(GroupInUse):
                await add.areplay(to="earliest")
        expected: list[tuple[Any, list[int]]] = [
            (noon, [3, 4, 5]),
            (5, [5]),
            ("earliest", [0, 1, 2, 3, 4, 5]),
            ("latest", []),
        ]
        for to, numbers in expected:
            seen.clear()
            await shop.app.areplay("events", group="sums", to=to)
            async with shop.at_work():
                await read_all(shop)
            assert seen == numbers
        with pytest.raises(BlocksLoop):
            add.replay(to="earliest")

    on_a_loop(story)


def test_a_topic_with_other_partitions_than_the_reader_says_is_refused() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.reader("events", group="sums", partitions=3)
        async def add(numbers: list[int]) -> None: ...

        await shop.broker.topic("events").declare(2)
        with pytest.raises(SettingsDiffer, match="has 2 partitions"):
            async with shop.at_work():
                pass

    on_a_loop(story)


def test_a_run_is_of_the_queues_and_groups_that_were_named() -> None:
    app = App()

    @app.reader(["events", "clicks"], group="sums")
    async def add(numbers: list[int]) -> None: ...

    assert add.topics == ("events", "clicks")
    assert add.dead_letter_queue == "sums.dead"

    async def story(shop: Shop) -> None:
        shop.app.readers["sums"] = add
        shop.app.worker("jobs")(print)
        for names in (["jobs"], ["sums"]):
            running = shop.app.running(queues=names)
            assert [one.queue for one in running._workers] == [n for n in names if n == "jobs"]
            assert [one.group for one in running._readers] == [n for n in names if n == "sums"]
        with pytest.raises(BadWorker, match="`others` has no worker"):
            shop.app.running(queues=["others"])

    on_a_loop(story)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch": 0}, "`batch` is from 1"),
        ({"members": True}, "`members` is from 1"),
        ({"wait_s": -1}, "`wait_s` is a number of seconds"),
        ({"failing": "ignore"}, "`failing` is dead-letter, skip or stop"),
        ({"session_s": 0}, "`session_s` is a number of seconds above 0"),
        ({"session_s": "10"}, "`session_s` is a number of seconds above 0, not '10'"),
        ({"wait_s": "5"}, "`wait_s` is a number of seconds 0 or more"),
        ({"timeout_s": "5"}, "`timeout_s` is a number of seconds above 0"),
        ({"batch": "500"}, "`batch` is from 1 to 10,000, not '500'"),
        ({"partitions": "4"}, "`partitions` is from 1"),
        ({"dead_letter_queue": 4}, "`dead_letter_queue` is the name of a queue"),
        ({"retry": 3}, "`retry` is a `Retry`"),
    ],
)
def test_nonsense_is_refused_where_the_reader_is_declared(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadWorker, match=said):
        App().reader("events", group="sums", **options)(print)


def test_a_group_has_one_reader_and_a_reader_a_topic() -> None:
    app = App()
    app.reader("events", group="sums")(print)
    with pytest.raises(BadWorker, match="group `sums` has the reader"):
        app.reader("events", group="sums")(repr)
    with pytest.raises(BadWorker, match="name a topic"):
        app.reader([], group="others")(print)


def test_a_place_is_a_word_an_offset_or_an_instant_with_its_time_zone() -> None:
    assert place_of("latest") == ("latest", None)
    assert place_of(7) == (None, 7)
    assert place_of(datetime(1970, 1, 2, tzinfo=UTC)) == (86_400_000, None)
    for wrong in ("tomorrow", -1, True, datetime(1970, 1, 2), None):  # noqa: DTZ001
        with pytest.raises(BadCommand, match=r"a place is|time zone"):
            place_of(wrong)  # type: ignore[arg-type]
