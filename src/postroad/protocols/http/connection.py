"""One HTTP connection: requests are taken as they come and answered in the order they came.

It stands between the wire and a protocol's session. The rule kept here: an answer leaves only after
all earlier ones, and what a client may pile up is bounded.
"""

from collections import deque

from postroad.limits import (
    HTTP_IDLE_MS_MAX,
    HTTP_PIPELINE_BYTES_MAX,
    HTTP_PIPELINE_MAX,
    HTTP_REQUEST_MS_MAX,
)
from postroad.protocols.http.wire import (
    CONTINUE,
    Request,
    RequestParser,
    encode_fault,
    without_body,
)


class Exchange:
    """A request and, once it is set, its answer."""

    __slots__ = ("answer", "last", "request")

    def __init__(self, request: Request | None, answer: bytes | None = None) -> None:
        self.request = request
        self.answer = answer
        self.last = request is None or not request.keep_alive


class HttpConnection:
    """Parser, line of exchanges and idle times of one connection.

    `closing`: after the bytes of the last `flush` the connection is to be closed.
    """

    def __init__(self, body_bytes_max: int) -> None:
        self.closing = False
        self._parser = RequestParser(body_bytes_max=body_bytes_max)
        self._line: deque[Exchange] = deque()
        self._line_bytes = 0
        self._ended = False
        self._active_ms: int | None = None
        self._begun_ms: int | None = None

    def receive(self, data: bytes, now_ms: int) -> list[Exchange]:
        """The exchanges that `data` completes; each is to be given an answer some time."""
        if self._ended:
            return []
        self._active_ms = now_ms
        fresh: list[Exchange] = []
        for request in self._parser.feed(data):
            if self._overfull(request):
                self._end(503)
                return fresh
            exchange = Exchange(request)
            self._line.append(exchange)
            self._line_bytes += len(request.body)
            fresh.append(exchange)
            if exchange.last:
                self._ended = True
                return fresh
        if self._parser.fault:
            self._end(self._parser.fault)
        if not self._parser.busy:
            self._begun_ms = None
        elif self._begun_ms is None or fresh:
            self._begun_ms = now_ms
        return fresh

    def flush(self) -> bytes:
        """The bytes that may leave now."""
        line = self._line
        ready: list[bytes] = []
        while line and line[0].answer is not None:
            exchange = line.popleft()
            answer = exchange.answer
            assert answer is not None
            request = exchange.request
            if request is not None:
                self._line_bytes -= len(request.body)
                if request.method == "HEAD":
                    answer = without_body(answer)
            ready.append(answer)
            if exchange.last:
                self.closing = True
                return b"".join(ready)
        if self._parser.continue_due and not line:
            self._parser.continue_due = False
            ready.append(CONTINUE)
        return ready[0] if len(ready) == 1 else b"".join(ready)

    def tick(self, now_ms: int) -> None:
        """End the connection when a request takes too long to come, or none comes at all."""
        if self._ended:
            return
        if self._active_ms is None:
            self._active_ms = now_ms
        if self._begun_ms is not None:
            if now_ms - self._begun_ms >= HTTP_REQUEST_MS_MAX:
                self._end(408)
        elif self._line:
            self._active_ms = now_ms
        elif now_ms - self._active_ms >= HTTP_IDLE_MS_MAX:
            self._ended = self.closing = True

    def _overfull(self, request: Request) -> bool:
        return (
            len(self._line) >= HTTP_PIPELINE_MAX
            or self._line_bytes + len(request.body) > HTTP_PIPELINE_BYTES_MAX
        )

    def _end(self, status: int) -> None:
        self._ended = True
        self._line.append(Exchange(None, encode_fault(status)))
