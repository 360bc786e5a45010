"""A topic exchange sends by patterns: `*` stands for one word, `#` for any number of them."""

import pika
from served import served

WANTS = {"orange": ["*.orange.*"], "rabbits": ["*.*.rabbit", "lazy.#"], "all": ["#"]}
SEEN = ["quick.orange.rabbit", "lazy.orange.fox", "lazy.brown.fox", "orange", "lazy"]

with served("topics-data") as endpoints:
    host, port = endpoints["amqp"].split(":")
    connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port)))
    channel = connection.channel()
    channel.exchange_declare("animals", "topic", durable=True)
    for queue, patterns in WANTS.items():
        channel.queue_declare(queue, durable=True)
        for pattern in patterns:
            channel.queue_bind(queue, "animals", pattern)
    for key in SEEN:
        channel.basic_publish("animals", key, "seen")

    for queue in WANTS:
        found = []
        while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
            found.append(got[0].routing_key)
        print(f"{queue}:", *found)
    connection.close()
