"""One publish to three queues is one atomic step, and the body is stored once."""

from postroad import Broker, Refusal

SERVICES = ["payment", "inventory", "notification"]
PHOTO = bytes(1_000_000)

with Broker.open(None) as broker:
    for service in SERVICES:
        broker.declare(service)

    before = broker.driver.engine.bytes_written
    broker.publish(SERVICES, PHOTO, headers={"order": 1001})
    written = broker.driver.engine.bytes_written - before
    print(f"a million bytes to three queues: {written // 100_000 / 10} MB written")

    # All of them get it, or none.
    try:
        broker.publish([*SERVICES, "shipping"], "order 1002")
    except Refusal as refusal:
        print(refusal)

    for service in SERVICES:
        [message] = broker.receive(service, 10)
        print(service, message.headers["order"], len(message.body))
        broker.ack(message)
