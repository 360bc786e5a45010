"""The task under Dramatiq, over Redis or RabbitMQ with confirms."""

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from bench.apps.mark import URL, mark

if URL.startswith("amqp"):
    dramatiq.set_broker(RabbitmqBroker(url=URL, confirm_delivery=True))
else:
    dramatiq.set_broker(RedisBroker(url=URL))

send = dramatiq.actor(mark).send
