"""Tasks for Celery workers: some fail at first, some take longer than the broker waits for them.

Run as a program it sends them all: `celery_app.py COUNT SLOW`.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from celery import Celery

LEASE_S = 5
SLOW_S = 7
RETRY_S = 1

app = Celery("celery_app", broker=os.environ["BROKER_URL"])
app.conf.update(
    task_acks_late=True,
    task_default_queue="tasks",
    task_ignore_result=True,
    worker_prefetch_multiplier=2,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "is_secure": False,
        "region": "us-east-1",
        "visibility_timeout": LEASE_S,
        "wait_time_seconds": 1,
        "polling_interval": 0,
    },
)


def failures_of(number: int) -> int:
    """How often a task fails before it is done."""
    return 2 if number % 20 == 0 else 1 if number % 5 == 0 else 0


def note(kind: str, number: int, attempt: int) -> None:
    """One line, whole also when others write at the same time."""
    line = f"{kind} {number} {attempt} {os.getpid()}\n".encode()
    file = os.open(os.environ["RESULTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line)
    finally:
        os.close(file)


@app.task(bind=True, max_retries=5)
def work(self: Any, number: int) -> None:
    """Fails as often as its number says, then is done."""
    attempt = self.request.retries
    if attempt < failures_of(number):
        note("failed", number, attempt)
        raise self.retry(countdown=RETRY_S)
    note("done", number, attempt)


@app.task
def slow(number: int) -> None:
    """Takes longer than its lease: it comes again, and whoever finds it done has no more to do."""
    mark = f"{os.environ['RESULTS']}.slow-{number}"
    note("begun", number, 0)
    if Path(mark).exists():
        return
    time.sleep(SLOW_S)
    try:
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    note("slow", number, 0)


def main() -> None:
    """Send them all, the slow ones first."""
    count, slow_count = (int(one) for one in sys.argv[1:])
    for number in range(slow_count):
        slow.delay(number)
    for number in range(count):
        work.delay(number)


if __name__ == "__main__":
    main()
