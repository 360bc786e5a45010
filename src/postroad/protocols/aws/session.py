"""One connection of the AWS services: HTTP requests in, commands out, replies in, answers out.

It stands between the sockets and the services of the port. The rule kept here: each request is one
running action; answers leave in the order of the requests, whichever action ends first. Actions
that begin with a command which their service calls apt run side by side; any other holds back the
requests behind it while it runs, so that what it looks up first does not change the order of what
is sent.
"""

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final, Protocol

from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.protocols.aws.faults import MALFORMED_QUERY, Fault
from postroad.protocols.aws.query import MalformedForm, read_form
from postroad.protocols.http.connection import Exchange, HttpConnection
from postroad.protocols.http.wire import Page, Request, encode
from postroad.protocols.interface import Output

Pages = Mapping[str, Callable[[], Page]]
Shape = dict[str, object]
"""An answer in plain form: texts, numbers, truths, bytes, lists and maps."""
Script = Generator[Command, Reply, Shape | Fault]
"""A running action."""
Form = dict[str, str]
"""The parameters of a request in the Query form."""

_NO_PAGE: Final = Page(b"not found\n", status=404)
_NO_METHOD: Final = Page(b"use GET or POST\n", status=405)


class Call(Protocol):
    """What a script knows of its request; `now_ms` is moved on with each reply."""

    now_ms: int


class Answering(Protocol):
    """How a request is answered."""

    def answer(self, result: Any) -> bytes:
        """The whole HTTP answer for what a script returned."""


class Action:
    """A request that a service serves: `script` runs with `call`, and `answering` makes the answer
    of what comes of it; a fault in place of a script is answered at once."""

    __slots__ = ("answering", "call", "exchange", "script")

    def __init__(self, call: Call, answering: Answering, script: Script | Fault) -> None:
        self.call = call
        self.answering = answering
        self.script = script
        self.exchange: Exchange | None = None


class Service(Protocol):
    """One service of the port. `side_by_side`: an action that begins with a command of these does
    not hold back others."""

    side_by_side: tuple[type, ...]

    def wants(self, request: Request, form: Form) -> bool:
        """Whether a request in the Query form is for this service."""

    def begin(self, request: Request, form: Form | Fault | None, now_ms: int) -> Action:
        """The action of a request; without a form its headers name the action."""


class AwsSession:
    """The state of one connection. `services`: the first takes what no other wants; `pages`: what
    plain GETs of other paths get, by path."""

    def __init__(self, services: Sequence[Service], pages: Pages, body_bytes_max: int) -> None:
        self._first = services[0]
        self._others = list(services[1:])
        self._pages = pages
        self._http = HttpConnection(body_bytes_max)
        self._running: dict[int, Action] = {}
        self._number = 0
        self._held_back: deque[Exchange] = deque()
        self._alone: Exchange | None = None

    def receive(self, data: bytes, now_ms: int) -> Output:
        """Bytes came in. Never raises for anything a client can send."""
        asks: list[tuple[int, Command]] = []
        for exchange in self._http.receive(data, now_ms):
            if self._alone is None:
                self._begin(exchange, now_ms, asks)
            else:
                self._held_back.append(exchange)
        return self._output(asks)

    def answer(self, number: int, reply: Reply, now_ms: int) -> Output:
        """The reply to the ask with that number."""
        action = self._running.pop(number)
        action.call.now_ms = now_ms
        script = action.script
        assert not isinstance(script, Fault), "what runs is no fault"
        asks: list[tuple[int, Command]] = []
        try:
            command = script.send(reply)
        except StopIteration as stop:
            exchange = action.exchange
            assert exchange is not None, "what runs has a place in the line"
            exchange.answer = action.answering.answer(stop.value)
            if self._alone is exchange:
                self._alone = None
                self._go_on(now_ms, asks)
        else:
            self._ask(action, command, asks)
        return self._output(asks)

    def tick(self, now_ms: int) -> Output:
        """Time went by: a connection without requests closes itself here."""
        self._http.tick(now_ms)
        return self._output([])

    def _output(self, asks: list[tuple[int, Command]]) -> Output:
        send = self._http.flush()
        return Output(send, tuple(asks), self._http.closing)

    def _go_on(self, now_ms: int, asks: list[tuple[int, Command]]) -> None:
        while self._held_back and self._alone is None:
            self._begin(self._held_back.popleft(), now_ms, asks)

    def _ask(self, action: Action, command: Command, asks: list[tuple[int, Command]]) -> None:
        self._number += 1
        self._running[self._number] = action
        asks.append((self._number, command))

    def _begin(self, exchange: Exchange, now_ms: int, asks: list[tuple[int, Command]]) -> None:
        request = exchange.request
        assert request is not None
        service = self._first
        form: Form | Fault | None = None
        if b"x-amz-target" not in request.headers:
            page = self._page(request)
            if page is not None:
                content_type = page.content_type.encode()
                exchange.answer = encode(
                    page.status, content_type, page.body, keep_alive=request.keep_alive
                )
                return
            form = read_parameters(request)
            if not isinstance(form, Fault):
                for other in self._others:
                    if other.wants(request, form):
                        service = other
        action = service.begin(request, form, now_ms)
        script = action.script
        if isinstance(script, Fault):
            exchange.answer = action.answering.answer(script)
            return
        try:
            command = next(script)
        except StopIteration as stop:
            exchange.answer = action.answering.answer(stop.value)
        else:
            if not isinstance(command, service.side_by_side):
                self._alone = exchange
            action.exchange = exchange
            self._ask(action, command, asks)

    def _page(self, request: Request) -> Page | None:
        """The page a request gets instead of an action, if it is no request for one."""
        if request.method == "POST":
            return None
        if request.method not in ("GET", "HEAD"):
            return _NO_METHOD
        page = self._pages.get(request.path)
        if page is not None:
            return page()
        return None if b"Action=" in request.query or request.path == "/" else _NO_PAGE


def read_parameters(request: Request) -> Form | Fault:
    """All parameters of a Query request: of its address and, in a POST, of its form."""
    try:
        parameters = read_form(request.query) if request.query else {}
        if request.method == "POST" and request.body:
            parameters.update(read_form(request.body))
    except MalformedForm as error:
        return Fault(MALFORMED_QUERY, str(error))
    return parameters
