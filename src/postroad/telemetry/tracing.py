"""Spans of OpenTelemetry around publishes, receives and runs, and their context in the headers.

It stands over the faces and the app; needs the extra `otel`. Names and attributes are those of
OpenTelemetry's semantic conventions for messaging
(https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/). The rule kept here: a
command is asked once and its reply handed on, whatever becomes of its span.
"""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, Final

try:
    from opentelemetry import propagate, trace
    from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, TracerProvider
except ImportError as error:
    raise ImportError(
        "tracing needs an optional package; install it with: pip install 'postroad[otel]'"
    ) from error

from postroad.api.aio import AsyncBroker
from postroad.api.broker import Broker
from postroad.api.drivers import Driver, LaterDriver
from postroad.app.app import App
from postroad.app.context import Context
from postroad.app.jobs import id_of
from postroad.engine.recover import RecoveryReport
from postroad.limits import TRACE_LINKS_MAX
from postroad.model.batch import Batch
from postroad.model.commands import Command, Pop, Publish, Receive
from postroad.model.exchanges import PublishTo
from postroad.model.message import Delivery
from postroad.model.replies import Received, Refused, Reply
from postroad.model.topics import Fetch, Fetched
from postroad.telemetry.carriers import PUBLISHING, Publishing, carrier_of, carrying

SYSTEM: Final = "postroad"
"""`messaging.system` of all spans."""


def instrument(
    target: App | Broker | AsyncBroker, *, tracer_provider: TracerProvider | None = None
) -> None:
    """Trace a broker, or an app with its workers: call it once, before the first job.

    A publish is a span `send QUEUE`, and its messages carry its context in their headers
    (`traceparent`, whatever the propagators set); a receive that got messages is a span
    `receive QUEUE` with links to where they came from; a run is a span `process QUEUE` below the
    publish that asked for it. `tracer_provider`: the global one unless given.
    """
    tracing = Tracing(tracer_provider)
    if isinstance(target, App):
        target.use(tracing)
        target.watch(tracing.watch)
    else:
        tracing.watch(target)


def headers() -> dict[str, str]:
    """The headers that carry the context of now, for messages that are published by somebody else:
    `outbox.publish(db, "orders", body, headers=headers())`.
    """
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


class Tracing:
    """The spans of one broker or app."""

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        """Use `instrument`."""
        self._tracer = trace.get_tracer(SYSTEM, tracer_provider=tracer_provider)

    def watch(self, broker: Broker | AsyncBroker) -> None:
        """Have spans made of what a broker is asked."""
        # One that is traced already is left: two spans of one publish help nobody.
        if isinstance(broker, Broker):
            broker.watch(lambda one: one if isinstance(one, _Traced) else _Traced(one, self))
        else:
            broker.watch(
                lambda one: one if isinstance(one, _TracedLater) else _TracedLater(one, self)
            )

    @asynccontextmanager
    async def around(self, context: Context) -> AsyncIterator[None]:
        """The span of one run."""
        message = context.message
        attributes = {
            **_attributes("process", context.queue),
            "messaging.message.id": id_of(message.identity),
            "messaging.message.body.size": len(message.body),
            "postroad.delivery_count": context.attempt,
        }
        with self._tracer.start_as_current_span(
            f"process {context.queue}",
            propagate.extract(carrier_of(message)),
            SpanKind.CONSUMER,
            attributes,
        ):
            yield

    @contextmanager
    def asking(self, command: Command) -> Iterator["Asked"]:
        """The span of one command, if it is one that has one."""
        asked = Asked(command)
        publishes = _publishes(command)
        if publishes:
            with self._sending(publishes) as span:
                asked.command = _carrying(command)
                yield asked
                if isinstance(asked.reply, Refused):
                    span.set_status(Status(StatusCode.ERROR, str(asked.reply.why)))
            return
        begun_ns = time.time_ns()  # noqa: TID251  (of a span, not of a message)
        yield asked
        messages = _received(asked.reply)
        if messages:
            self._tell_received(command, messages, begun_ns)

    @contextmanager
    def _sending(self, publishes: Sequence[Publishing]) -> Iterator[Span]:
        names = sorted({_destination(one) for one in publishes})
        destination = names[0] if len(names) == 1 else ""
        attributes = _attributes("send", destination)
        count = sum(len(one.bodies) for one in publishes)
        if count > 1:
            attributes["messaging.batch.message_count"] = count
        name = f"send {destination}".rstrip()
        with self._tracer.start_as_current_span(
            name, kind=SpanKind.PRODUCER, attributes=attributes
        ) as span:
            yield span

    def _tell_received(self, command: Command, messages: list[Delivery], begun_ns: int) -> None:
        source = _source(command)
        attributes = _attributes("receive", source)
        attributes["messaging.batch.message_count"] = len(messages)
        span = self._tracer.start_span(
            f"receive {source}".rstrip(),
            kind=SpanKind.CLIENT,
            attributes=attributes,
            links=list(_links(messages)),
            start_time=begun_ns,
        )
        span.end()


