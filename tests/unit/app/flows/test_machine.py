"""What becomes of a flow when something arrives, in any order, twice, or too late."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.app.flows.machine import Misfit, Moves, arrived, begun
from postroad.app.flows.plan import (
    ARRIVED,
    BYTES,
    DONE,
    FAILED,
    INPUT,
    LATE,
    NAMED,
    REJECTED,
    RUNNING,
    TEXT,
    WHOLE,
    Arrival,
    FlowState,
    Step,
)
from postroad.limits import FLOW_BYTES_MAX

VIDEO = {
    "thumbnails": Step("v.thumbnails", takes={"path": INPUT}),
    "scan": Step("v.scan", takes={"path": INPUT}),
    "moderate": Step(
        "v.moderate",
        ["thumbnails", "scan"],
        {"path": INPUT, "thumbs": "thumbnails", "scan": "scan"},
        form=NAMED,
        wait_ms=60_000,
    ),
    "publish": Step("v.publish", ["moderate"], {"found": "moderate"}),
}


def started(steps: dict[str, Step] = VIDEO, wait_ms: int = 0) -> tuple[FlowState, Moves]:
    raw = msgspec.Raw(b'"a.mp4"')
    flow = FlowState("7", "r1", 100, steps, raw, "publish", "v.rejected", wait_ms)
    moves = begun(flow, 100)
    assert moves.flow is not None
    return moves.flow, moves


def done(step: str, value: bytes = b"1", run: str = "r1") -> Arrival:
    return Arrival(ARRIVED, "7", run, step, msgspec.Raw(value))


def told(flow: FlowState, *arrivals: Arrival, now_ms: int = 200) -> tuple[FlowState, Moves]:
    moves = arrived(flow, arrivals, now_ms)
    return moves.flow or flow, moves


def test_a_flow_begins_with_the_steps_that_wait_for_nothing() -> None:
    flow, moves = started()
    assert [(job.step, job.queue, job.body) for job in moves.jobs] == [
        ("thumbnails", "v.thumbnails", b'"a.mp4"'),
        ("scan", "v.scan", b'"a.mp4"'),
    ]
    assert flow.begun == {"thumbnails": 100, "scan": 100}


def test_a_step_begins_when_the_last_it_waits_for_is_done_and_gets_their_results_by_name() -> None:
    flow, _ = started()
    flow, moves = told(flow, done("scan", b'{"safe":true}'))
    assert moves.jobs == []
    flow, moves = told(flow, done("thumbnails", b"[1,2]"))
    (job,) = moves.jobs
    assert msgspec.json.decode(job.body) == {
        "path": "a.mp4",
        "thumbs": [1, 2],
        "scan": {"safe": True},
    }


def test_a_flow_is_done_when_all_its_steps_are() -> None:
    flow, _ = started()
    flow, moves = told(flow, done("scan"), done("thumbnails"))
    flow, moves = told(flow, done("moderate"))
    assert flow.state == RUNNING
    flow, moves = told(flow, done("publish", b'"live"'), now_ms=900)
    assert (flow.state, flow.ended_ms, moves.has_ended) == (DONE, 900, True)


def test_what_arrives_twice_or_for_another_run_or_for_what_was_not_begun_changes_nothing() -> None:
    flow, _ = started()
    flow, _ = told(flow, done("scan"))
    for one in (done("scan", b"2"), done("thumbnails", run="r0"), done("publish"), done("who")):
        _, moves = told(flow, one)
        assert moves.flow is None
    assert arrived(None, [done("scan")], 200).flow is None


def test_one_failure_rejects_the_flow_and_nothing_begins_any_more() -> None:
    flow, _ = started()
    failed = Arrival(FAILED, "7", "r1", "scan", reason="no GPU")
    flow, moves = told(flow, done("thumbnails"), failed, done("scan"))
    assert (flow.state, flow.step, flow.reason) == (REJECTED, "scan", "no GPU")
    assert (moves.jobs, moves.has_ended) == ([], True)
    assert told(flow, done("scan"))[1].flow is None


def test_a_join_sets_its_alarm_when_the_first_arrives_and_is_rejected_when_it_is_late() -> None:
    flow, _ = started()
    flow, moves = told(flow, done("scan"))
    assert moves.alarms == [("moderate", 60_000)]
    flow, _ = told(flow, Arrival(LATE, "7", "r1", "moderate"))
    assert flow.state == REJECTED
    assert flow.reason == "waited 60 s for `thumbnails`"


def test_an_alarm_for_a_step_that_was_begun_means_nothing() -> None:
    flow, _ = started()
    flow, _ = told(flow, done("scan"), done("thumbnails"))
    assert told(flow, Arrival(LATE, "7", "r1", "moderate"))[1].flow is None


def test_a_whole_flow_may_be_late() -> None:
    flow, moves = started(wait_ms=5_000)
    assert moves.alarms == [(WHOLE, 5_000)]
    flow, _ = told(flow, done("scan"), Arrival(LATE, "7", "r1"))
    assert flow.state == REJECTED
    assert flow.reason == "not over after 5 s: `thumbnails`, `moderate`, `publish`"


def test_results_that_are_too_large_together_reject_the_flow() -> None:
    flow, _ = started()
    flow, _ = told(flow, done("scan", b'"' + b"x" * FLOW_BYTES_MAX + b'"'))
    assert flow.state == REJECTED
    assert "keep them elsewhere" in flow.reason


@pytest.mark.parametrize(
    ("form", "result", "body"), [(TEXT, b'"\xc3\xa9"', "é".encode()), (BYTES, b'"AAE="', b"\0\1")]
)
def test_text_and_bytes_arrive_as_they_are(form: str, result: bytes, body: bytes) -> None:
    steps = {"a": Step("a", takes={"x": INPUT}), "b": Step("b", ["a"], {"x": "a"}, form=form)}
    flow, _ = started(steps)
    flow, moves = told(flow, done("a", result))
    assert [job.body for job in moves.jobs] == [body]


def test_a_result_that_the_next_step_cannot_take_rejects_the_flow() -> None:
    steps = {"a": Step("a", takes={"x": INPUT}), "b": Step("b", ["a"], {"x": "a"}, form=TEXT)}
    flow, _ = started(steps)
    flow, _ = told(flow, done("a", b"7"))
    assert (flow.state, flow.step, flow.reason) == (REJECTED, "b", "takes text, not 7")


def test_a_flow_whose_first_step_cannot_take_its_input_does_not_begin() -> None:
    flow = FlowState("7", "r1", 0, {"a": Step("a", takes={"x": INPUT}, form=TEXT)})
    with pytest.raises(Misfit, match="takes text, not null"):
        begun(flow, 100)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Step]:
    """Any graph without a circle."""
    steps: dict[str, Step] = {}
    for at in range(draw(st.integers(1, 7))):
        earlier = sorted(steps)
        after = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        takes: dict[str, str | list[str]] = {f"p{one}": one for one in after}
        steps[f"s{at}"] = Step(f"q{at}", after, takes, form=NAMED, wait_ms=draw(st.just(0)))
    return steps


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_in_any_order_with_duplicates_and_in_any_lots_each_step_is_made_once(
    data: st.DataObject,
) -> None:
    steps = data.draw(plans())
    flow, moves = started(steps)
    made = [job.step for job in moves.jobs]
    open_, seen = list(made), 0
    while open_:
        lot = data.draw(st.lists(st.sampled_from(open_), min_size=1, unique=True))
        again = data.draw(st.lists(st.sampled_from(made), max_size=3))
        flow, moves = told(flow, *[done(step, step[1:].encode()) for step in [*again, *lot]])
        arrived_now = {*lot, *again} & set(open_)
        seen += len(arrived_now)
        open_ = [step for step in open_ if step not in arrived_now]
        for job in moves.jobs:
            assert job.step not in made, "made twice"
            assert set(steps[job.step].after) <= set(flow.has), "made too early"
            wanted = {f"p{one}": int(one[1:]) for one in steps[job.step].after}
            assert msgspec.json.decode(job.body) == wanted
            made.append(job.step)
            open_.append(job.step)
    assert sorted(made) == sorted(steps)
    assert flow.state == DONE


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_whatever_fails_when_ends_the_flow_once_and_it_stays_ended(data: st.DataObject) -> None:
    steps = data.draw(plans())
    flow, moves = started(steps)
    open_, ends, failed = [job.step for job in moves.jobs], 0, False
    for _ in range(12):
        if not open_:
            break
        step = data.draw(st.sampled_from(open_))
        fails = data.draw(st.booleans())
        one = Arrival(FAILED, "7", "r1", step, reason="x") if fails else done(step)
        was = flow.state
        flow, moves = told(flow, one)
        ends += moves.has_ended
        if was != RUNNING:
            assert moves.flow is None
            continue
        failed = failed or fails
        assert flow.state == (REJECTED if fails else flow.state)
        open_.remove(step)
        open_.extend(job.step for job in moves.jobs)
    assert ends == (1 if flow.state != RUNNING else 0)
    assert (flow.state == REJECTED) == failed
