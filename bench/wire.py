"""The least a client can do: requests made once, sent again and again over connections kept open.

The rule kept here: a connection has one request under way, and an answer counts only when it is
whole and says 200.
"""

import json
import select
import socket
import time

RECV_BYTES = 65_536


def request(action: str, fields: dict[str, object]) -> bytes:
    """An Amazon SQS request in JSON, as bytes."""
    body = json.dumps(fields).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"X-Amz-Target: AmazonSQS.{action}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ask(host: str, port: int, action: str, fields: dict[str, object]) -> dict[str, str]:
    """One request on a connection of its own."""
    with socket.create_connection((host, port)) as one:
        one.sendall(request(action, fields))
        answer = one.recv(RECV_BYTES)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    found: dict[str, str] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def connect(host: str, port: int, count: int) -> list[socket.socket]:
    """Connections to be kept."""
    made = [socket.create_connection((host, port)) for _ in range(count)]
    for one in made:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def load(host: str, port: int, connections: int, sent: bytes, seconds: float) -> tuple[int, float]:
    """Keep one request under way on each connection; (answers, seconds they took)."""
    made = connect(host, port, connections)
    by_number = {one.fileno(): one for one in made}
    poll = select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    parts: dict[int, bytes] = {}
    answers = 0
    begin = time.perf_counter()
    for one in made:
        one.send(sent)
    under_way = len(made)
    end = begin + seconds
    while under_way:
        going_on = time.perf_counter() < end
        for number, _ in poll.poll():
            answer = by_number[number].recv(RECV_BYTES)
            if not whole(answer):
                answer = parts.pop(number, b"") + answer
                if not whole(answer):
                    assert answer, "the server closed a connection"
                    parts[number] = answer
                    continue
            answers += 1
            if going_on:
                by_number[number].send(sent)
            else:
                under_way -= 1
    took_s = time.perf_counter() - begin
    poll.close()
    for one in made:
        one.close()
    return answers, took_s


def whole(answer: bytes) -> bool:
    """Whether these bytes are one whole answer; raises when it is no 200."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if not body:
        return False
    assert head.startswith(b"HTTP/1.1 200"), answer[:2_000]
    at = head.lower().index(b"content-length:") + 15
    return len(body) >= int(head[at:].partition(b"\r\n")[0])
