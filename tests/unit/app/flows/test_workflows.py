"""Workflows on a broker: what is run, and what is seen."""

import asyncio
from typing import Any

import pytest

from postroad import App, Context
from postroad.app.flows.names import alarms_of, queue_of
from postroad.errors import BadCommand, BadWorker, BlocksLoop, JobFailed, NoResult
from postroad.limits import FLOW_ENDED_MS, FLOW_ID_CHARS_MAX
from postroad.testing import ClockedBroker
from tests.unit.app.flows.videos import pipeline, run_one
from tests.unit.app.shop import Shop, on_a_loop


def test_a_flow_runs_its_steps_and_has_the_result_of_the_last() -> None:
    app = App()
    video, heard = pipeline(app)
    with app.test():
        flow = video.start("a", "a.mp4", result=True)
        assert flow.is_new
        assert flow.result(0) == "live: a.mp4 2"
        assert heard == ["a.mp4 2"]
        found = video.find("a")
        assert found is not None
        assert (found.state, found.waiting) == ("done", [])
        assert video.waiting() == []


def test_an_id_starts_one_flow_until_a_day_after_its_end() -> None:
    app = App()
    video, heard = pipeline(app)
    with ClockedBroker.open() as broker, app.test(broker):
        assert video.start("a", "a.mp4").is_new
        assert not video.start("a", "b.mp4").is_new
        broker.pass_time(FLOW_ENDED_MS)
        assert video.find("a") is None
        assert video.start("a", "b.mp4").is_new
    assert heard == ["a.mp4 2", "b.mp4 2"]


def test_an_id_that_is_open_is_not_started_again() -> None:
    app = App()
    video, _ = pipeline(app)
    with app.test(inline=False) as tested:
        assert video.start("a", "a.mp4").is_new
        assert not video.start("a", "a.mp4").is_new
        assert tested.broker.describe("video.scan").ready == 1


def test_what_waits_is_seen_with_what_has_come_and_since_when() -> None:
    app = App()
    video, _ = pipeline(app)
    with ClockedBroker.open() as broker, app.test(broker, inline=False):
        video.start("a", "a.mp4")
        (before,) = video.waiting()
        assert (before.id, before.step, before.has) == ("a", "moderate", {})
        assert before.lacks == ["thumbnails", "scan"]
        broker.pass_time(5_000)
        run_one(app, broker, "video.scan")
        (wait,) = video.waiting()
        assert (list(wait.has), wait.lacks) == (["scan"], ["thumbnails"])
        assert wait.since_ms == before.since_ms + 5_000
        found = video.find("a")
        assert found is not None
        assert (list(found.done), list(found.begun)) == (["scan"], ["thumbnails"])


def test_several_last_steps_give_a_list_and_a_step_may_take_nothing() -> None:
    app = App()
    flows = app.workflow("w")

    @flows.step()
    def one() -> int:
        return 1

    @flows.step(after=one)
    def two(n: int) -> int:
        return n + 1

    @flows.step(after=one)
    def three() -> int:
        return 3

    with app.test():
        assert flows.start(result=True).result(0) == [2, 3]


def test_a_step_knows_its_flow() -> None:
    app = App()
    flows = app.workflow("w")
    seen: list[Any] = []

    @flows.step()
    def one(context: Context, n: int) -> None:
        assert context.flow is not None
        seen.append((context.flow.workflow, context.flow.id, context.flow.step))

    with app.test():
        flows.start("a", 1)
    assert seen == [("w", "a", "one")]


def test_garbage_among_the_arrivals_stops_nothing() -> None:
    app = App()
    video, heard = pipeline(app)
    with app.test(inline=False) as tested:
        video.start("a", "a.mp4")
        for queue in (queue_of("video"), alarms_of("video")):
            tested.broker.publish(queue, b"\xff{", key="a")
            tested.broker.publish(queue, b'{"kind":"done","id":"zz","run":"?"}')
        tested.broker.publish("video.scan", b"b.mp4", headers={"postroad-flow": "nonsense"})
        tested.drain()
    assert heard == ["a.mp4 2"]


def test_what_cannot_be_is_said_at_once() -> None:
    app = App()
    video, _ = pipeline(app)
    with pytest.raises(BadWorker, match="already"):
        app.workflow("video")
    with pytest.raises(BadWorker, match="already"):
        app.workflow("canvas")
    with pytest.raises(BadWorker, match="no step of workflow"):
        video.step(after="nowhere")
    with pytest.raises(BadWorker, match="already"):
        video.step(name="scan")(lambda path: path)
    with pytest.raises(BadWorker, match="already"):
        video.rejected(print)
    with pytest.raises(BadCommand, match="above 0"):
        video.step(wait_s=0)
    with app.test(), pytest.raises(BadCommand, match="characters"):
        video.start("x" * (FLOW_ID_CHARS_MAX + 1), "a.mp4")
    with app.test(), pytest.raises(BadCommand, match="UTF-8"):
        video.start("\ud800", "a.mp4")
    with app.test(), pytest.raises(TypeError, match="takes str, not int"):
        video.start("a", 7)
    with app.test(), pytest.raises(NoResult):
        video.start("a", "a.mp4").result(0)
    with app.test(), pytest.raises(BadCommand, match="at once"):
        video.waiting(0)


def test_a_step_that_cannot_take_what_it_gets_is_said_when_a_flow_is_started() -> None:
    app = App()
    flows = app.workflow("w")

    @flows.step()
    def one(n: int) -> int:
        return n

    @flows.step(after=one)
    def two(n: int, more: int) -> int:
        return n + more

    with app.test(), pytest.raises(BadWorker, match="also takes `more`"):
        flows.start("a", 1)


def test_workers_run_flows_and_join_them() -> None:
    async def story(shop: Shop) -> None:
        video, heard = pipeline(shop.app)
        async with shop.at_work():
            flows = [await video.astart(f"{at}", f"{at}.mp4", result=True) for at in range(50)]
            found = [await flow.aresult(15) for flow in flows]
            assert found == [f"live: {at}.mp4 2" for at in range(50)]
            assert len(heard) == 50
            assert await video.awaiting() == []
            bad = await video.astart("bad", "unsafe.mp4", result=True)
            with pytest.raises(JobFailed):
                await bad.aresult(15)
        with pytest.raises(BlocksLoop, match=r"video\.astart"):
            video.start("x", "x.mp4")

    on_a_loop(story)


def test_joins_that_were_told_to_stop_go_on_in_the_next_run() -> None:
    async def story(shop: Shop) -> None:
        video, heard = pipeline(shop.app)
        await video.astart("a", "a.mp4")
        while not heard:
            async with shop.at_work():
                await asyncio.wait_for(_some(shop), 5)
        assert heard == ["a.mp4 2"]

    on_a_loop(story)


async def _some(shop: Shop) -> None:
    await shop.broker.describe(queue_of("video"))
