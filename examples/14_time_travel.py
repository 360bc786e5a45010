"""A worker had a bug for an hour: put back what it acked in that hour, and look at one message."""

import tempfile

from postroad import Broker

with tempfile.TemporaryDirectory() as directory, Broker.open(directory) as broker:
    broker.declare("mails", keep_settled_ms=7 * 86_400_000)
    first = broker.publish_many("mails", [f'{{"to": {n}}}' for n in range(100)])
    broker.ack(broker.receive("mails", 100))
    settled = broker.peek("mails", count=100, states=("settled",))
    begin_ms, end_ms = settled[0].due_ms, settled[-1].due_ms + 1

    # What would come back, and then all of it, as many atomic steps as it takes.
    policy = {"to": [{"numeric": [">=", 90]}]}
    task = broker.start_put_back(
        "mails",
        settled_from_ms=begin_ms,
        settled_to_ms=end_ms,
        filter=policy,
        filter_scope="body",
        headers={"again": True},
    )
    while broker.moves("mails")[0].status == "running":
        broker.receive("mails", wait_ms=10, lease_ms=0)
    print(f"task {task} put back {broker.moves('mails')[0].moved} messages")

    (message,) = broker.receive("mails")
    broker.retry(message, after_ms=60_000)
    told = broker.biography("mails", message.offset)
    print(told.state, told.identity[1], [one.why for one in told.returns], message.headers)

    # Nobody wants that one any more.
    print(broker.cancel("mails", [message.offset]).count, "cancelled")
