"""A relay, and the broker in its process, are killed while a shop goes on writing orders."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

from postroad import Broker
from postroad.outbox import Outbox, Relay
from tests.crash.chance import Chance, by_seed, count

LIVES = count(3, 20)
ORDERS = count(800, 5_000)

RELAY = """
import sqlite3, sys
from postroad import Broker
from postroad.outbox import Relay

with Broker.open(sys.argv[1], segment_bytes=4 << 20, reserve_bytes=1 << 20) as broker:
    broker.declare("orders")
    relay = Relay(broker, lambda: sqlite3.connect(sys.argv[2], timeout=30), name="shop", batch=7)
    print("ready", flush=True)
    while True:
        if relay.round():
            print(relay.published, flush=True)
"""


def write_orders(file: Path, stop: threading.Event) -> None:
    """A row and its message in one transaction each; every fifth is rolled back."""
    outbox = Outbox()
    db = sqlite3.connect(file, timeout=30)
    for number in range(ORDERS):
        if stop.is_set():
            break
        db.execute("INSERT INTO orders VALUES (?)", (number,))
        outbox.publish(db, "orders", str(number))
        if number % 5 == 4:
            db.rollback()
        else:
            db.commit()
    db.close()


def run_until_killed(data: Path, file: Path, chance: Chance) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RELAY, str(data), str(file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        for _ in range(chance.randrange(40)):
            if not process.stdout.readline():
                break
        chance.let_pass(25)
        process.kill()
    finally:
        watchdog.cancel()
        process.communicate()


@by_seed
def test_every_order_is_published_once_whoever_is_killed(seed: int, tmp_path: Path) -> None:
    chance = Chance(seed, "outbox")
    file, data = tmp_path / "shop.db", tmp_path / "data"
    db = sqlite3.connect(file)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    Outbox().create(db)
    db.commit()
    stop = threading.Event()
    shop = threading.Thread(target=write_orders, args=(file, stop))
    shop.start()
    try:
        for _ in range(LIVES):
            run_until_killed(data, file, chance)
    finally:
        stop.set()
        shop.join()
    with Broker.open(data) as broker:
        relay = Relay(broker, lambda: sqlite3.connect(file), name="shop")
        while relay.round():
            pass
        published: list[int] = []
        start = 0
        while page := broker.peek("orders", start, 1_000):
            published.extend(int(one.message.body) for one in page)
            start = page[-1].message.offset + 1
    committed = [id for (id,) in db.execute("SELECT id FROM orders ORDER BY id")]
    db.close()
    assert committed
    assert published == committed
