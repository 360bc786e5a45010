"""One connection: answers in order, idle times, bounds."""

from postroad.limits import (
    HTTP_BODY_BYTES_MAX,
    HTTP_IDLE_MS_MAX,
    HTTP_PIPELINE_BYTES_MAX,
    HTTP_PIPELINE_MAX,
    HTTP_REQUEST_MS_MAX,
)
from postroad.protocols.http.connection import HttpConnection

GET = b"GET / HTTP/1.1\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
WAITING = b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def connection() -> HttpConnection:
    return HttpConnection(HTTP_BODY_BYTES_MAX)


def closing(one: HttpConnection) -> bool:
    return one.closing


def test_answers_leave_in_the_order_of_the_requests() -> None:
    one = connection()
    first, second, third = one.receive(GET * 3, 0)
    third.answer = b"3"
    second.answer = b"2"
    assert one.flush() == b""
    first.answer = b"1"
    assert one.flush() == b"123"
    assert one.flush() == b""
    assert not closing(one)


def test_a_connection_closes_after_the_answer_to_its_last_request() -> None:
    one = connection()
    first, second = one.receive(GET + LAST + GET, 0)
    assert one.receive(GET, 0) == []
    first.answer = b"1"
    assert one.flush() == b"1"
    assert not closing(one)
    second.answer = b"2"
    assert one.flush() == b"2"
    assert closing(one)


def test_a_fault_is_answered_after_the_requests_before_it() -> None:
    one = connection()
    (first,) = one.receive(GET + b"GET nonsense\r\n\r\n", 0)
    assert one.flush() == b""
    first.answer = b"1"
    assert one.flush().startswith(b"1HTTP/1.1 400 Bad Request\r\n")
    assert closing(one)
    assert one.receive(GET, 0) == []
    one.tick(10**9)
    assert one.flush() == b""


def test_a_head_request_gets_a_head() -> None:
    one = connection()
    (only,) = one.receive(b"HEAD / HTTP/1.1\r\n\r\n", 0)
    only.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    assert one.flush() == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


def test_leave_to_send_a_body_comes_after_earlier_answers() -> None:
    one = connection()
    (first,) = one.receive(GET + WAITING, 0)
    assert one.flush() == b""
    first.answer = b"1"
    assert one.flush() == b"1" + CONTINUE
    assert one.flush() == b""
    assert len(one.receive(b"hi", 0)) == 1


def test_leave_is_not_given_when_the_body_is_there() -> None:
    one = connection()
    (only,) = one.receive(WAITING + b"hi", 0)
    only.answer = b"1"
    assert one.flush() == b"1"


def test_a_request_that_takes_too_long_is_ended() -> None:
    one = connection()
    one.receive(GET[:5], 1_000)
    one.receive(GET[5:7], 50_000)
    one.tick(1_000 + HTTP_REQUEST_MS_MAX - 1)
    assert not one.flush()
    one.tick(1_000 + HTTP_REQUEST_MS_MAX)
    assert one.flush().startswith(b"HTTP/1.1 408 ")
    assert closing(one)


def test_the_time_of_a_request_begins_with_it() -> None:
    one = connection()
    one.receive(GET[:5], 0)
    (first,) = one.receive(GET[5:] + GET[:5], 50_000)
    first.answer = b"1"
    one.flush()
    one.tick(HTTP_REQUEST_MS_MAX + 1)
    assert not closing(one)


def test_a_connection_nobody_uses_is_closed() -> None:
    one = connection()
    one.tick(1_000)
    one.tick(1_000 + HTTP_IDLE_MS_MAX - 1)
    assert not closing(one)
    one.tick(1_000 + HTTP_IDLE_MS_MAX)
    assert closing(one)
    assert one.flush() == b""


def test_a_connection_that_waits_for_an_answer_is_not_idle() -> None:
    one = connection()
    (only,) = one.receive(GET, 0)
    for now_ms in range(0, 3 * HTTP_IDLE_MS_MAX, 60_000):
        one.tick(now_ms)
    only.answer = b"1"
    assert one.flush() == b"1"
    assert not closing(one)


def test_too_many_unanswered_requests_are_refused() -> None:
    one = connection()
    taken = one.receive(GET * (HTTP_PIPELINE_MAX + 5), 0)
    assert len(taken) == HTTP_PIPELINE_MAX
    for exchange in taken:
        exchange.answer = b""
    assert one.flush().startswith(b"HTTP/1.1 503 ")
    assert closing(one)


def test_too_many_unanswered_bytes_are_refused() -> None:
    one = connection()
    body = b"x" * HTTP_BODY_BYTES_MAX
    request = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    taken = [exchange for _ in range(12) for exchange in one.receive(request, 0)]
    assert len(taken) == HTTP_PIPELINE_BYTES_MAX // HTTP_BODY_BYTES_MAX
    answered = connection()
    for _ in range(12):
        (exchange,) = answered.receive(request, 0)
        exchange.answer = b"1"
        assert answered.flush() == b"1"
