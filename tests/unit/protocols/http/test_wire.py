"""Bytes as HTTP requests, whole or in pieces, good or bad."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.limits import HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_MAX
from postroad.protocols.http.wire import (
    REASONS,
    Request,
    RequestParser,
    encode,
    encode_fault,
    without_body,
)

GOOD = {
    "get": b"GET /health/live?a=1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "post": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello",
    "chunked": b"POST /q HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
    "absolute": b"GET http://host:80/a/b?c=d HTTP/1.1\r\nHost: x\r\n\r\n",
    "old": b"GET / HTTP/1.0\r\n\r\n",
    "old kept": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "last": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "empty": b"POST /?Action=ListQueues HTTP/1.1\r\nHost: x\r\n\r\n",
    "upgrade": b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAB\r\nContent-Length: 5\r\n\r\nhello",
    "upgrade get": b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "upgrade chunked": b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
}
BAD = {
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00", 501),
    "no http": (b"GET / FTP/1.1\r\n\r\n", 400),
    "version": (b"GET / HTTP/9.9\r\n\r\n", 400),
    "method": (b"BREW / HTTP/1.1\r\n\r\n", 501),
    "connect": (b"CONNECT host:80 HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    "header": (b"GET / HTTP/1.1\r\nNo colon here\r\n\r\n", 400),
    "length": (b"POST / HTTP/1.1\r\nContent-Length: five\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "no length": (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", 411),
    "both": (
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400
    ),
    "encoding": (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    "chunk": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "large": (b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413),
    "large chunk": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101, 413
    ),
    "expects": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: more\r\n\r\n", 417),
    "long header": (b"GET / HTTP/1.1\r\nA: " + b"x" * HTTP_HEAD_BYTES_MAX + b"\r\n\r\n", 431),
    "long address": (b"GET /" + b"x" * HTTP_HEAD_BYTES_MAX + b" HTTP/1.1\r\n\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (HTTP_HEADERS_MAX + 1) + b"\r\n", 431),
}  # fmt: skip


def parser() -> RequestParser:
    return RequestParser(body_bytes_max=100)


def told(request: Request) -> tuple[object, ...]:
    return (
        request.method, request.path, request.query, request.headers, request.body,
        request.keep_alive,
    )  # fmt: skip


def whole(data: bytes) -> list[tuple[object, ...]]:
    one = parser()
    requests = [told(request) for request in one.feed(data)]
    assert not one.fault
    assert not one.busy
    return requests


def test_a_request_is_method_path_query_headers_and_body() -> None:
    assert whole(GOOD["get"]) == [("GET", "/health/live", b"a=1", {b"host": b"x"}, b"", True)]
    headers = {b"host": b"x", b"content-length": b"5", b"x-a": b"1,2"}
    assert whole(GOOD["post"]) == [("POST", "/", b"", headers, b"hello", True)]
    assert whole(GOOD["chunked"])[0][4] == b"hello"
    assert whole(GOOD["absolute"])[0][1:3] == ("/a/b", b"c=d")


@pytest.mark.parametrize("name", ["upgrade", "upgrade chunked"])
def test_an_offer_to_speak_another_protocol_is_ignored(name: str) -> None:
    ((method, path, _, headers, body, keep_alive),) = whole(GOOD[name])
    assert (method, path, body, keep_alive) == ("POST", "/", b"hello", True)
    assert isinstance(headers, dict)
    assert headers[b"upgrade"] == b"h2c"


@pytest.mark.parametrize(
    ("name", "kept"), [("get", True), ("old", False), ("old kept", True), ("last", False)]
)
def test_a_connection_is_kept_as_its_version_says(name: str, *, kept: bool) -> None:
    assert whole(GOOD[name])[0][5] is kept


@pytest.mark.parametrize("name", GOOD)
def test_a_request_cut_anywhere_is_the_same_request(name: str) -> None:
    data = GOOD[name]
    expected = whole(data)
    for cut in range(1, len(data)):
        one = parser()
        assert not one.feed(data[:cut])
        assert one.busy
        assert [told(request) for request in one.feed(data[cut:])] == expected
    one = parser()
    found = [told(request) for at in range(len(data)) for request in one.feed(data[at : at + 1])]
    assert found == expected


def test_requests_one_behind_the_other_come_in_order() -> None:
    kept = [data for data in GOOD.values() if whole(data)[0][5]]
    expected = [request for data in kept for request in whole(data)]
    assert whole(b"".join(kept)) == expected


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_acceptable_request_has_its_status(name: str) -> None:
    data, status = BAD[name]
    one = parser()
    assert not one.feed(data)
    assert one.fault == status
    assert not one.feed(GOOD["get"])
    assert encode_fault(status).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_byte_by_byte_has_the_same_status(name: str) -> None:
    data, status = BAD[name]
    one = parser()
    for at in range(len(data)):
        assert not one.feed(data[at : at + 1])
    assert one.fault == status


def test_a_header_that_never_ends_is_stopped() -> None:
    one = parser()
    one.feed(b"GET / HTTP/1.1\r\nA: ")
    for _ in range(HTTP_HEAD_BYTES_MAX // 1_000 + 1):
        assert not one.feed(b"x" * 1_000)
    assert one.fault == 431


def test_a_large_read_that_ends_in_a_head_is_no_long_head() -> None:
    one = RequestParser()
    body = b"x" * (HTTP_HEAD_BYTES_MAX * 2)
    data = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%bGET / HTT" % (len(body), body)
    assert len(one.feed(data)) == 1
    assert not one.feed(b"P/1.1\r\n")
    assert len(one.feed(b"\r\n")) == 1
    assert not one.fault


def waits(one: RequestParser) -> bool:
    return one.continue_due


def test_a_client_that_waits_for_leave_is_noticed_until_its_body_comes() -> None:
    one = parser()
    one.feed(b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert waits(one)
    one.feed(b"h")
    assert not waits(one)
    assert len(one.feed(b"i")) == 1


def test_an_answer_is_a_head_and_a_body() -> None:
    assert encode(200, b"text/plain", b"hi", extra=b"A: b\r\n") == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nA: b\r\nContent-Length: 2\r\n\r\nhi"
    )
    last = encode(404, b"text/plain", b"", keep_alive=False)
    assert last.endswith(b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert without_body(encode(200, b"x", b"hi\r\n\r\n")).endswith(b"Content-Length: 6\r\n\r\n")


def test_every_status_has_its_reason() -> None:
    for status, reason in REASONS.items():
        head = encode(status, b"x", b"").partition(b"\r\n")[0]
        assert head == f"HTTP/1.1 {status} {reason}".encode()


@given(st.lists(st.binary(max_size=60) | st.sampled_from(sorted(GOOD.values())), max_size=6))
def test_any_bytes_are_requests_or_a_fault(pieces: list[bytes]) -> None:
    one = parser()
    for piece in pieces:
        one.feed(piece)
    assert one.fault in {0, *REASONS}
