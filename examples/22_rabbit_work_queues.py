"""Two workers share a queue, one job at a time each; a job whose worker left is done by another."""

from typing import Any

import pika
from served import served

JOBS = 6

with served("work-data") as endpoints:
    host, port = endpoints["amqp"].split(":")
    parameters = pika.ConnectionParameters(host, int(port))
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    channel.queue_declare("jobs", durable=True)
    for number in range(JOBS):
        persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
        channel.basic_publish("", "jobs", f"job {number}", persistent)

    # This worker takes a job and leaves before it is done.
    leaver = pika.BlockingConnection(parameters)
    _, _, body = leaver.channel().basic_get("jobs")
    print("left undone:", body.decode())
    leaver.close()

    done: list[tuple[str, str, bool]] = []

    def work(channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        """Do one job and take the next only then."""
        done.append((method.consumer_tag, body.decode(), method.redelivered))
        channel.basic_ack(method.delivery_tag)
        if len(done) == JOBS:
            channel.stop_consuming()

    channel.basic_qos(prefetch_count=1)
    channel.basic_consume("jobs", work, consumer_tag="anna")
    channel.basic_consume("jobs", work, consumer_tag="ben")
    channel.start_consuming()
    print("workers:", sorted({worker for worker, _, _ in done}))
    print("jobs:", sorted(job for _, job, _ in done))
    print("redelivered:", [job for _, job, again in done if again])
    connection.close()
