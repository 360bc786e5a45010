"""The publisher names an exchange and a key; who wants what is said by bindings."""

from postroad import Broker

with Broker.open(None) as broker:
    for queue in ("everything", "errors", "dear orders", "nobody's"):
        broker.declare(queue)

    broker.declare_exchange("rest", "fanout")
    broker.bind("rest", "nobody's")
    broker.declare_exchange("events", "topic", alternate="rest")
    broker.bind("events", "everything", "shop.#")
    broker.bind("events", "errors", "*.*.error")
    broker.bind(
        "events",
        "dear orders",
        "shop.order.*",
        filter={"price": [{"numeric": [">=", 100]}]},
    )

    broker.publish_to("events", "order 1", "shop.order.placed", headers={"price": 20})
    broker.publish_to("events", "order 2", "shop.order.placed", headers={"price": 200})
    broker.publish_many_to(
        "events", ["no stock", "no paper"], ["shop.order.error", "office.printer.error"]
    )
    broker.publish_to("events", "hello", "office.visitor")

    for queue in broker.queues():
        print(queue, [message.body.decode() for message in broker.pop(queue, 10)])
