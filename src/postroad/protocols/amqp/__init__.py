"""AMQP 0-9-1 as RabbitMQ speaks it: connections, channels, exchanges, queues, consumers.

Its words end in `mapping`, `arguments` and `naming`; what lies below knows queues, leases and
deliveries.
"""
