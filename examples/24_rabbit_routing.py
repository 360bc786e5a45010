"""A direct exchange sends by the word on the message; a queue may ask for several words."""

import pika
from served import served

WANTS = {"pager": ["error"], "file": ["info", "warning", "error"]}

with served("routing-data") as endpoints:
    host, port = endpoints["amqp"].split(":")
    connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port)))
    channel = connection.channel()
    channel.exchange_declare("levels", "direct", durable=True)
    for queue, levels in WANTS.items():
        channel.queue_declare(queue, durable=True)
        for level in levels:
            channel.queue_bind(queue, "levels", level)

    channel.confirm_delivery()
    for level in ("info", "warning", "error"):
        channel.basic_publish("levels", level, f"an {level}")
    try:
        channel.basic_publish("levels", "debug", "nobody asked", mandatory=True)
    except pika.exceptions.UnroutableError as error:
        print("came back:", error.messages[0].body.decode())

    for queue in WANTS:
        print(f"{queue}:", end="")
        while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
            print("", got[0].routing_key, end="")
        print()
    connection.close()
