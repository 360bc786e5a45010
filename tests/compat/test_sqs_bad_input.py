"""Whatever comes on the port: an error or the end of that connection, no more."""

import random
import socket

import pytest

from tests.compat.clients import WAKE_MS_MAX, Queue, figure
from tests.compat.conftest import Serve
from tests.compat.processes import Served, until
from tests.compat.sockets import posted, read_all, read_answer, request, talk

MIB = 1024 * 1024
GROWTH_BYTES_MAX = 48 * MIB
"""What any of these floods may leave behind; each sends, or promises, far more."""


@pytest.fixture(autouse=True)
def still_serves(shared: Served, mail: Queue) -> object:
    """After each test a message sent before it is there, and nothing broke inside."""
    mail.send("still here")
    yield
    assert mail.one()["Body"] == "still here"
    assert figure(shared.url, "connections_broken_total") == 0
    assert shared.complained == ""


def gone(served: Served) -> None:
    """Return once the server holds no connection but those of the clients."""
    assert until(lambda: figure(served.url, "connections") <= 2, WAKE_MS_MAX)


def pour(open_socket: socket.socket, data: bytes, times: int) -> int:
    """Send until the other side has had enough; returns how often it took all of `data`."""
    for number in range(times):
        try:
            open_socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return number
    return times


BROKEN = {
    b"\r\n\r\n\r\n": (b"",),
    b"GET\r\n\r\n": (b"400", b"501"),
    b"GET / HTTP/9.9\r\n\r\n": (b"400",),
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n": (b"400",),
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab": (b"400",),
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n": (b"400",),
    b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n": (b"400", b"501"),
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": (b"400",),
    b"POST / HTTP/1.1\r\n\r\n": (b"411",),
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n": (b"413",),
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: a miracle\r\n\r\n": (b"417",),
    b"GET / HTTP/1.1\r\nno colon here\r\n\r\n": (b"400",),
    b"GET / HTTP/1.1\r\nA: b\x00c\r\n\r\n": (b"400",),
    b"CONNECT db:5432 HTTP/1.1\r\n\r\n": (b"501", b"400"),
    b"BREW / HTTP/1.1\r\n\r\n": (b"501",),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": (b"400", b"501"),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": (b"400", b"501"),
    b"AMQP\x00\x00\x09\x01": (b"400", b"501"),
    b"*1\r\n$4\r\nPING\r\n": (b"400", b"501"),
}  # fmt: skip


@pytest.mark.parametrize("sent", BROKEN, ids=repr)
def test_broken_http_gets_an_error_and_the_end(shared: Served, sent: bytes) -> None:
    with talk(shared) as bad:
        bad.sendall(sent)
        if BROKEN[sent] == (b"",):
            bad.shutdown(socket.SHUT_WR)
        answer = read_all(bad)
    assert answer[9:12] in BROKEN[sent], answer


@pytest.mark.parametrize(
    ("action", "body", "code"),
    [
        ("SendMessage", b"", b"MissingRequired"),
        ("SendMessage", b"{", b"SerializationException"),
        ("SendMessage", b"[]", b"SerializationException"),
        ("SendMessage", b'{"QueueUrl": 1}', b"SerializationException"),
        ("SendMessage", b'"\xff\xfe"', b"SerializationException"),
        ("SendMessage", b'{"QueueUrl": "' + b"[" * 100_000 + b'"}', b"MissingRequired"),
        ("SendMessage", b"[" * 100_000, b"SerializationException"),
        ("Nonsense", b"{}", b"UnknownOperation"),
        ("", b"{}", b"parameter Action"),
    ],
)
def test_a_body_that_is_no_request_gets_an_error_and_the_connection_lives(
    shared: Served, mail: Queue, action: str, body: bytes, code: bytes
) -> None:
    with talk(shared) as bad:
        bad.sendall(posted(body, f"X-Amz-Target: AmazonSQS.{action}"))
        status, answer = read_answer(bad)
        assert 400 <= status < 500
        assert code in answer
        bad.sendall(request("GetQueueAttributes", {"QueueUrl": mail.url}))
        assert read_answer(bad)[0] == 200


def test_random_bytes_are_answered_or_closed_on(shared: Served) -> None:
    dice = random.Random(2)
    before = shared.memory_bytes
    for _ in range(100):
        with talk(shared) as bad:
            pour(bad, dice.randbytes(dice.choice([1, 10, 1_000, 100_000])), 1)
            try:
                bad.shutdown(socket.SHUT_WR)
            except OSError:
                continue
            answer = read_all(bad)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 "), answer
    gone(shared)
    assert shared.memory_bytes - before < GROWTH_BYTES_MAX


