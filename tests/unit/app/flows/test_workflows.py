"""Workflows on a broker: what is run, what is seen, and how flows end."""

import asyncio
from typing import Any

import pytest

from postroad import App, Context, Reject, Rejected, Rejection, Workflow
from postroad.app.flows.graves import Graves
from postroad.app.flows.names import alarms_of, queue_of
from postroad.app.flows.working import joined_here
from postroad.app.retry import Retry
from postroad.errors import BadCommand, BadWorker, BlocksLoop, JobFailed, NoResult
from postroad.limits import FLOW_ENDED_MS, FLOW_ID_CHARS_MAX, FLOW_RESULT_BYTES_MAX
from postroad.testing import ClockedBroker
from tests.unit.app.shop import Shop, on_a_loop

ONCE = Retry(attempts=1)


def pipeline(app: App, **options: Any) -> tuple[Workflow, list[Any]]:
    """The video pipeline, and what came of it."""
    video, heard = app.workflow("video", **options), []

    @video.step()
    def thumbnails(path: str) -> list[str]:
        return [f"{path}.{at}" for at in range(2)]

    @video.step(retry=ONCE)
    def scan(path: str) -> dict[str, bool]:
        if "broken" in path:
            raise ValueError("no frames")
        return {"safe": "unsafe" not in path}

    @video.step(after=[video.input, thumbnails, scan], wait_s=60)
    def moderate(path: str, thumbs: list[str], scan: dict[str, bool]) -> str | Rejection:
        return f"{path} {len(thumbs)}" if scan["safe"] else Rejection("shows what it must not")

    @video.step(after=moderate)
    def publish(found: str) -> str:
        heard.append(found)
        return f"live: {found}"

    @video.rejected
    def notify(rejected: Rejected) -> None:
        heard.append(rejected)

    return video, heard


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


def test_a_step_rejects_its_flow_by_what_it_returns_and_is_no_dead_letter() -> None:
    app = App()
    video, heard = pipeline(app)
    with app.test() as tested:
        flow = video.start("a", "unsafe.mp4", result=True)
        with pytest.raises(JobFailed, match="Rejected: shows what it must not"):
            flow.result(0)
        (rejected,) = heard
        assert isinstance(rejected, Rejected)
        assert (rejected.id, rejected.step) == ("a", "moderate")
        assert rejected.input == "unsafe.mp4"
        assert rejected.has["scan"] == {"safe": False}
        assert tested.broker.describe("video.moderate.dead").ready == 0


def test_a_step_that_fails_for_good_rejects_its_flow_once_and_is_a_dead_letter() -> None:
    app = App()
    video, heard = pipeline(app)
    with app.test(inline=False) as tested:
        video.start("a", "broken.mp4")
        with pytest.raises(ValueError, match="no frames"):
            tested.drain()
        tested.drain()
        (rejected,) = heard
        assert (rejected.step, rejected.reason) == ("scan", "ValueError: no frames")
        assert tested.broker.describe("video.scan.dead").ready == 1
        assert tested.broker.kv("flows").score_count("video") == 0


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


def run_one(app: App, broker: ClockedBroker, queue: str) -> None:
    """Run one job of a queue by hand, as a worker would, and join what comes of it."""
    (message,) = broker.receive(queue)
    worker = app.workers[queue]
    args, kwargs = worker.codec.decode(message, None)
    company = app.arrivals.succeeded(message, worker.function(*args, **kwargs))
    broker.batch([broker.later.ack(message), *company.with_ack])
    broker.do(joined_here(broker.later, "video"))


def test_a_join_that_waits_too_long_is_rejected() -> None:
    app = App()
    video, heard = pipeline(app)
    with ClockedBroker.open() as broker, app.test(broker, inline=False) as tested:
        video.start("a", "a.mp4")
        run_one(app, broker, "video.scan")
        late = broker.receive("video.thumbnails", lease_ms=600_000)
        broker.pass_time(60_000)
        tested.drain()
        (rejected,) = heard
        assert rejected.reason == "waited 60 s for `thumbnails`"
        # The last one comes all the same, and changes nothing.
        company = app.arrivals.succeeded(late[0], ["one"])
        broker.batch([broker.later.ack(late), *company.with_ack])
        tested.drain()
        assert len(heard) == 1


def test_a_flow_that_takes_too_long_is_rejected() -> None:
    app = App()
    video, heard = pipeline(app, timeout_s=10)
    with ClockedBroker.open() as broker, app.test(broker, inline=False) as tested:
        video.start("a", "a.mp4")
        broker.receive("video.scan", lease_ms=600_000)
        tested.drain()
        broker.pass_time(10_000)
        tested.drain()
        (rejected,) = heard
        assert rejected.reason == "not over after 10 s: `scan`, `moderate`, `publish`"


