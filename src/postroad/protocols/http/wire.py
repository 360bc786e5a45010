"""Bytes to HTTP requests, and answers to bytes.

It stands first on the way in and last on the way out of the HTTP protocols. The rule kept here:
whatever a client sends, the parser holds at most one head and one body, each within its limit.
"""

from typing import Final

import httptools

from postroad.limits import HTTP_BODY_BYTES_MAX, HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_MAX
from postroad.model.value import value

REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    417: "Expectation Failed",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_HEADS: Final = {
    status: f"HTTP/1.1 {status} {reason}\r\nContent-Type: ".encode()
    for status, reason in REASONS.items()
}


class Request:
    """One whole request. Header names are in lower case; a repeated header is joined by commas.

    `path` and `query` are as sent, still percent-encoded.
    """

    __slots__ = ("body", "headers", "keep_alive", "method", "path", "query")

    def __init__(self, method: str, url: bytes, headers: dict[bytes, bytes]) -> None:
        if not url.startswith(b"/"):
            url = _origin_form(url)
        path, _, query = url.partition(b"?")
        self.method = method
        self.path = path.decode("latin-1")
        self.query = query
        self.headers = headers
        self.body = b""
        self.keep_alive = True


class WireError(Exception):
    """What the client sent is no acceptable HTTP; `status` is the answer before the close."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@value
class Page:
    """What a plain GET outside the protocol's own paths gets, such as a health probe."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200


def encode(
    status: int, content_type: bytes, body: bytes, *, extra: bytes = b"", keep_alive: bool = True
) -> bytes:
    """One answer. `extra`: further header lines, each with its line end."""
    return b"%b%b\r\n%bContent-Length: %d\r\n%b\r\n%b" % (
        _HEADS[status],
        content_type,
        extra,
        len(body),
        b"" if keep_alive else b"Connection: close\r\n",
        body,
    )


def encode_fault(status: int) -> bytes:
    """The answer to a request that cannot be read; the connection closes after it."""
    body = f"{REASONS[status].lower()}\n".encode()
    return encode(status, b"text/plain; charset=utf-8", body, keep_alive=False)


def without_body(answer: bytes) -> bytes:
    """The same answer as HEAD gets it: the head alone, which still tells the body's length."""
    return answer[: answer.index(b"\r\n\r\n") + 4]


class RequestParser:
    """Cuts a stream into requests. After a fault it takes no more.

    `fault`: the status to answer before closing, 0 while all is well. `busy`: a request has begun
    and is not whole. `continue_due`: the client waits for leave to send its body.
    """

    def __init__(
        self, head_bytes_max: int = HTTP_HEAD_BYTES_MAX, body_bytes_max: int = HTTP_BODY_BYTES_MAX
    ) -> None:
        self.fault = 0
        self.busy = False
        self.continue_due = False
        self._begun = False
        self._head_bytes_max = head_bytes_max
        self._body_bytes_max = body_bytes_max
        self._parser = httptools.HttpRequestParser(self)
        self._done: list[Request] = []
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_count = 0
        self._head_bytes = 0
        self._partial_bytes = 0
        self._request: Request | None = None
        self._parts: list[bytes] = []
        self._body_bytes = 0
        self._upgraded: Request | None = None

    def feed(self, data: bytes) -> list[Request]:
        """The requests that became whole with `data`, in order."""
        if self.fault:
            return []
        self._begun = False
        self._feed(data)
        if self.busy and self._request is None and not self._begun:
            # A header that never ends reaches no callback: its pieces are counted here.
            self._partial_bytes += len(data)
            if self._partial_bytes > self._head_bytes_max:
                self.fault = self.fault or 431
        done, self._done = self._done, []
        return done

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            self.fault = 501
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, WireError):
                raise
            self.fault = cause.status
        except httptools.HttpParserError as error:
            self.fault = 501 if "`Transfer-Encoding`" in str(error) else 400

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Offers of HTTP/2 and the like are ignored. The parser has stopped after the head, so a
        new one reads the body behind a head that offers nothing."""
        request = self._upgraded
        if request is None:
            self.fault = 400
            return
        length = request.headers.get(b"content-length")
        if request.headers.get(b"transfer-encoding") is not None:
            framing = b"Transfer-Encoding: chunked\r\n"
        else:
            framing = b"Content-Length: %b\r\n" % (length or b"0")
        self._parser = httptools.HttpRequestParser(self)
        self._feed(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
        if rest and not self.fault:
            self._feed(rest)

    # Called by httptools, in the order of the message.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self.busy = self._begun = True
        if self._upgraded is not None:
            return
        self._url = b""
        self._headers = {}
        self._header_count = 0
        self._head_bytes = 0
        self._partial_bytes = 0
        self._request = None
        self._parts = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        self._url += url
        if len(self._url) > self._head_bytes_max:
            raise WireError(431)

    def on_header(self, name: bytes, content: bytes) -> None:
        """One whole header."""
        self._header_count += 1
        self._head_bytes += len(name) + len(content) + 4
        if self._header_count > HTTP_HEADERS_MAX:
            raise WireError(431)
        name = name.lower()
        earlier = self._headers.get(name)
        self._headers[name] = content if earlier is None else earlier + b"," + content

    def on_headers_complete(self) -> None:
        """The head is whole: what it promises of the body is checked before the body comes."""
        if self._head_bytes + len(self._url) > self._head_bytes_max:
            raise WireError(431)
        if self._upgraded is not None:
            self._request, self._upgraded = self._upgraded, None
            return
        parser = self._parser
        method = parser.get_method().decode("latin-1")
        if method == "CONNECT":
            raise WireError(501)
        request = self._request = Request(method, self._url, self._headers)
        request.keep_alive = parser.should_keep_alive()
        self._check_framing(request)
        if parser.should_upgrade():
            self._upgraded = request

    def _check_framing(self, request: Request) -> None:
        headers = request.headers
        length = headers.get(b"content-length")
        if length is not None:
            # The parser has refused what is no number.
            if int(length) > self._body_bytes_max:
                raise WireError(413)
        elif (
            request.method == "POST"
            and b"transfer-encoding" not in headers
            # With all parameters in its address a POST needs no body: curl then sends no length.
            and not request.query
        ):
            raise WireError(411)
        expected = headers.get(b"expect")
        if expected is not None:
            if expected.lower() != b"100-continue":
                raise WireError(417)
            self.continue_due = True

    def on_body(self, part: bytes) -> None:
        """A piece of the body, without its framing."""
        self.continue_due = False
        self._body_bytes += len(part)
        if self._body_bytes > self._body_bytes_max:
            raise WireError(413)
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """The request is whole."""
        request = self._request
        if request is None or self._upgraded is not None:
            return
        parts = self._parts
        request.body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        self._request = None
        self.busy = False
        self.continue_due = False
        self._done.append(request)


def _origin_form(url: bytes) -> bytes:
    """`http://host/path` as proxies send it, without scheme and host."""
    _, found, rest = url.partition(b"://")
    if not found:
        return url
    _, slash, path = rest.partition(b"/")
    return slash + path or b"/"
