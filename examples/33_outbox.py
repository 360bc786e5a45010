"""An order and the message about it are one transaction; a relay that dies repeats nothing."""

import sqlite3
import tempfile
from pathlib import Path

from postroad import Broker
from postroad.outbox import Inbox, Outbox, Relay

with tempfile.TemporaryDirectory() as directory:
    file = Path(directory, "shop.db")
    outbox, inbox = Outbox(), Inbox()
    db = sqlite3.connect(file)
    outbox.create(db)
    inbox.create(db)
    db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, paid INTEGER DEFAULT 0)")

    for order in (1, 2, 3):
        db.execute("INSERT INTO orders (id) VALUES (?)", (order,))
        outbox.publish(db, "payments", str(order))
        if order == 2:
            db.rollback()  # the customer changed their mind: no order, and no message
        else:
            db.commit()

    with Broker.open(Path(directory, "data")) as broker:
        broker.declare("payments")
        relay = Relay(broker, lambda: sqlite3.connect(file), outbox, name="shop")
        while relay.round():
            pass
        print(f"published: {relay.published}")

        # The worker handles the first one, and dies before its ack: it comes again.
        (message,) = broker.receive("payments")
        for delivery in ("first", "second"):
            if inbox.is_new(db, message):
                db.execute("UPDATE orders SET paid = paid + 1 WHERE id = ?", (int(message.body),))
            db.commit()
            if delivery == "first":
                broker.release(message)
                (message,) = broker.receive("payments")
        broker.ack(message)

    print(f"orders and how often they were paid: {list(db.execute('SELECT * FROM orders'))}")
    db.close()
