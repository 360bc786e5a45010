"""A fanout exchange gives every listener a copy; who comes later gets only what comes later."""

import pika
from served import served

with served("logs-data") as endpoints:
    host, port = endpoints["amqp"].split(":")
    connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port)))
    channel = connection.channel()
    channel.exchange_declare("logs", "fanout", durable=True)

    def listener() -> str:
        """A queue of one's own: it goes with its connection."""
        name = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(name, "logs")
        return name

    def heard(name: str) -> list[str]:
        """All that is in a queue."""
        found = []
        while (got := channel.basic_get(name, auto_ack=True))[0] is not None:
            found.append(got[2].decode())
        return found

    screen, file = listener(), listener()
    channel.basic_publish("logs", "", "disk is full")
    late = listener()
    channel.basic_publish("logs", "", "disk is empty")
    print("screen:", heard(screen))
    print("file:", heard(file))
    print("late:", heard(late))
    connection.close()