@pytest.mark.parametrize(
    "piece", [b"A: " + b"x" * 1_000 + b"\r\n", b"x" * 1_000, b"a:b\r\n" * 200], ids=len
)
def test_a_head_without_an_end_is_refused(shared: Served, piece: bytes) -> None:
    before = shared.memory_bytes
    with talk(shared) as bad:
        bad.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        pour(bad, piece, 64 * MIB // len(piece))
        assert read_all(bad).startswith(b"HTTP/1.1 431 ")
    assert shared.memory_bytes - before < GROWTH_BYTES_MAX


def test_a_body_in_chunks_without_an_end_is_refused(shared: Served) -> None:
    before = shared.memory_bytes
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with talk(shared) as bad:
        bad.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        pour(bad, chunk, 2_000)
        assert read_all(bad).startswith(b"HTTP/1.1 413 ")
    assert shared.memory_bytes - before < GROWTH_BYTES_MAX


def test_whoever_goes_on_after_a_refusal_is_cut_off(shared: Served) -> None:
    with talk(shared) as bad:
        bad.sendall(b"nonsense\r\n\r\n")
        assert read_all(bad).startswith(b"HTTP/1.1 ")
        assert until(lambda: pour(bad, b"and on\r\n", 1) == 0, WAKE_MS_MAX)


def test_a_body_that_is_refused_is_refused_before_it_is_sent(shared: Served) -> None:
    with talk(shared) as bad:
        bad.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert read_all(bad).startswith(b"HTTP/1.1 413 ")


def test_bodies_that_never_come_hold_only_what_was_sent_of_them(shared: Served) -> None:
    before = shared.memory_bytes
    slow = [talk(shared) for _ in range(200)]
    for one in slow:
        one.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n{")
    assert until(lambda: figure(shared.url, "connections") >= 200, WAKE_MS_MAX)
    grown = shared.memory_bytes - before
    for one in slow:
        one.close()
    assert grown < GROWTH_BYTES_MAX
    gone(shared)


def test_whoever_reads_no_answers_is_read_no_further(shared: Served, mail: Queue) -> None:
    before = shared.memory_bytes
    asked = request("ReceiveMessage", {"QueueUrl": mail.url + "-not"}) * 100
    with talk(shared) as deaf:
        deaf.settimeout(1)
        with pytest.raises(TimeoutError):
            pour(deaf, asked, 10_000)
        assert shared.memory_bytes - before < GROWTH_BYTES_MAX
    gone(shared)


def test_half_a_request_and_the_end_changes_nothing(shared: Served, mail: Queue) -> None:
    whole = request("SendMessage", {"QueueUrl": mail.url, "MessageBody": "half"})
    for cut in range(0, len(whole), 7):
        with talk(shared) as bad:
            bad.sendall(whole[:cut])
    gone(shared)
    assert mail.counts() == (1, 0, 0)


def test_a_connection_reset_while_waiting_is_forgotten(shared: Served, mail: Queue) -> None:
    held = mail.one()
    for _ in range(20):
        with talk(shared) as bad:
            # A close with this on is a reset.
            bad.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            bad.sendall(request("ReceiveMessage", {"QueueUrl": mail.url, "WaitTimeSeconds": 20}))
    assert until(lambda: figure(shared.url, "asks_waiting") == 0, WAKE_MS_MAX)
    mail.change(held, 0)


def test_more_connections_than_allowed_are_closed_until_one_leaves(serve: Serve) -> None:
    served = serve("--connections-max", "3")
    held = [talk(served) for _ in range(3)]
    for one in held:
        one.sendall(request("ListQueues", {}))
        assert read_answer(one)[0] == 200
    with talk(served) as turned_away:
        assert read_all(turned_away) == b""
    held.pop().close()

    def served_again() -> bool:
        with talk(served) as late:
            return pour(late, request("ListQueues", {}), 1) == 1 and read_some(late) != b""

    assert until(served_again, WAKE_MS_MAX)
    for one in held:
        one.close()


def read_some(open_socket: socket.socket) -> bytes:
    try:
        return open_socket.recv(65_536)
    except ConnectionResetError:
        return b""
