"""Mistakes other emulators of Amazon SQS were known for, each as its users reported it."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.compat.clients import Background, Queue, client, code_of, connected, waiting
from tests.compat.conftest import MakeQueue, Serve
from tests.compat.processes import Served, until

FIFO = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [one["Body"] for one in messages]


def fill(queue: Queue, group: str, *texts: str) -> None:
    for text in texts:
        queue.send(text, MessageGroupId=group)


# localstack/localstack#6766
def test_receives_at_once_never_share_a_group(line: Queue, shared: Served) -> None:
    fill(line, "g", *map(str, range(10)))

    def receive(_: int) -> list[str]:
        with connected(shared.url) as sqs:
            got = sqs.receive_message(QueueUrl=line.url, MaxNumberOfMessages=5)
            return bodies(got.get("Messages", []))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(receive, range(4)))
    assert sorted(found) == [[], [], [], ["0", "1", "2", "3", "4"]]


# localstack/localstack#6762
def test_what_is_sent_while_its_group_is_in_flight_waits_for_it(line: Queue) -> None:
    fill(line, "g", "1", "2")
    assert bodies(line.receive(VisibilityTimeout=300)) == ["1", "2"]
    fill(line, "g", "3")
    assert line.receive() == []


# localstack/localstack#8724
def test_of_five_consumers_one_at_a_time_works_on_a_group(
    make_fifo: MakeQueue, shared: Served
) -> None:
    line = make_fifo(
        DeduplicationScope="messageGroup",
        FifoThroughputLimit="perMessageGroupId",
        VisibilityTimeout="60",
    )
    fill(line, "g", *map(str, range(6)))
    seen: list[str] = []
    busy: list[int] = []

    def work(_: int) -> None:
        with connected(shared.url) as sqs:
            mine = line.through(sqs)
            while len(seen) < 6:
                for message in mine.receive(MaxNumberOfMessages=1, WaitTimeSeconds=1):
                    busy.append(1)
                    assert len(busy) == 1
                    seen.append(message["Body"])
                    busy.clear()
                    mine.delete(message)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, range(5)))
    assert seen == [str(number) for number in range(6)]


# localstack/localstack#12457
def test_no_message_overtakes_one_whose_lease_was_made_longer(line: Queue) -> None:
    fill(line, "g", "1", "2", "3")
    first, *_ = line.receive(VisibilityTimeout=1)
    line.change(first, 3)
    begin = time.monotonic()
    again = line.receive(WaitTimeSeconds=20)
    assert bodies(again) == ["1", "2", "3"]
    assert time.monotonic() - begin > 2


# localstack/localstack#4287
def test_messages_come_in_order_again_after_their_leases_ended(line: Queue) -> None:
    texts = [str(number) for number in range(10)]
    fill(line, "g", *texts)
    for _ in range(3):
        assert bodies(line.receive(VisibilityTimeout=1, WaitTimeSeconds=20)) == texts


# localstack/localstack#3339
@pytest.mark.parametrize("ids", [{}, {"MessageDeduplicationId": "1"}], ids=["content", "id"])
def test_a_message_sent_twice_is_delivered_once(line: Queue, ids: dict[str, str]) -> None:
    sent = [line.send("hello", MessageGroupId="1", **ids) for _ in range(2)]
    assert sent[0]["MessageId"] == sent[1]["MessageId"]
    line.delete(line.one())
    assert line.receive(WaitTimeSeconds=1) == []


# localstack/localstack#13222
def test_a_lease_made_longer_is_good_past_its_first_end(line: Queue, mail: Queue) -> None:
    fill(line, "g", "x")
    mail.send("x")
    for queue in (line, mail):
        (message,) = queue.receive(VisibilityTimeout=1)
        queue.change(message, 60)
        assert queue.receive(WaitTimeSeconds=2) == []
        queue.delete(message)
        assert queue.counts() == (0, 0, 0)


# localstack/localstack#12278 and #13222
def test_a_handle_that_is_over_is_an_error_in_fifo_queues_alone(line: Queue, mail: Queue) -> None:
    fill(line, "g", "x")
    mail.send("x")
    held = [queue.receive(VisibilityTimeout=1)[0] for queue in (line, mail)]
    for queue in (line, mail):
        assert until(lambda queue=queue: queue.counts() == (1, 0, 0), 10_000)  # type: ignore[misc]
    mail.delete(held[1])
    assert mail.counts() == (0, 0, 0)
    delete = line.sqs.delete_message
    handle = held[0]["ReceiptHandle"]
    code = code_of(delete, QueueUrl=line.url, ReceiptHandle=handle)
    assert code == "InvalidParameterValue"


# softwaremill/elasticmq#151
def test_a_long_poll_of_a_fifo_queue_answers_when_something_is_sent(
    shared: Served, line: Queue
) -> None:
    with connected(shared.url) as sqs:
        call = Background(
            lambda: sqs.receive_message(QueueUrl=line.url, WaitTimeSeconds=20)["Messages"]
        )
        waiting(shared.url, 1)
        begin = time.monotonic()
        fill(line, "g", "x")
        assert bodies(call.result()) == ["x"]
        assert time.monotonic() - begin < 5


# getmoto/moto#5733
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_a_long_poll_finds_what_becomes_visible_while_it_waits(
    kind: str, mail: Queue, line: Queue
) -> None:
    queue, given = (mail, {}) if kind == "standard" else (line, {"MessageGroupId": "g"})
    queue.send("x", **given)
    queue.receive(VisibilityTimeout=1)
    begin = time.monotonic()
    assert bodies(queue.receive(WaitTimeSeconds=20)) == ["x"]
    assert time.monotonic() - begin < 10


# getmoto/moto#9788
def test_every_answer_about_a_fifo_message_has_its_sequence_number(line: Queue) -> None:
    one = line.send("a", MessageGroupId="g")
    entries = [{"Id": text, "MessageBody": text, "MessageGroupId": text} for text in "bc"]
    sent = line.sqs.send_message_batch(QueueUrl=line.url, Entries=entries)["Successful"]
    numbers = [one["SequenceNumber"], *(entry["SequenceNumber"] for entry in sent)]
    assert numbers == sorted(set(numbers))
    assert all(len(number) == 20 and number.isdigit() for number in numbers)
    got = line.receive(MessageSystemAttributeNames=["SequenceNumber"])
    assert [message["Attributes"]["SequenceNumber"] for message in got] == numbers


# softwaremill/elasticmq#618
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_dead_letters_that_were_deleted_stay_so_after_a_restart(serve: Serve, kind: str) -> None:
    suffix, made, given = (
        (".fifo", FIFO, {"MessageGroupId": "g"}) if kind == "fifo" else ("", {}, {})
    )
    served = serve()
    with connected(served.url) as sqs:
        dead = Queue(sqs, f"dead{suffix}", **made)
        mail = Queue(sqs, f"mail{suffix}", **made)
        mail.redrive_to(dead, 1)
        mail.send("x", **given)
        mail.change(mail.one(), 0)
        dead.delete(dead.one())
    assert served.stop() == 0
    with connected(serve().url) as sqs:
        assert Queue(sqs, f"dead{suffix}", **made).counts() == (0, 0, 0)
        assert Queue(sqs, f"mail{suffix}", **made).counts() == (0, 0, 0)


# softwaremill/elasticmq#160
def test_the_most_in_flight_can_be_set_and_is_told_as_the_service_tells_it(serve: Serve) -> None:
    served = serve("--sqs-leased-max", "3")
    with connected(served.url) as sqs:
        mail = Queue(sqs, "mail")
        line = Queue(sqs, "line.fifo", **FIFO)
        for number in range(5):
            mail.send(str(number))
            line.send(str(number), MessageGroupId=str(number))
        held = mail.receive()
        assert len(held) == 3
        assert code_of(sqs.receive_message, QueueUrl=mail.url) == "OverLimit"
        assert mail.receive(WaitTimeSeconds=1) == []
        assert len(line.receive()) == 3
        assert line.receive() == []
        assert line.receive(WaitTimeSeconds=1) == []
        mail.delete(held[0])
        assert len(mail.receive()) == 1


# softwaremill/elasticmq#354
def test_an_id_is_known_for_five_minutes_though_its_message_is_deleted(serve: Serve) -> None:
    served = serve()
    with connected(served.url) as sqs:
        line = Queue(sqs, "line.fifo", **FIFO)
        first = line.send("x", MessageGroupId="g")
        line.delete(line.one())
    assert served.stop() == 0
    again = client(serve().url)
    try:
        line = Queue(again, "line.fifo", **FIFO)
        assert line.send("x", MessageGroupId="g")["MessageId"] == first["MessageId"]
        assert line.counts() == (0, 0, 0)
    finally:
        again.close()
