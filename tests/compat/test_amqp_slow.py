"""Consumers that are slower than what comes, with messages that are large, by pika."""

from hashlib import sha256

import pytest

from tests.compat.amqp_clients import WAIT_MS_MAX, Broker, count, queue

MESSAGES = 64
BODY_BYTES = 4 * 2**20


def body_of(number: int) -> bytes:
    return sha256(b"%d" % number).digest() * (BODY_BYTES // 32)


@pytest.mark.parametrize("prefetch", [0, 20])
def test_large_messages_come_to_a_slow_consumer_in_order_and_once(
    broker: Broker, prefetch: int
) -> None:
    with broker.channel() as publisher:
        name = queue(publisher)
        for number in range(MESSAGES):
            publisher.basic_publish("", name, body_of(number))
        with broker.connected() as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=prefetch)
            coming = channel.consume(
                name, auto_ack=not prefetch, inactivity_timeout=WAIT_MS_MAX / 1_000
            )
            for number in range(MESSAGES):
                method, _, body = next(coming)
                assert method is not None, "it comes in time"
                assert not method.redelivered
                # Nothing is read while the consumer works: many hashes of what is large.
                assert sha256(body).digest() == sha256(body_of(number)).digest()
                if prefetch:
                    channel.basic_ack(method.delivery_tag)
            assert channel.cancel() == 0, "nothing came twice"
        assert count(publisher, name) == 0
