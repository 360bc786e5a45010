"""Bytes by hand: requests no SDK would send, on real sockets, with deadlines."""

import json
import socket
from typing import Any

from tests.compat.processes import Served

TALK_S_MAX = 15


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def talk(served: Served) -> socket.socket:
    """An open connection; its waits end."""
    host, _, port = served.endpoints["sqs"].rpartition(":")
    return socket.create_connection((host, int(port)), TALK_S_MAX)


def request(action: str, given: dict[str, Any], *headers: str) -> bytes:
    """One request in JSON."""
    return posted(json.dumps(given).encode(), f"X-Amz-Target: AmazonSQS.{action}", *headers)


def posted(body: bytes, *headers: str) -> bytes:
    """One POST with a body of the length it says."""
    lines = ["POST / HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_all(open_socket: socket.socket) -> bytes:
    """Everything until the server closes; a reset is an end, too."""
    parts = []
    try:
        while part := open_socket.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def read_answer(open_socket: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(open_socket, data)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    (length,) = [int(one.partition(":")[2]) for one in lines if one.startswith("content-length:")]
    while len(body) < length:
        body += _more(open_socket, body)
    assert len(body) == length, "one request, one answer"
    return int(lines[0].split(" ")[1]), body


def _more(open_socket: socket.socket, data: bytes) -> bytes:
    part = open_socket.recv(65_536)
    assert part, f"closed after {data[:200]!r}"
    return part
