"""How flows are rejected, and what becomes of them then."""

from typing import Any

import pytest

from postroad import App, Reject, Rejected, Rejection
from postroad.app.flows.graves import Graves
from postroad.errors import JobFailed
from postroad.limits import FLOW_RESULT_BYTES_MAX
from postroad.testing import ClockedBroker
from tests.unit.app.flows.videos import pipeline, run_one


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
    flows = app.workflow("w")
    heard: list[Any] = []

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
    flows = app.workflow("w")
    heard: list[Any] = []

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


def test_a_duplicate_that_does_not_run_arrives_with_what_the_first_returned() -> None:
    app = App()
    flows = app.workflow("w")
    heard: list[Any] = []

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
