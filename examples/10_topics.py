"""A log of orders that two services read, each at its own pace, and a table that packs itself."""

from postroad.testing import ClockedBroker

with ClockedBroker.open() as broker:
    orders = broker.topic("orders")
    orders.declare(partitions=2, retention_ms=7 * 86_400_000)
    for number in range(6):
        orders.publish(f"order {number}", key=f"customer {number % 3}")

    # Each group reads everything; its members share out the partitions.
    with broker.consumer("orders", group="billing", idle_ms=0) as consumer:
        print("billing reads", len(list(consumer)), "orders of", len(consumer.assignment), "logs")

    # A consumer goes on where its group was, and a group can go back.
    with broker.consumer("orders", group="billing", idle_ms=0) as consumer:
        print("billing again:", len(list(consumer)))
    orders.reset_offsets("billing", to="earliest")
    with broker.consumer("orders", group="billing", idle_ms=0) as consumer:
        print("billing from the start:", len(list(consumer)))

    # A group of mode lease hands out message by message, with retries and dead letters.
    broker.declare("failed orders")
    orders.declare_group(
        "packing", start="earliest", deliveries_max=2, dead_letter_queue="failed orders"
    )
    packed = 0
    while messages := orders.receive("packing"):
        for message in messages:
            if message.body == b"order 4":
                broker.retry(message, after_ms=0)
            else:
                broker.ack(message)
                packed += 1
    print("packed:", packed, "failed:", [one.body.decode() for one in broker.pop("failed orders")])

    # Of each key only the last message stays: a table one can read from the start.
    prices = broker.topic("prices")
    prices.declare(compact=True, compact_messages=10)
    for price in range(20):
        prices.publish(str(price), key="tea" if price % 2 else "coffee")
    broker.pass_time(1_000)
    print("prices:", {one.key.decode(): one.body.decode() for one in prices.read()})
    print("kept:", len(prices.read()))
