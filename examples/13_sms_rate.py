"""A provider takes 100 messages a second, and one a second to each number; the queue sees to it."""

from postroad import Outgoing
from postroad.testing import ClockedBroker

# A real broker in memory whose clock only `pass_time` moves; `Broker.open` has the same methods.
with ClockedBroker.open() as broker:
    broker.declare("sms", per_second=100, key_per_second=1)
    broker.publish_many("sms", [Outgoing("hi", key=f"+49 30 {at}") for at in range(250)])
    broker.publish_many("sms", ["one", "two", "three"], key="+49 40 1")

    # A broker that was opened just now has nothing to catch up with: first each key waits.
    for second in (1, 2, 3, 4, 5):
        sent, slow = 0, []
        for _ in range(100):
            broker.pass_time(10)
            # However many senders ask, and however much: together they get what may be sent.
            messages = broker.receive("sms", 1_000)
            sent += len(messages)
            slow += [one.body.decode() for one in messages if one.key == "+49 40 1"]
            broker.ack(messages)
        print(f"second {second}: {sent} sent", *slow)
