"""Tests of tasks: a broker in memory, jobs that run where they are called, a clock one moves."""

from datetime import timedelta

from postroad import App, Context, RetryAfter
from postroad.testing import ClockedBroker

app = App("postroad://127.0.0.1:7420")  # not needed, and never asked, in the tests
paid: list[int] = []
reminded: list[int] = []


@app.worker("payments")
def pay(context: Context, order: int, cents: int) -> str:
    """Pay, unless the bank is closed; remind the customer a week later."""
    if context.attempt == 1 and cents > 100_000:
        raise RetryAfter(3_600, "the bank is closed")
    paid.append(order)
    remind.delay(order, delay_seconds=timedelta(days=7).total_seconds())
    return f"{order}: {cents / 100:.2f}"


@app.worker("reminders")
async def remind(order: int) -> None:
    """Ask how it was."""
    reminded.append(order)


with ClockedBroker.open() as broker, app.test(broker) as tested:
    print(pay.delay(1, 1_999, result=True).result(timeout_s=0))

    large = pay.delay(2, 200_000, result=True)
    print("paid at once:", paid)
    broker.pass_time(3_600_000)
    print("runs an hour later:", tested.drain())
    print(large.result(timeout_s=0))

    broker.pass_time(7 * 86_400_000)
    tested.drain()
    print("reminded:", sorted(reminded))

    try:
        pay.delay("three", 100)
    except TypeError as error:
        print(error)
