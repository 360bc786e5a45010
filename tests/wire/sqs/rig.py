"""A session on a naive core, spoken to in bytes or by a whole boto3 client, with no socket."""

from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import boto3
import httptools
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from postroad.protocols.aws.session import AwsSession
from postroad.protocols.http.wire import Page
from postroad.protocols.interface import Output
from postroad.protocols.sqs.config import SqsConfig
from postroad.protocols.sqs.session import SqsService
from tests.wire.sqs.naive import NaiveCore

START_MS = 1_700_000_000_000
SECRET = b"a key of thirty-two bytes, fixed."


class Answer:
    """One HTTP answer, taken apart."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False

    def on_header(self, name: bytes, content: bytes) -> None:
        self.headers[name.decode().lower()] = content.decode()

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.complete = True


def read_answer(data: bytes) -> Answer:
    answer = Answer()
    parser = httptools.HttpResponseParser(answer)
    parser.feed_data(data)
    answer.status = parser.get_status_code()
    assert answer.complete, data
    return answer


class Rig:
    """`config` settings as of `SqsConfig`. The clock stands until a test moves it."""

    def __init__(self, **settings: Any) -> None:
        self.config = SqsConfig(secret_key=SECRET, **settings)
        self.core = NaiveCore()
        self.now_ms = START_MS
        self.session = self.new_session()

    def new_session(self) -> AwsSession:
        pages = {"/health/live": lambda: Page(b"live\n")}
        return AwsSession([SqsService(self.config)], pages, self.config.body_bytes_max)

    def feed(self, data: bytes, session: AwsSession | None = None) -> tuple[bytes, bool]:
        """All bytes that come back, and whether the session closes; asks are answered at once."""
        session = session or self.session
        output = session.receive(data, self.now_ms)
        sent, asks, close = output.send, list(output.asks), output.close
        while asks:
            number, command = asks.pop(0)
            output = self.answer(session, number, self.core.ask(command, self.now_ms))
            sent += output.send
            asks += output.asks
            close = close or output.close
        return sent, close

    def answer(self, session: AwsSession, number: int, reply: Any) -> Output:
        return session.answer(number, reply, self.now_ms)

    def post(self, action: str, body: bytes, **headers: str) -> Answer:
        """One JSON request on a connection of its own."""
        lines = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
        head = (
            "POST / HTTP/1.1\r\nHost: localhost:9324\r\n"
            "Content-Type: application/x-amz-json-1.0\r\n"
            f"X-Amz-Target: AmazonSQS.{action}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        )
        sent, _ = self.feed(head.encode() + body, self.new_session())
        return read_answer(sent)

    def form(self, text: str, path: str = "/", method: str = "POST") -> Answer:
        """One Query request on a connection of its own."""
        body = text.encode() if method == "POST" else b""
        if method != "POST":
            path = f"{path}?{text}"
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost:9324\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        sent, _ = self.feed(head.encode() + body, self.new_session())
        return read_answer(sent)

    def client(self, **settings: Any) -> Any:
        """A boto3 client whose requests go to a session of this rig."""
        once: Any = {"total_max_attempts": 1, "mode": "standard"}
        client: Any = boto3.client(
            "sqs",
            endpoint_url="http://localhost:9324",
            region_name="us-east-1",
            aws_access_key_id=settings.get("key", "someone"),
            aws_secret_access_key=settings.get("secret", "anything"),
            config=Config(retries=once),
        )
        session = self.new_session()

        def send(request: AWSPreparedRequest, **_others: Any) -> AWSResponse:
            sent, _ = self.feed(as_bytes(request), session)
            answer = read_answer(sent)
            headers: Any = HTTPHeaders()
            for name, text in answer.headers.items():
                headers[name] = text
            return AWSResponse(request.url, answer.status, headers, _Raw(answer.body))

        client.meta.events.register("before-send.sqs", send)
        return client


class _Raw(BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()


def as_bytes(request: AWSPreparedRequest) -> bytes:
    """A prepared request as it would go over the wire."""
    url = urlsplit(request.url)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    sent: Any = request.body or b""
    body = sent.encode() if isinstance(sent, str) else bytes(sent)
    headers = {name: _text(content) for name, content in request.headers.items()}
    headers["Host"] = url.netloc
    headers["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {content}\r\n" for name, content in headers.items())
    return f"{request.method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


def _text(content: str | bytes) -> str:
    return content.decode() if isinstance(content, bytes) else content
