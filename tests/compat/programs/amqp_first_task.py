"""A first program for RabbitMQ, as a course on message queues prints it."""

import pika

connection = pika.BlockingConnection(pika.ConnectionParameters("localhost"))
channel = connection.channel()
channel.queue_declare(queue="tasks")

channel.basic_publish(exchange="", routing_key="tasks", body="Process order #123")
connection.close()
