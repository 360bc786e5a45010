"""Tasks for Celery workers over AMQP. As a program it tells a story: `amqp_celery.py STORY`."""

import os
import sys
import time
from datetime import timedelta
from typing import Any

from celery import Celery, chord, group

WAIT_S = 20
LATER_S = 1.5

app = Celery(
    "amqp_celery", broker=os.environ["BROKER_URL"], backend=os.environ.get("BACKEND", "rpc://")
)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=2,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True},
    result_expires=600,
    task_default_queue=os.environ["QUEUE"],
    control_exchange=os.environ["QUEUE"],
)
if "QUORUM" in os.environ:
    app.conf.update(task_default_queue_type="quorum", task_default_exchange_type="topic")


def note(*words: object) -> None:
    """One line, whole also when others write at the same time."""
    line = (" ".join(map(str, words)) + "\n").encode()
    file = os.open(os.environ["RESULTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line)
    finally:
        os.close(file)


@app.task
def add(x: int, y: int) -> int:
    """Return the sum."""
    return x + y


@app.task
def total(numbers: list[int]) -> int:
    """Return the sum of all."""
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def flaky(self: Any) -> int:
    """Works at the third time, and says so."""
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return int(self.request.retries)


@app.task
def when(sent: float) -> float:
    """Return how long it was on its way, in seconds."""
    took = time.monotonic() - sent
    note("came", f"{took:.3f}")
    return took


@app.task
def slow(number: int, takes_s: float) -> None:
    """Takes its time."""
    note("begun", number, os.getpid())
    time.sleep(takes_s)
    note("done", number, os.getpid())


def results() -> None:
    """Tasks that give something back."""
    print("sum:", add.delay(2, 3).get(timeout=WAIT_S))
    sums = group(add.s(number, number) for number in range(50))().get(timeout=WAIT_S)
    print("group:", sum(sums))
    print("retries:", flaky.delay().get(timeout=WAIT_S))
    print("in order:", (add.s(1, 2) | add.s(4) | add.s(8))().get(timeout=WAIT_S))


def times() -> None:
    """Tasks that begin when they are told; quick ones are not held up by them."""
    add.delay(1, 1).get(timeout=WAIT_S)
    now = time.monotonic()
    waits = [when.apply_async((now,), countdown=LATER_S) for _ in range(20)]
    due = app.now() + timedelta(seconds=LATER_S)
    waits.append(when.apply_async((now,), eta=due))
    print("meanwhile:", when.delay(now).get(timeout=WAIT_S) < LATER_S)
    took = [one.get(timeout=WAIT_S) for one in waits]
    print("in time:", min(took) >= LATER_S - 0.1, max(took) < LATER_S + 5)


def chords() -> None:
    """A task that runs when all others have."""
    print("chord:", chord(add.s(one, one) for one in range(10))(total.s()).get(timeout=WAIT_S))


def control() -> None:
    """Commands to all workers, and their answers."""
    add.delay(1, 1).get(timeout=WAIT_S)
    (answer,) = app.control.ping(timeout=5, limit=1)
    print("ping:", *(one["ok"] for one in answer.values()))
    (queues,) = app.control.inspect(timeout=5, limit=1).active_queues().values()
    print("queues:", *(one["name"] == os.environ["QUEUE"] for one in queues))
    revoked = when.apply_async((time.monotonic(),), countdown=LATER_S)
    app.control.revoke(revoked.id, reply=True, timeout=5, limit=1)
    add.apply_async((1, 1), countdown=LATER_S + 0.5).get(timeout=WAIT_S)
    print("revoked:", revoked.state)


def send() -> None:
    """So many slow tasks, of so many seconds each."""
    for number in range(int(sys.argv[2])):
        slow.delay(number, float(sys.argv[3]))


def later() -> None:
    """A task for later, whose result nobody waits for."""
    when.apply_async((time.monotonic(),), countdown=LATER_S)
    when.delay(time.monotonic())


STORIES = {one.__name__: one for one in (results, times, chords, control, send, later)}

if __name__ == "__main__":
    STORIES[sys.argv[1]]()
