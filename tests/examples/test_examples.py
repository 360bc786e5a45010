"""Each example runs by itself and prints what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.sources import ROOT

LINES_MAX = 60
RUN_S_MAX = 90

PRINTS = {
    "01_hello": ["hello {'language': 'en'}", "left: 0"],
    "02_worker": ["jobs done: 400", "each once: True", "fewer appends than calls: True"],
    "03_dead_letters": [
        "order 13: no card, delivery 1",
        "order 13: no card, delivery 2",
        "order 13: no card, delivery 3",
        "order 13 died in payments: max-deliveries after 3 deliveries",
        "moved back: 1",
        "left: 0 0",
    ],
    "04_fan_out": [
        "a million bytes to three queues: 1.0 MB written",
        "queue `shipping` does not exist",
        "payment 1001 1000000",
        "inventory 1001 1000000",
        "notification 1001 1000000",
    ],
    "05_sqs_boto3": [
        "sent: 4",
        "seen: ['order 1001', 'order 1002', 'order 1003', 'order 1004']",
    ],
    "06_embedded_asyncio": [
        "published: 200",
        "done: 200",
        "fewer appends than messages: True",
    ],
    "07_order_pipeline": [
        "at first: paid [12, 14], reserved [12, 14], dead letters 1",
        "fixed and redriven: paid [12, 13, 14], reserved [12, 13, 14], dead letters 0",
    ],
    "10_topics": [
        "billing reads 6 orders of 2 logs",
        "billing again: 0",
        "billing from the start: 6",
        "packed: 5 failed: ['order 4']",
        "prices: {'coffee': '18', 'tea': '19'}",
        "kept: 2",
    ],
    "11_kv": [
        "mine: True",
        "yours: False",
        "given back by another: False",
        "after its end: True",
        "calls: 3",
        "all parts, brought last by scan",
        "best: [('cats', 12.0), ('fish', 10.0)]",
        "stale: 0",
    ],
    "13_sms_rate": [
        "second 1: 10 sent",
        "second 2: 100 sent",
        "second 3: 100 sent",
        "second 4: 41 sent one",
        "second 5: 1 sent two",
    ],
    "12_batch": ["receipts sent: 1", "order 17: done"],
    "08_delays": [
        "now: nothing",
        "a week later: water the plants",
        "ten years later: renew the passport",
    ],
    "09_exchanges": [
        "dear orders ['order 2']",
        "errors ['no stock', 'no paper']",
        "everything ['order 1', 'order 2', 'no stock']",
        "nobody's ['hello']",
    ],
    "15_crews": [
        "leased: [(1, 'anna', 60000), (2, 'anna', 60000)]",
        "claimed: [(1, 2), (2, 2)]",
        "consumers: [('anna', 0), ('ben', 0)]",
        "anna gives back: 0",
    ],
    "16_lists": [
        "feed: ['sun', 'snow', 'wind']",
        "doing: scale cat.png - waiting: 1",
        "lists left: ['feed', 'jobs']",
        "next: scale dog.png",
        "jobs: ['scale fish.png', 'scale dog.png', 'scale owl.png']",
        "stack: ['scale fish.png', 'scale dog.png']",
    ],
    "31_netflix": [
        "transcode: 20 videos",
        "thumbnail: 20 videos",
        "metadata: 20 videos",
        "each once: True",
    ],
    "14_time_travel": [
        "task 1 put back 10 messages",
        "delayed 90 ['retried'] {'again': True}",
        "1 cancelled",
    ],
    "17_connected": ["done: ['order 0', 'order 1', 'order 2']", "left: 0"],
    "21_rabbit_hello": ["received: hello world", "left: 0"],
    "22_rabbit_work_queues": [
        "left undone: job 0",
        "workers: ['anna', 'ben']",
        "jobs: ['job 0', 'job 1', 'job 2', 'job 3', 'job 4', 'job 5']",
        "redelivered: ['job 0']",
    ],
    "23_rabbit_pub_sub": [
        "screen: ['disk is full', 'disk is empty']",
        "file: ['disk is full', 'disk is empty']",
        "late: ['disk is empty']",
    ],
    "24_rabbit_routing": [
        "came back: nobody asked",
        "pager: error",
        "file: info warning error",
    ],
    "25_rabbit_topics": [
        "orange: quick.orange.rabbit lazy.orange.fox",
        "rabbits: quick.orange.rabbit lazy.orange.fox lazy.brown.fox lazy",
        "all: quick.orange.rabbit lazy.orange.fox lazy.brown.fox orange lazy",
    ],
    "26_rabbit_rpc": [
        "fibonacci(7) = 13",
        "fibonacci(30) = 832040",
        "fibonacci(90) = 2880067194370816120",
    ],
    "41_email_worker": [
        "busy: sent at attempt 3",
        'dead letter: {"to":"nobody","subject":"hello"}',
        "mails sent: 1001 each once: True",
    ],
    "42_worker_tests": [
        "1: 19.99",
        "paid at once: [1]",
        "runs an hour later: 1",
        "2: 2000.00",
        "reminded: [1, 2]",
        "`pay` does not take this: Expected `int`, got `str` - at `$.order`",
    ],
    "43_reports": [
        "PDF ready at /files/march-1.pdf",
        "PDF ready at /files/may-2.pdf",
        "replies: 30 at once: True",
        "failed: Reject there is no such month",
        "too late: the client is told so, and the reply is dropped",
    ],
    "44_data_pipeline": [
        "dashboard: {'home': 3000} - data lake: 3000",
        "dashboard: {'cart': 1000, 'home': 1000, 'pay': 1000} - data lake: 3000",
    ],
    "45_video_pipeline": [
        "first: live in 4 sizes with 5 thumbnails",
        "495 live",
        "5 unsafe content, found once content_scan, metadata, thumbnail were there",
        "started twice: False, still waiting: 0",
    ],
    "46_orders": [
        "order 0: tea for 19.99",
        "order 1: coffee for 19.99",
        "order 2: tea for 19.99",
        "order 3: no tea left, 1999 cents given back",
        "paid: ['order 0', 'order 1', 'order 2'] shipped: ['order 0', 'order 1', 'order 2']",
    ],
    "47_images": [
        "uploaded: 20 first: /images/cat0 - made so far: 0",
        "made: 80 each once: True",
        "of cat0: ['cat0-100', 'cat0-1000', 'cat0-500', 'cat0-preview']",
    ],
    "48_notifications": [
        "0 s: push 100 mail 0 sms 0",
        "5 s: push 100 mail 0 sms 50",
        "60 s: push 100 mail 100 sms 100",
    ],
    "61_web_app": [
        "202 {'result': 'Ann was welcomed at ann@example.org'}",
        "422 without an address",
    ],
    "51_checkout": [
        "waiting for everything: 2800 ms",
        "paying and queueing, below 600 ms: True",
        "done later: analytics, email, inventory, recommendations, warehouse",
    ],
    "52_three_workers": [
        "workers: 1 - images each: 1000",
        "minutes: 50",
        "workers: 3 - images each: 334 333 333",
        "minutes: 17",
    ],
    "53_one_queue_or_five": [
        "payment: 79,500 ms in one queue, 0 ms in its own",
        "push: 79,800 ms in one queue, 0 ms in its own",
        "email: 79,000 ms in one queue, 0 ms in its own",
        "image: 79,010 ms in one queue, 0 ms in its own",
        "report: 71,000 ms in one queue, 391,000 ms in its own",
    ],
    "27_rabbit_confirms": [
        "confirmed: 1000",
        "purged: 1000",
        "0 taken",
        "1 taken",
        "2 refused: the queue is full",
    ],
    "34_payments": [
        "requests: ['pay_1', 'pay_2', 'pay_2'], charged: {'pay_1': 10000, 'pay_2': 500}",
        "receipts: ['pay_1', 'pay_2']",
        "books: [('pay_1', 'completed'), ('pay_2', 'completed'), ('pay_3', 'failed'),"
        " ('pay_4', 'completed')]",
    ],
    "33_outbox": [
        "published: 2",
        "orders and how often they were paid: [(1, 1), (3, 0)]",
    ],
}


@pytest.mark.parametrize("name", sorted(PRINTS))
def test_an_example_prints_what_it_says(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / f"{name}.py")]
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == PRINTS[name]
    assert run.returncode == 0


def test_every_example_is_run_and_short() -> None:
    files = sorted((ROOT / "examples").glob("[0-9]*.py"))
    assert [file.stem for file in files] == sorted(PRINTS)
    for file in files:
        assert len(file.read_text(encoding="utf-8").splitlines()) < LINES_MAX, file.name
