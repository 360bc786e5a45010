"""What is asked of the broker for what arrived: one step, whatever comes of it."""

from typing import Any

from postroad import App
from postroad.app.flows.joins import joining, receiving
from postroad.app.flows.names import queue_of
from postroad.model.batch import Batch
from postroad.model.commands import Command, Publish, Settle
from postroad.model.kv import KvGet, KvMembersRemove, KvSet
from postroad.testing import ClockedBroker
from tests.unit.app.flows.videos import pipeline


def asked(broker: ClockedBroker, operation: Any) -> list[Command]:
    """The commands of an operation, done one after another."""
    found: list[Command] = []

    def watched() -> Any:
        try:
            command = next(operation)
            while True:
                found.append(command)
                command = operation.send((yield command))
        except StopIteration:
            return

    broker.do(watched())
    return found


def test_the_news_is_acked_in_the_step_that_keeps_the_flow_and_makes_the_next_jobs() -> None:
    app = App()
    video, _ = pipeline(app)
    with ClockedBroker.open() as broker, app.test(broker, inline=False):
        video.start("a", "a.mp4")
        for name in ("scan", "thumbnails"):
            (message,) = broker.receive(f"video.{name}")
            company = app.arrivals.succeeded(message, {"safe": True} if name == "scan" else ["x"])
            broker.batch([broker.later.ack(message), *company.with_ack])
        (messages,) = broker.do(receiving(broker.later, "video", 0)).values()
        look, batch = asked(broker, joining(broker.later, "video", "a", messages))
        assert isinstance(look, KvGet)
        assert isinstance(batch, Batch)
        assert batch.all_or_nothing
        assert [type(one) for one in batch.commands] == [Settle, KvSet, Publish, Publish]


def test_the_end_of_a_flow_is_one_step_too() -> None:
    app = App()
    video, _ = pipeline(app)
    with ClockedBroker.open() as broker, app.test(broker, inline=False):
        video.start("a", "a.mp4")
        assert video.reject("a", "enough")
        (messages,) = broker.do(receiving(broker.later, "video", 0)).values()
        _, batch = asked(broker, joining(broker.later, "video", "a", messages))
        assert isinstance(batch, Batch)
        assert batch.all_or_nothing
        kinds = [type(one) for one in batch.commands]
        assert kinds == [Settle, KvSet, KvMembersRemove, Publish]


def test_a_lease_that_was_lost_changes_nothing() -> None:
    app = App()
    video, _ = pipeline(app)
    with ClockedBroker.open() as broker, app.test(broker, inline=False):
        video.start("a", "a.mp4")
        assert video.reject("a", "enough")
        (slow,) = broker.do(receiving(broker.later, "video", 0)).values()
        broker.pass_time(60_000)
        (quick,) = broker.do(receiving(broker.later, "video", 0)).values()
        broker.do(joining(broker.later, "video", "a", slow))
        found = video.find("a")
        assert found is not None
        assert found.state == "running"
        broker.do(joining(broker.later, "video", "a", quick))
        found = video.find("a")
        assert found is not None
        assert found.state == "rejected"
        assert broker.describe(queue_of("video")).ready == 0