class Asked:
    """A command as it is asked, and its reply once it is there."""

    __slots__ = ("command", "reply")

    def __init__(self, command: Command) -> None:
        self.command = command
        self.reply: Reply | None = None


class _Traced:
    """A driver whose commands have spans."""

    def __init__(self, driver: Driver, tracing: Tracing) -> None:
        self._driver = driver
        self._tracing = tracing

    @property
    def report(self) -> RecoveryReport:
        return self._driver.report

    def ask(self, command: Command) -> Reply:
        with self._tracing.asking(command) as asked:
            asked.reply = reply = self._driver.ask(asked.command)
        return reply

    def close(self) -> None:
        self._driver.close()


class _TracedLater:
    """The same for tasks."""

    def __init__(self, driver: LaterDriver, tracing: Tracing) -> None:
        self._driver = driver
        self._tracing = tracing

    @property
    def report(self) -> RecoveryReport:
        return self._driver.report

    async def ask(self, command: Command) -> Reply:
        with self._tracing.asking(command) as asked:
            asked.reply = reply = await self._driver.ask(asked.command)
        return reply

    async def close(self) -> None:
        await self._driver.close()


def _publishes(command: Command) -> list[Publishing]:
    if isinstance(command, PUBLISHING):
        return [command]
    if isinstance(command, Batch):
        return [one for one in command.commands if isinstance(one, PUBLISHING)]
    return []


def _carrying(command: Command) -> Command:
    carrier = headers()
    if isinstance(command, Batch):
        within = [
            carrying(one, carrier) if isinstance(one, PUBLISHING) else one
            for one in command.commands
        ]
        return replace(command, commands=within)
    assert isinstance(command, PUBLISHING), "only what publishes carries anything"
    return carrying(command, carrier)


def _destination(publish: Publishing) -> str:
    if isinstance(publish, Publish):
        return publish.queues[0] if len(publish.queues) == 1 else ""
    if isinstance(publish, PublishTo):
        return publish.exchange or next(iter(publish.routing_keys), "")
    return publish.topic


def _source(command: Command) -> str:
    if isinstance(command, Receive | Pop):
        return command.queue
    if isinstance(command, Fetch):
        topics = {span.topic for span in command.spans}
        return topics.pop() if len(topics) == 1 else ""
    return ""


def _received(reply: Reply | None) -> list[Delivery]:
    if isinstance(reply, Received):
        return reply.messages
    if isinstance(reply, Fetched):
        return [message for part in reply.parts for message in part.messages]
    return []


def _links(messages: Sequence[Delivery]) -> Iterator[Link]:
    for message in messages[:TRACE_LINKS_MAX]:
        carrier = carrier_of(message)
        if carrier:
            context = trace.get_current_span(propagate.extract(carrier)).get_span_context()
            if context.is_valid:
                yield Link(context, {"messaging.message.id": id_of(message.identity)})


def _attributes(operation: str, destination: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "messaging.system": SYSTEM,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
    if destination:
        attributes["messaging.destination.name"] = destination
    return attributes
