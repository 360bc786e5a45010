"""Spans: from who published over the headers of the message to who ran it."""

import asyncio
import sqlite3

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, Tracer, get_current_span

from postroad import App, AsyncBroker, Broker, Outgoing, Reject
from postroad.app.company import asking
from postroad.errors import QueueNotFound
from postroad.model.commands import Publish
from postroad.model.exchanges import PublishTo
from postroad.model.replies import Refused
from postroad.outbox import Outbox
from postroad.telemetry.tracing import headers, instrument
from postroad.testing import ClockedBroker
from tests.unit.app.shop import Shop, on_a_loop


class Seen:
    """What was exported, by name."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def tracer(self) -> Tracer:
        return self.provider.get_tracer("test")

    def names(self) -> list[str]:
        return [span.name for span in self._exporter.get_finished_spans()]

    def one(self, name: str) -> ReadableSpan:
        [found] = [span for span in self._exporter.get_finished_spans() if span.name == name]
        return found


@pytest.fixture
def seen() -> Seen:
    return Seen()


def _ids(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def test_a_run_is_below_the_publish_that_asked_for_it(seen: Seen) -> None:
    async def story(shop: Shop) -> None:
        done = asyncio.Event()
        current: list[int] = []

        @shop.app.worker("orders")
        async def charge(number: int) -> None:
            current.append(get_current_span().get_span_context().span_id)
            done.set()

        instrument(shop.app, tracer_provider=seen.provider)
        with seen.tracer.start_as_current_span("checkout") as checkout:
            await charge.adelay(7)
        async with shop.at_work():
            await done.wait()
        send, process = seen.one("send orders"), seen.one("process orders")
        trace_id, send_id = _ids(send)
        assert trace_id == checkout.get_span_context().trace_id
        assert send.parent is not None
        assert send.parent.span_id == checkout.get_span_context().span_id
        assert process.parent is not None
        assert (process.parent.trace_id, process.parent.span_id) == (trace_id, send_id)
        assert current == [_ids(process)[1]]
        receive = seen.one("receive orders")
        assert [link.context.span_id for link in receive.links] == [send_id]
        assert process.attributes is not None
        assert process.attributes["messaging.system"] == "postroad"
        assert process.attributes["messaging.destination.name"] == "orders"
        assert str(process.attributes["messaging.message.id"]).count("-") == 1

    on_a_loop(story)


def test_a_plain_function_runs_inside_of_its_span_on_its_thread(seen: Seen) -> None:
    async def story(shop: Shop) -> None:
        done, loop = asyncio.Event(), asyncio.get_running_loop()
        current: list[int] = []

        @shop.app.worker("orders")
        def charge(number: int) -> None:
            current.append(get_current_span().get_span_context().span_id)
            loop.call_soon_threadsafe(done.set)

        instrument(shop.app, tracer_provider=seen.provider)
        await charge.adelay(7)
        async with shop.at_work():
            await done.wait()
        assert current == [_ids(seen.one("process orders"))[1]]

    on_a_loop(story)


def test_what_a_task_raises_is_in_its_span(seen: Seen) -> None:
    with ClockedBroker.open() as broker:
        app = App.of(broker)

        @app.worker("orders")
        def charge(number: int) -> None:
            raise Reject("no such order")

        instrument(app, tracer_provider=seen.provider)
        with app.test(broker, inline=False) as tested:
            charge.delay(7)
            with pytest.raises(Reject):
                tested.drain()
        process = seen.one("process orders")
        assert process.status.status_code is StatusCode.ERROR
        assert process.events[0].name == "exception"


def test_messages_keep_their_own_headers_key_and_priority(seen: Seen) -> None:
    with Broker.open(None) as broker:
        instrument(broker, tracer_provider=seen.provider)
        instrument(broker, tracer_provider=seen.provider)  # again: nothing more
        broker.declare("orders", kind="priority")
        mine = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        broker.publish_many(
            "orders",
            [
                "bare",
                Outgoing("own", {"city": "Ulm"}, key="7", priority=3),
                Outgoing("traced", {"traceparent": mine}),
            ],
        )
        own, bare, traced = broker.receive("orders", 3)
        assert (own.headers["city"], own.key, own.priority) == ("Ulm", "7", 3)
        _, span_id = _ids(seen.one("send orders"))
        assert all(f"{span_id:016x}" in str(one.headers["traceparent"]) for one in (own, bare))
        assert traced.headers == {"traceparent": mine}
        send = seen.one("send orders")
        assert send.attributes is not None
        assert send.attributes["messaging.batch.message_count"] == 3
        assert broker.driver is not None  # what stands between does not hide the engine


def test_batches_exchanges_and_topics_carry_the_context_too(seen: Seen) -> None:
    with Broker.open(None) as broker:
        instrument(broker, tracer_provider=seen.provider)
        broker.declare("orders")
        broker.declare_exchange("shop", kind="fanout")
        broker.bind("shop", "orders")
        events = broker.topic("events")
        events.declare(partitions=1)
        broker.batch([broker.later.publish("orders", "1"), broker.later.publish("orders", "2")])
        broker.publish_to("shop", "3")
        events.publish("4")
        received = broker.receive("orders", 3)
        assert all("traceparent" in one.headers for one in received)
        [read] = events.read(0)
        assert "traceparent" in read.headers
        assert seen.names() == [
            "send orders", "send shop", "send events", "receive orders", "receive events",
        ]  # fmt: skip


def test_a_refusal_and_an_empty_receive(seen: Seen) -> None:
    with Broker.open(None) as broker:
        instrument(broker, tracer_provider=seen.provider)
        with pytest.raises(QueueNotFound):
            broker.publish("nowhere", "1")
        assert seen.one("send nowhere").status.status_code is StatusCode.ERROR
        broker.declare("orders")
        assert broker.receive("orders", wait_ms=0) == []
        assert seen.names() == ["send nowhere"]  # a wait that found nothing is no news


def test_an_outbox_carries_the_context_of_who_wrote(seen: Seen) -> None:
    async def story() -> None:
        db = sqlite3.connect(":memory:")
        outbox = Outbox()
        outbox.create(db)
        with seen.tracer.start_as_current_span("checkout") as checkout:
            outbox.publish(db, "orders", "1", headers=headers())
        db.commit()
        async with AsyncBroker.open(None) as broker:
            instrument(broker, tracer_provider=seen.provider)
            await broker.declare("orders")
            for row in outbox.read(db, 10, 1_000):
                await broker.publish(
                    row.target.queue, row.message.body, headers=row.message.headers
                )
            [received] = await broker.receive("orders")
            assert f"{checkout.get_span_context().span_id:016x}" in str(received.headers)

    asyncio.run(story())


def test_a_command_that_makes_no_sense_is_refused_as_without_a_trace(seen: Seen) -> None:
    with Broker.open(None) as broker:
        instrument(broker, tracer_provider=seen.provider)
        broker.declare("orders")
        reply = broker.do(asking(PublishTo("", (), [b"1"])))
        assert isinstance(reply, Refused)
        unreadable = b"\x01\xc1"
        broker.do(asking(Publish(("orders",), [b"1"], [unreadable])))
        (message,) = broker.receive("orders")
        assert message.head == unreadable
