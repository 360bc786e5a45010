"""A card is charged once: one key, one row, one request. `DSN` in the environment: PostgreSQL."""

import os
from contextlib import suppress
from importlib import import_module
from typing import Any

from postroad import App, Context, Retry

app = App()
dsn = os.environ.get("DSN")
connect: Any = import_module("psycopg" if dsn else "sqlite3").connect
db = connect(dsn) if dsn else connect("payments.db", check_same_thread=False)
charges: dict[str, int] = {}  # at the provider, by the key of the request
requests: list[str] = []


def run(sql: str, *values: object) -> Any:
    """Run a statement in a transaction of its own."""
    rows = db.execute(sql.replace("?", "%s") if dsn else sql, values)
    found = rows.fetchall() if rows.description else []
    db.commit()
    return found


def charge(payment_id: str, cents: int) -> None:
    """The provider charges once for a key, however often it is asked."""
    requests.append(payment_id)
    charges.setdefault(payment_id, cents)
    if requests == ["pay_1", "pay_2"]:
        raise ConnectionError("no answer from the provider")


@app.worker("payments", idempotency_key="payment_id", retry=Retry(attempts=3, backoff="none"))
def pay(context: Context, payment_id: str, cents: int) -> None:
    """The row comes first, so that whoever is killed in the middle leaves a trace."""
    run("INSERT INTO payments VALUES (?, ?, 'pending') ON CONFLICT DO NOTHING", payment_id, cents)
    charge(payment_id, cents)
    run("UPDATE payments SET status = 'completed' WHERE id = ?", payment_id)
    context.also(context.later.publish("receipts", payment_id))


run("DROP TABLE IF EXISTS payments")
run("CREATE TABLE payments (id VARCHAR(255) PRIMARY KEY, cents INTEGER, status TEXT)")
with app.test(inline=False) as tested:
    tested.broker.declare("receipts")
    pay.delay_many([("pay_1", 10_000), ("pay_2", 500), ("pay_1", 10_000), ("pay_1", 10_000)])
    with suppress(ConnectionError):
        tested.drain()
    tested.drain()
    receipts = [one.body.decode() for one in tested.broker.pop("receipts", 10)]
print(f"requests: {requests}, charged: {charges}\nreceipts: {sorted(receipts)}")
# Killed in the middle: one before the provider was asked, one after.
run("INSERT INTO payments VALUES ('pay_3', 700, 'pending'), ('pay_4', 900, 'pending')")
charges["pay_4"] = 900
for (name,) in run("SELECT id FROM payments WHERE status = 'pending'"):
    status = "completed" if name in charges else "failed"
    run("UPDATE payments SET status = ? WHERE id = ?", status, name)
print("books:", run("SELECT id, status FROM payments ORDER BY id"))
