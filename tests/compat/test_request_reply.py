"""Requests across protocols: each side may be a worker of an app, pika or boto3."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, Self

import pytest

from postroad import App, Reject
from postroad.errors import RequestFailed
from tests.compat.amqp_clients import Broker, fresh, only_here
from tests.compat.clients import Queue
from tests.compat.processes import Served, until

pytestmark = only_here
WAIT_S = 20


class Shop:
    """Workers at work on a thread, connected to the server of this file."""

    def __init__(self, address: str) -> None:
        self.app = App(address)
        self.queue = fresh("reports")

        @self.app.worker(self.queue)
        async def report(name: str) -> str | dict[str, int]:
            if name == "never":
                raise Reject("nobody may")
            return {"pages": 3} if name == "march" else f"report {name}"

        self._loop = asyncio.new_event_loop()
        self._running: Any = None
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        self._loop.run_until_complete(self._main())

    async def _main(self) -> None:
        self._running = self.app.running()
        await self._running.run()
        await self.app.aclose()

    def __enter__(self) -> Self:
        self._thread.start()
        assert until(lambda: self._running is not None, 15_000)
        assert until(self._running.started.is_set, 15_000)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._running.stop)
        self._thread.join(WAIT_S)
        self._loop.close()


@pytest.fixture
def native(shared: Served) -> str:
    return f"postroad://{shared.endpoints['native']}"


@pytest.fixture
def shop(native: str) -> Iterator[Shop]:
    with Shop(native) as made:
        yield made


def asked(connection: Any, channel: Any, reply_to: str, queue: str, name: str) -> tuple[Any, bytes]:
    """What pika gets for a question."""
    import pika

    answers: list[tuple[Any, bytes]] = []
    channel.basic_consume(
        reply_to, lambda _c, _m, properties, body: answers.append((properties, body)), auto_ack=True
    )
    properties = pika.BasicProperties(reply_to=reply_to, correlation_id=f"id of {name}")
    channel.basic_publish("", queue, name.encode(), properties)

    def look() -> bool:
        connection.process_data_events(0.05)
        return bool(answers)

    assert until(look, WAIT_S * 1_000), "no answer came"
    found, body = answers[0]
    assert found.correlation_id == f"id of {name}"
    return found, body


@pytest.mark.parametrize("direct", [True, False])
def test_a_worker_answers_a_question_of_pika(
    shop: Shop, connection: Any, channel: Any, direct: bool
) -> None:
    reply_to = "amq.rabbitmq.reply-to"
    if not direct:
        reply_to = channel.queue_declare("", exclusive=True).method.queue
    properties, body = asked(connection, channel, reply_to, shop.queue, "march")
    assert (body, properties.content_type) == (b'{"pages":3}', "application/json")


def test_pika_sees_why_there_is_no_answer(shop: Shop, connection: Any, channel: Any) -> None:
    properties, body = asked(connection, channel, "amq.rabbitmq.reply-to", shop.queue, "never")
    assert body == b"nobody may"
    assert properties.headers == {"postroad-error": "Reject"}


def test_pika_answers_a_request_of_an_app(native: str, broker: Broker) -> None:
    queue = fresh("upper")
    ready, over = threading.Event(), threading.Event()

    def answer() -> None:
        import pika

        with broker.connected() as connection:
            channel = connection.channel()
            channel.queue_declare(queue, durable=True)
            ready.set()
            for method, given, body in channel.consume(queue, inactivity_timeout=0.1):
                if over.is_set():
                    break
                if method is None:
                    continue
                headers = {"postroad-error": "Empty"} if not body else None
                said = pika.BasicProperties(correlation_id=given.correlation_id, headers=headers)
                channel.basic_publish("", given.reply_to, body.upper(), said)
                channel.basic_ack(method.delivery_tag)
            channel.cancel()

    thread = threading.Thread(target=answer)
    thread.start()
    app = App(native)
    try:
        assert ready.wait(WAIT_S)
        assert app.request_sync(queue, "hello", timeout_s=WAIT_S) == b"HELLO"
        assert app.request_sync(queue, "hello", returns=str, timeout_s=WAIT_S) == "HELLO"
        with pytest.raises(RequestFailed, match="Empty"):
            app.request_sync(queue, b"", timeout_s=WAIT_S)
    finally:
        over.set()
        thread.join(WAIT_S)
        app.close()


def text(value: str) -> dict[str, str]:
    return {"StringValue": value, "DataType": "String"}


@pytest.mark.parametrize("by_url", [True, False])
def test_a_worker_answers_a_question_of_boto3(
    shop: Shop, sqs: Any, mail: Queue, by_url: bool
) -> None:
    url = sqs.get_queue_url(QueueName=shop.queue)["QueueUrl"]
    attributes = {
        "reply-to": text(mail.url if by_url else mail.name),
        "correlation-id": text("17"),
    }
    sqs.send_message(QueueUrl=url, MessageBody="may", MessageAttributes=attributes)
    (reply,) = sqs.receive_message(
        QueueUrl=mail.url, WaitTimeSeconds=20, MessageAttributeNames=["All"]
    )["Messages"]
    assert reply["Body"] == "report may"
    assert reply["MessageAttributes"]["correlation-id"]["StringValue"] == "17"


def test_boto3_answers_a_request_of_an_app(native: str, sqs: Any, mail: Queue) -> None:
    def answer() -> None:
        (given,) = sqs.receive_message(
            QueueUrl=mail.url, WaitTimeSeconds=20, MessageAttributeNames=["All"]
        )["Messages"]
        said = given["MessageAttributes"]
        reply_to = sqs.get_queue_url(QueueName=said["reply-to"]["StringValue"])["QueueUrl"]
        sqs.send_message(
            QueueUrl=reply_to,
            MessageBody=given["Body"].upper(),
            MessageAttributes={"correlation-id": said["correlation-id"]},
        )
        sqs.delete_message(QueueUrl=mail.url, ReceiptHandle=given["ReceiptHandle"])

    thread = threading.Thread(target=answer)
    thread.start()
    app = App(native)
    try:
        assert app.request_sync(mail.name, "hello", timeout_s=WAIT_S) == b"HELLO"
    finally:
        thread.join(WAIT_S)
        app.close()
