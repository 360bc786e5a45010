"""What fails three times waits in a dead-letter queue; once the bug is fixed it goes back."""

from postroad import Broker, Message

fixed = False


def charge(message: Message) -> None:
    """Fail as long as the bug is there."""
    if message.body == b"order 13" and not fixed:
        raise ValueError("no card")


def work(broker: Broker) -> None:
    """Ack what worked, retry what did not."""
    for message in broker.consume("payments", idle_ms=0):
        try:
            charge(message)
        except ValueError as error:
            print(f"{message.body.decode()}: {error}, delivery {message.delivery_count}")
            broker.retry(message)
        else:
            broker.ack(message)


with Broker.open(None) as broker:
    broker.declare("payments-dead")
    broker.declare("payments", deliveries_max=3, dead_letter_queue="payments-dead")
    broker.publish_many("payments", ["order 12", "order 13", "order 14"])
    work(broker)

    [dead] = broker.peek("payments-dead")
    assert dead.message.note is not None
    for death in dead.message.note.deaths:
        text = f"{death.reason} after {death.deliveries} deliveries"
        print(f"{dead.message.body.decode()} died in {death.queue}: {text}")

    fixed = True
    # Without a target each message goes back to where it came from.
    print("moved back:", broker.move("payments-dead"))
    work(broker)
    print("left:", broker.describe("payments").ready, broker.describe("payments-dead").ready)
