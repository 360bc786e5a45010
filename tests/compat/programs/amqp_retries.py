"""Orders that fail are tried again later, at most three times, and then are dead letters."""

from typing import Any

import pika

MAX_RETRIES = 3

connection = pika.BlockingConnection(pika.ConnectionParameters("localhost"))
channel = connection.channel()

# RabbitMQ DLQ setup
channel.queue_declare(
    queue="orders",
    arguments={
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "orders-dlq",
        "x-message-ttl": 86400000,  # 24 hours
    },
)

channel.queue_declare(queue="orders-dlq")
channel.queue_declare(
    queue="orders-later",
    arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "orders"},
)


def process(body: bytes) -> None:
    if body == b"order 13":
        raise ValueError("no card")


def republish_with_delay(body: bytes, retry_count: int) -> None:
    properties = pika.BasicProperties(
        headers={"x-retry-count": retry_count}, expiration=str(50 * 2**retry_count)
    )
    channel.basic_publish("", "orders-later", body, properties)


def send_to_dlq(body: bytes, error: str) -> None:
    channel.basic_publish("", "orders-dlq", body, pika.BasicProperties(headers={"error": error}))


def consume(channel: Any, method: Any, properties: Any, body: bytes) -> None:
    retry_count = (properties.headers or {}).get("x-retry-count", 0)
    try:
        process(body)
        channel.basic_ack(method.delivery_tag)
        print(body.decode(), "done")
    except ValueError as e:
        print(body.decode(), "failed at try", retry_count)
        if retry_count >= MAX_RETRIES:
            # Send to DLQ instead of requeuing
            send_to_dlq(body, error=str(e))
            channel.basic_ack(method.delivery_tag)
            channel.stop_consuming()
        else:
            # Republish with incremented retry count
            republish_with_delay(body, retry_count + 1)
            channel.basic_ack(method.delivery_tag)


for number in (12, 13, 14):
    channel.basic_publish("", "orders", f"order {number}")
channel.basic_consume("orders", consume)
channel.start_consuming()

method, properties, body = channel.basic_get("orders-dlq", auto_ack=True)
print("dead:", body.decode(), properties.headers)
connection.close()