def test_a_job_that_dies_without_a_word_rejects_its_flow() -> None:
    app = App()
    video, heard = pipeline(app)
    with ClockedBroker.open() as broker, app.test(broker, inline=False) as tested:
        video.start("a", "a.mp4")
        broker.receive("video.scan")
        broker.pass_time(60_000)
        assert broker.describe("video.scan.dead").ready == 1
        graves = Graves("video", ["video.scan.dead", "nowhere"])
        assert broker.do(graves.looking(broker.later)) == 1
        tested.drain()
        assert heard[0].reason == "its job is a dead letter: max-deliveries"
        assert broker.do(graves.looking(broker.later)) == 0
        assert broker.do(Graves("video", ["video.scan.dead"]).looking(broker.later)) == 0


def test_a_flow_is_rejected_by_hand() -> None:
    app = App()
    video, heard = pipeline(app)
    with app.test(inline=False) as tested:
        video.start("a", "a.mp4")
        assert video.reject("a", "the uploader left")
        assert not video.reject("b", "no such")
        tested.drain()
        assert [one.reason for one in heard] == ["the uploader left"]
        assert not video.reject("a", "again")


def test_a_flow_whose_next_queue_is_gone_is_rejected_and_not_stuck() -> None:
    app = App()
    video, heard = pipeline(app)
    with app.test(inline=False) as tested:
        video.start("a", "a.mp4")
        app.workers.pop("video.moderate")
        tested.broker.delete("video.moderate")
        tested.drain()
        (rejected,) = heard
        assert "video.moderate" in rejected.reason or "no such queue" in rejected.reason


def test_a_full_queue_makes_a_flow_wait_and_not_fail() -> None:
    app = App()
    flows = app.workflow("w")

    @flows.step()
    def one(n: int) -> int:
        return n

    done: list[int] = []

    @flows.step(after=one, settings={"length_max": 1, "overflow": "reject"})
    def two(n: int) -> None:
        done.append(n)

    with ClockedBroker.open() as broker, app.test(broker, inline=False) as tested:
        app.workers.pop("w.two")
        flows.start("a", 1)
        broker.do(_declared(broker, two))
        broker.publish("w.two", b"0")
        tested.drain()
        assert broker.describe("w.two").ready == 1
        broker.ack(broker.receive("w.two"))
        app.workers["w.two"] = two
        broker.pass_time(1_000)
        tested.drain()
    assert done == [1]


def _declared(broker: ClockedBroker, worker: Any) -> Any:
    from postroad.app.declare import declaring

    return declaring(broker.later, worker)


def test_a_result_too_large_for_a_flow_rejects_it_and_says_what_to_do() -> None:
    app = App()
    flows, heard = app.workflow("w"), []

    @flows.step()
    def one(n: int) -> str:
        return "x" * FLOW_RESULT_BYTES_MAX

    @flows.rejected
    def gone(rejected: Rejected) -> None:
        heard.append(rejected.reason)

    with app.test():
        flows.start("a", 1)
    assert "keep it elsewhere" in heard[0]


def test_steps_may_be_rejected_with_an_exception_too() -> None:
    app = App()
    flows, heard = app.workflow("w"), []

    @flows.step()
    def one(n: int) -> None:
        raise Reject("never")

    @flows.rejected(concurrency=1)
    def gone(rejected: Rejected) -> None:
        heard.append(rejected.reason)

    with app.test(inline=False) as tested:
        flows.start("a", 1)
        with pytest.raises(Reject):
            tested.drain()
        tested.drain()
    assert heard == ["never"]


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
    flows, seen = app.workflow("w"), []

    @flows.step()
    def one(context: Context, n: int) -> None:
        assert context.flow is not None
        seen.append((context.flow.workflow, context.flow.id, context.flow.step))

    with app.test():
        flows.start("a", 1)
    assert seen == [("w", "a", "one")]


def test_a_duplicate_that_does_not_run_arrives_with_what_the_first_returned() -> None:
    app = App()
    flows, heard = app.workflow("w"), []

    @flows.step(idempotency_key="name", idempotency_ttl_s=60)
    def one(name: str) -> str | Rejection:
        heard.append(name)
        return Rejection("no") if name == "bad" else name.upper()

    @flows.rejected
    def gone(rejected: Rejected) -> None:
        heard.append(rejected.id)

    with app.test():
        assert [flows.start(id, "good", result=True).result(0) for id in "ab"] == ["GOOD", "GOOD"]
        flows.start("c", "bad")
        flows.start("d", "bad")
    assert heard == ["good", "bad", "c", "d"]


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
