"""Publish a message, receive it, ack it. The data stay in a directory of this process."""

from postroad import Broker

with Broker.open("hello-data") as broker:
    broker.declare("greetings")
    broker.publish("greetings", "hello", headers={"language": "en"})

# Closed and opened again: what was published is on disk.
with Broker.open("hello-data") as broker:
    for message in broker.receive("greetings"):
        print(message.body.decode(), message.headers)
        broker.ack(message)
    print("left:", broker.describe("greetings").ready)
