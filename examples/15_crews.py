"""Two packers with names share a log of orders; what one leaves lying, the other takes over."""

from postroad.api.crews import UNTIL_SETTLED
from postroad.testing import ClockedBroker

with ClockedBroker.open() as broker:
    orders = broker.topic("orders")
    orders.declare()
    orders.declare_group("packing", start="earliest")
    orders.publish_many([f"order {number}" for number in range(5)])
    crew = orders.crew("packing")

    # Anna takes three, packs one, and goes home.
    held = crew.receive("anna", 3, lease_ms=UNTIL_SETTLED)
    broker.ack(held[0])
    broker.pass_time(60_000)
    print("leased:", [(one.offset, one.consumer, one.idle_ms) for one in crew.leases()])

    # Ben packs what is left, then what has lain for half a minute.
    broker.ack(crew.receive("ben", 9, lease_ms=UNTIL_SETTLED))
    taken = crew.claim_idle("ben", 30_000, lease_ms=UNTIL_SETTLED)
    print("claimed:", [(one.offset, one.delivery_count) for one in taken.messages])
    broker.ack(taken.messages)

    print("consumers:", [(one.consumer, one.leased) for one in crew.consumers()])
    print("anna gives back:", crew.delete_consumer("anna"))
