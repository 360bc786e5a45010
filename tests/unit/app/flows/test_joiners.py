"""Joins at work: what messages say, and what the broker refuses, stops none of them."""

import json
from collections.abc import Awaitable
from typing import Any

import pytest

from postroad import App, Rejected, Rejection
from postroad.app.flows.joiner import Joiner
from postroad.app.flows.names import queue_of
from postroad.errors import BadCommand, ConnectionLost, NoSpace
from postroad.limits import FLOW_JOINERS_MAX
from postroad.testing import ClockedBroker
from tests.unit.app.flows.videos import pipeline, run_one
from tests.unit.app.shop import NO_WAIT, Shop, left, on_a_loop, turns


async def done(shop: Shop, queue: str) -> None:
    while await left(shop, queue) != (0, 0):
        await turns()


@pytest.mark.parametrize("name", ["x" * 600, "taken", ""])
def test_a_message_that_names_a_workflow_that_cannot_be_stops_no_worker(name: str) -> None:
    async def story(shop: Shop) -> None:
        runs: list[int] = []
        await shop.broker.declare("flow.taken", lease_ms=77_000)

        @shop.app.worker("jobs", retry=NO_WAIT)
        async def job(number: int) -> None:
            runs.append(number)

        place = json.dumps([name, "a", "step", "run"])
        await job.adelay(1, headers={"postroad-flow": place})
        async with shop.at_work():
            await done(shop, "jobs")
            await turns(100)
            await job.adelay(2)
            await done(shop, "jobs")
        assert runs[-1] == 2

    on_a_loop(story)


def test_messages_that_name_very_many_workflows_make_few_joins() -> None:
    async def story(shop: Shop) -> None:
        @shop.app.worker("jobs", retry=NO_WAIT)
        async def job(number: int) -> None:
            pass

        for at in range(FLOW_JOINERS_MAX + 5):
            place = json.dumps([f"w{at}", "a", "step", "run"])
            await job.adelay(1, headers={"postroad-flow": place})
        async with shop.at_work():
            await done(shop, "jobs")
            await turns(100)
        names = await shop.broker.queues("flow.w")
        assert len(names) == 2 * FLOW_JOINERS_MAX

    on_a_loop(story)


class Troubled:
    """A broker whose next answers a test sets."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker
        self.later = broker.later
        self.receive = broker.receive
        self.troubles: list[Exception] = []

    def do(self, operation: Any) -> Awaitable[Any]:
        if self.troubles:
            operation.close()
            raise self.troubles.pop(0)
        found: Awaitable[Any] = self._broker.do(operation)
        return found


def test_joins_go_on_after_what_passes_and_make_their_queues_again() -> None:
    async def story(shop: Shop) -> None:
        broker = Troubled(shop.broker)
        troubles: list[Exception] = [ConnectionLost("there", "gone"), NoSpace("the disk is full")]
        broker.troubles.extend(troubles)
        joiner = Joiner(broker, "w", [])  # type: ignore[arg-type]  # as much of one as it needs
        await joiner.start()
        while queue_of("w") not in await shop.broker.queues():
            await turns()
        await shop.broker.delete(queue_of("w"))
        broker.troubles.extend(troubles)
        while queue_of("w") not in await shop.broker.queues():
            await turns()
        assert not joiner.broken.done()
        await joiner.stop(1)

    on_a_loop(story)


def test_dead_letters_of_a_queue_that_was_made_again_are_seen() -> None:
    from postroad.app.flows.graves import Graves

    app = App()
    video, _ = pipeline(app)
    with ClockedBroker.open() as broker, app.test(broker, inline=False):
        graves = Graves("video", ["video.scan.dead"])
        for id in "ab":
            video.start(id, f"{id}.mp4")
            broker.reject(broker.receive("video.scan"))
            assert broker.do(graves.looking(broker.later)) == 1
            broker.delete("video.scan.dead")
            assert broker.do(graves.looking(broker.later)) == 0
            broker.declare("video.scan.dead")


def test_two_starts_of_one_id_at_once_start_one_though_the_second_is_too_large() -> None:
    app = App()
    video, _ = pipeline(app)
    with ClockedBroker.open() as broker, app.test(broker, inline=False):
        from postroad.app.flows.joins import _operations
        from postroad.app.flows.machine import Moves
        from postroad.app.flows.plan import REJECTED, FlowState
        from postroad.errors import Changed

        video.start("a", "a.mp4")
        late = Moves(FlowState("a", "other", 0, state=REJECTED), [], [], has_ended=True)
        with pytest.raises(Changed):
            broker.batch(_operations(broker.later, "video", late, is_new=True))
        run_one(app, broker, "video.scan")
        found = video.find("a")
        assert found is not None
        assert list(found.done) == ["scan"]


def test_reasons_are_texts_whatever_they_were() -> None:
    app = App()
    flows = app.workflow("w")
    heard: list[str] = []

    @flows.step(retry=NO_WAIT)
    def one(number: int) -> Any:
        return Rejection(number)  # type: ignore[arg-type]  # as programs do

    @flows.rejected
    def gone(rejected: Rejected) -> None:
        heard.append(rejected.reason)

    with app.test():
        flows.start("a", 5)
    with app.test(inline=False) as tested:
        flows.start("b", 6)
        with pytest.raises(BadCommand, match="is a text"):
            flows.reject("b", 7)  # type: ignore[arg-type]
        assert flows.reject("b", "half \ud83d" + "x" * 100_000)
        tested.drain()
    assert heard[0] == "5"
    assert heard[1].startswith("half \\ud83dxxx")
