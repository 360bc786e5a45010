"""A delay may be a second or ten years; a test need not wait for either."""

from postroad.testing import ClockedBroker

DAY_MS = 86_400_000

# A real broker in memory whose clock only `pass_time` moves; `Broker.open` has the same methods.
with ClockedBroker.open() as broker:
    broker.declare("reminders")
    broker.publish("reminders", "renew the passport", delay_ms=10 * 365 * DAY_MS)
    broker.publish("reminders", "water the plants", delay_ms=7 * DAY_MS)
    broker.publish("reminders", "offer ends tonight", delay_ms=DAY_MS, ttl_ms=2 * DAY_MS)

    for days, name in ((0, "now"), (7, "a week later"), (3_643, "ten years later")):
        broker.pass_time(days * DAY_MS)
        due = [message.body.decode() for message in broker.pop("reminders", 10)]
        print(f"{name}:", ", ".join(due) or "nothing")
