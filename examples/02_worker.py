"""Threads share one broker: calls that arrive together share one sync of the disk."""

from threading import Thread

from postroad import Broker

PRODUCERS, WORKERS, EACH = 8, 4, 50
done: list[bytes] = []


def produce(broker: Broker, number: int) -> None:
    """Publish one message at a time, each durable when the call returns."""
    for at in range(EACH):
        broker.publish("jobs", f"job {number}-{at}")


def work(broker: Broker) -> None:
    """Take jobs until none came for a while. A job whose worker dies comes back by itself."""
    for message in broker.consume("jobs", credit=10, idle_ms=1_500):
        done.append(message.body)
        broker.ack(message)


with Broker.open("worker-data") as broker:
    broker.declare("jobs", lease_ms=60_000)
    threads = [Thread(target=produce, args=(broker, number)) for number in range(PRODUCERS)]
    threads += [Thread(target=work, args=(broker,)) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    appends = broker.driver.engine.groups_written

print("jobs done:", len(done))
print("each once:", len(set(done)) == PRODUCERS * EACH)
print("fewer appends than calls:", appends < 2 * PRODUCERS * EACH)
