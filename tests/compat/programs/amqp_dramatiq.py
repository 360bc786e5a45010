"""Actors for Dramatiq over AMQP: a worker imports this; run as a program it sends messages."""

import os
import sys

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

broker = RabbitmqBroker(url=os.environ["BROKER_URL"], confirm_delivery=True, max_priority=10)
dramatiq.set_broker(broker)


def note(*words: object) -> None:
    """One line, whole also when others write at the same time."""
    line = (" ".join(map(str, words)) + "\n").encode()
    file = os.open(os.environ["RESULTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line)
    finally:
        os.close(file)


@dramatiq.actor(max_retries=2, min_backoff=100, max_backoff=200)
def work(number: int) -> None:
    """Number 7 never works; each fifth works at the second time."""
    message = dramatiq.middleware.CurrentMessage.get_current_message()
    retries = message.options.get("retries", 0) if message else 0
    if number == 7 or (number % 5 == 0 and retries == 0):
        note("failed", number)
        raise ValueError(number)
    note("done", number)


broker.add_middleware(dramatiq.middleware.CurrentMessage())


def main() -> None:
    """Send as many as told, then one for later."""
    for number in range(1, int(sys.argv[1]) + 1):
        work.send(number)
    work.send_with_options(args=(1_001,), delay=500)
    broker.join(work.queue_name, timeout=1) if len(sys.argv) > 2 else None
    broker.close()


if __name__ == "__main__":
    main()
