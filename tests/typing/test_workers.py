"""What a type checker sees of tasks and their calls."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_type

from postroad import App, BatchContext, Context, Job, Message


@dataclass
class Order:
    number: int


app = App(None)


@app.worker("orders")
async def charge(order: Order) -> str:
    return f"{order.number}"


@app.worker("sums")
def add(one: int, two: int = 0) -> int:
    return one + two


@app.worker("mails")
async def send(context: Context, to: str) -> None: ...


@app.worker("bodies")
def read(message: Message, unit: int = 1) -> bytes:
    return message.body * unit


def injected(context: Context, message: Message) -> None:
    assert_type(send.delay("ada"), Job[None])
    assert_type(read.delay(unit=2), Job[bytes])
    assert_type(read(message, 2), bytes)
    send.delay(context, "ada")  # type: ignore[call-overload]


async def calls_on_a_loop() -> None:
    assert_type(await charge.adelay(Order(1)), Job[str])
    assert_type(await (await add.adelay(1, two=2)).aresult(timeout_s=5), int)
    assert_type(await add.adelay_many([(1, 2)]), list[Job[Any]])
    assert_type(await charge(Order(1)), str)


def calls() -> None:
    assert_type(charge.delay(Order(1)), Job[str])
    assert_type(add.delay(1, two=2).result(), int)
    assert_type(add.delay(1, result=True, delay_seconds=2), Job[Any])
    assert_type(add(1, 2), int)
    add.delay("1")  # type: ignore[call-overload]
    add.delay()  # type: ignore[call-overload]
    charge.delay_many([Order(1)], unknown=1)  # type: ignore[call-arg]


@app.reader("events", group="sums", batch=100, start="latest")
def total(context: BatchContext, orders: list[Order]) -> int:
    return sum(order.number for order in orders)


async def requests_on_a_loop() -> None:
    assert_type(await charge.request(Order(1)), str)
    assert_type(await add.request(1, two=2), int)
    assert_type(await add.request(1, timeout_s=2), Any)
    assert_type(await app.request("orders", b"", returns=Order, timeout_s=5), Order)
    assert_type(await app.request("orders", {"number": 1}), Any)
    await charge.request("1")  # type: ignore[call-overload]
    await app.request("orders", b"", delay_seconds=1)  # type: ignore[call-overload]


def requests() -> None:
    assert_type(charge.request_sync(Order(1)), str)
    assert_type(app.request_sync("orders", b"", returns=int), int)


def readers(context: BatchContext) -> None:
    assert_type(total(context, [Order(1)]), int)
    total.replay(to=datetime(2026, 1, 1, tzinfo=UTC))
    app.replay("events", group="sums", to=17, partition=0)
    app.reader("events", group="sums", bulk=1)  # type: ignore[call-arg]


def test_a_task_is_still_its_function() -> None:
    assert add(1, 2) == 3
