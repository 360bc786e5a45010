"""A connection of SQS: order, keys, pages, and what it does with replies that come late."""

from base64 import b64decode
from datetime import UTC, datetime

import botocore.auth
import msgspec
import pytest
from botocore.exceptions import ClientError

from postroad.model import commands
from postroad.model.replies import Done, Published, Received, Refused, Why
from tests.wire.sqs.rig import START_MS, Rig, read_answer

URL = "http://localhost:9324/000000000000/mail"


def request(action: str, **given: object) -> bytes:
    body = msgspec.json.encode({"QueueUrl": URL, **given})
    head = f"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.{action}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def test_answers_leave_in_the_order_of_requests_whichever_reply_comes_first(rig: Rig) -> None:
    session = rig.session
    output = session.receive(
        request("ReceiveMessage", WaitTimeSeconds=20) + request("SendMessage", MessageBody="x"),
        rig.now_ms,
    )
    assert output.asks == (
        (1, commands.Receive("mail", 1, None, 20_000)),
        (2, commands.Publish(("mail",), [b"x"])),
    )
    assert session.answer(2, Published(((1, 0),), rig.now_ms), rig.now_ms).send == b""
    sent = session.answer(1, Received([]), rig.now_ms).send
    assert sent.count(b"HTTP/1.1 200 OK") == 2
    assert sent.index(b"\r\n\r\n{}") < sent.index(b"MD5OfMessageBody")


def test_an_action_on_a_queue_holds_back_what_comes_behind_it(rig: Rig) -> None:
    session = rig.session
    output = session.receive(
        request("SetQueueAttributes", Attributes={"DelaySeconds": "5"})
        + request("SendMessage", MessageBody="x"),
        rig.now_ms,
    )
    ((number, change),) = output.asks
    assert isinstance(change, commands.ChangeQueue)
    output = session.answer(number, Done(), rig.now_ms)
    assert output.send.startswith(b"HTTP/1.1 200 OK")
    assert output.asks == ((2, commands.Publish(("mail",), [b"x"])),)


def test_the_last_request_of_a_connection_closes_it_once_answered(rig: Rig) -> None:
    data = request("SendMessage", MessageBody="x").replace(
        b"Content-Length", b"Connection: close\r\nContent-Length"
    )
    output = rig.session.receive(data, rig.now_ms)
    assert not output.close
    output = rig.session.answer(1, Refused(Why.STOPPING), rig.now_ms)
    assert output.send.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nConnection: close\r\n" in output.send
    assert output.close


def test_an_idle_connection_closes_itself_in_time(rig: Rig) -> None:
    assert not rig.session.tick(START_MS).close
    assert not rig.session.tick(START_MS + 60_000).close
    assert rig.session.tick(START_MS + 120_000).close


def test_an_answer_that_was_late_for_a_12_hour_lease_counts_from_its_own_time(rig: Rig) -> None:
    rig.client().create_queue(QueueName="mail")
    rig.core.ask(commands.Publish(("mail",), [b"x"]), rig.now_ms)
    output = rig.session.receive(request("ReceiveMessage", WaitTimeSeconds=20), rig.now_ms)
    reply = rig.core.ask(output.asks[0][1], rig.now_ms)
    sent = rig.session.answer(1, reply, rig.now_ms + 15_000).send
    handle = msgspec.json.decode(read_answer(sent).body)["Messages"][0]["ReceiptHandle"]
    receipt = rig.config.names.open("mail", handle)
    assert receipt is not None
    assert receipt.received_s == (START_MS + 15_000) // 1_000
    assert len(b64decode(handle, altchars=b"-_")) == 39


def test_all_connections_of_a_server_know_the_same_handles() -> None:
    rig = Rig()
    one, other = rig.client(), rig.client()
    url = one.create_queue(QueueName="mail")["QueueUrl"]
    one.send_message(QueueUrl=url, MessageBody="x")
    (message,) = one.receive_message(QueueUrl=url)["Messages"]
    restarted = Rig()
    restarted.core = rig.core
    restarted.client().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert not rig.core.queues["mail"].messages
    assert other.list_queues()["QueueUrls"] == [url]


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
def test_pages_need_no_key_and_actions_do(path: str) -> None:
    rig = Rig(keys={"someone": "secret"})
    status = read_answer(rig.feed(f"GET {path} HTTP/1.1\r\n\r\n".encode())[0]).status
    assert status == (200 if path == "/health/live" else 404)
    answer = rig.post("ListQueues", b"{}")
    assert answer.status == 403
    assert answer.headers["x-amzn-query-error"] == "MissingAuthenticationToken;Sender"
    assert b"MissingAuthenticationToken" in rig.form("Action=ListQueues").body


def test_a_client_with_the_right_key_is_served_and_another_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(keys={"someone": "secret"})
    now = datetime.fromtimestamp(START_MS / 1_000, UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now)
    good = rig.client(secret="secret")
    url = good.create_queue(QueueName="mail")["QueueUrl"]
    good.send_message(QueueUrl=url, MessageBody="grüße")
    for key, secret, code in (
        ("someone", "other", "SignatureDoesNotMatch"),
        ("another", "secret", "InvalidClientTokenId"),
    ):
        with pytest.raises(ClientError) as refused:
            rig.client(key=key, secret=secret).list_queues()
        assert refused.value.response["Error"]["Code"] == code
    assert len(rig.core.queues["mail"].messages) == 1


def test_an_arn_has_the_region_the_client_speaks_to(rig: Rig) -> None:
    rig.client().create_queue(QueueName="mail")
    body = msgspec.json.encode({"QueueUrl": URL, "AttributeNames": ["QueueArn"]})
    scope = "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/sqs/aws4_request, Signature=x"
    assert (
        b"arn:aws:sqs:eu-west-1:0" in rig.post("GetQueueAttributes", body, Authorization=scope).body
    )
    assert b"arn:aws:sqs:us-east-1:0" in rig.post("GetQueueAttributes", body).body


def test_every_session_keeps_the_road_s_promise() -> None:
    # A session owns no socket: all it has is the bytes it was given and the replies it got.
    session = Rig().new_session()
    assert session.receive(b"", 0).send == b""
    assert session.receive(b"\r\n\r\n", 0).asks == ()
