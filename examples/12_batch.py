"""A message is acked, its result is sent and the fact is noted: one step, or none of it."""

import tempfile

from postroad import Broker

with tempfile.TemporaryDirectory() as directory, Broker.open(directory) as broker:
    broker.declare("payments")
    broker.declare("receipts")
    paid = broker.kv("paid")
    broker.publish("payments", "order 17: 30.00")
    broker.publish("payments", "order 17: 30.00")  # the shop was not sure it had arrived

    for _ in range(2):
        (payment,) = broker.receive("payments")
        order = payment.body.decode().partition(":")[0]
        later = broker.later
        if paid.set(order, "begun", if_absent=True):
            broker.batch(
                [
                    later.ack([payment]),
                    later.publish("receipts", f"{order} is paid"),
                    paid.later.set(order, "done"),
                ]
            )
        else:
            broker.ack([payment])

    print(f"receipts sent: {broker.describe('receipts').ready}")
    print(f"{order}: {(paid.get(order) or b'').decode()}")
