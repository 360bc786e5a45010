"""RabbitMQ's client, unchanged but for the port: one message in, one message out."""

import pika
from served import served

with served("hello-data") as endpoints:
    host, port = endpoints["amqp"].split(":")
    connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port)))
    channel = connection.channel()
    channel.queue_declare("hello", durable=True)
    channel.basic_publish(exchange="", routing_key="hello", body="hello world")

    for method, _, body in channel.consume("hello"):
        print("received:", body.decode())
        channel.basic_ack(method.delivery_tag)
        break
    channel.cancel()
    left = channel.queue_declare("hello", passive=True).method.message_count
    print("left:", left)
    connection.close()
