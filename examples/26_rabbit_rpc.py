"""Ask and be answered: the answer comes straight back, there is no queue to make for it."""

import threading
from typing import Any

import pika
from served import served

REPLY_TO = "amq.rabbitmq.reply-to"


def fibonacci(number: int) -> int:
    """Return the number at that place of the row."""
    before, now = 0, 1
    for _ in range(number):
        before, now = now, before + now
    return before


def serve(parameters: pika.ConnectionParameters, ready: threading.Event) -> None:
    """Answer until asked to stop."""
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.queue_declare("fibonacci", durable=True)
        ready.set()
        for method, asked, body in channel.consume("fibonacci"):
            channel.basic_ack(method.delivery_tag)
            if body == b"stop":
                break
            answer = pika.BasicProperties(correlation_id=asked.correlation_id)
            channel.basic_publish("", asked.reply_to, str(fibonacci(int(body))), answer)
        channel.cancel()


with served("rpc-data") as endpoints:
    host, port = endpoints["amqp"].split(":")
    parameters = pika.ConnectionParameters(host, int(port))
    ready = threading.Event()
    server = threading.Thread(target=serve, args=(parameters, ready))
    server.start()
    ready.wait()
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        answers: dict[str, str] = {}

        def answered(_channel: Any, _method: Any, properties: Any, body: bytes) -> None:
            """Keep an answer under what was asked."""
            answers[properties.correlation_id] = body.decode()

        channel.basic_consume(REPLY_TO, answered, auto_ack=True)
        for number in ("7", "30", "90"):
            asked = pika.BasicProperties(reply_to=REPLY_TO, correlation_id=number)
            channel.basic_publish("", "fibonacci", number, asked)
        while len(answers) < 3:
            connection.process_data_events(time_limit=1)
        for number, answer in answers.items():
            print(f"fibonacci({number}) = {answer}")
        channel.basic_publish("", "fibonacci", "stop")
    server.join()
