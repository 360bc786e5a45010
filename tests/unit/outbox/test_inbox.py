"""What was handled is known when it comes again."""

from postroad import Broker
from postroad.outbox import Inbox
from postroad.testing import ManualClock
from tests.unit.outbox.conftest import Connect


def test_a_message_that_comes_again_changes_nothing(connect: Connect, broker: Broker) -> None:
    inbox = Inbox()
    db = connect()
    inbox.create(db)
    db.commit()
    broker.publish("orders", "pay 5")
    [message] = broker.receive("orders")
    assert inbox.is_new(db, message)
    assert not inbox.is_new(db, message)
    db.rollback()
    assert inbox.is_new(db, message), "what was rolled back was not handled"
    db.commit()
    broker.release(message)
    [again] = broker.receive("orders")
    assert not inbox.is_new(db, again)
    assert inbox.is_new(db, again, key="order 17")
    assert not inbox.is_new(db, again, key="order 17")
    assert inbox.forget(db, message.published_ms) == 0
    assert inbox.forget(db, message.published_ms + 1) == 2
    db.close()


def test_a_message_of_a_broker_made_anew_is_another_one_though_it_has_the_same_place(
    connect: Connect,
) -> None:
    inbox = Inbox()
    db = connect()
    inbox.create(db)
    identities = set()
    clock = ManualClock()
    for body in ("pay 5", "pay 6"):
        clock.advance(1)
        with Broker.open(None, clock=clock) as made_anew:
            made_anew.declare("orders")
            made_anew.publish("orders", body)
            [message] = made_anew.receive("orders")
            identities.add(message.identity)
            assert inbox.is_new(db, message)
            assert not inbox.is_new(db, message)
    assert len(identities) == 1
    db.close()
