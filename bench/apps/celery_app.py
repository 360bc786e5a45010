"""The task under Celery, over Redis or RabbitMQ with confirms; acked after it ran."""

from celery import Celery

from bench.apps.mark import URL, mark

app = Celery("bench", broker=URL)
app.conf.task_ignore_result = True
app.conf.task_acks_late = True
app.conf.broker_connection_retry_on_startup = True
app.conf.broker_pool_limit = 100
if URL.startswith("amqp"):
    app.conf.broker_transport_options = {"confirm_publish": True}

send = app.task(name="noop")(mark).delay
