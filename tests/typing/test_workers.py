"""What a type checker sees of tasks and their calls."""

from dataclasses import dataclass
from typing import Any, assert_type

from postroad import App, Context, Job, Message


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


def test_a_task_is_still_its_function() -> None:
    assert add(1, 2) == 3
