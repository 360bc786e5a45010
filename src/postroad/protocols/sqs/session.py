"""One connection of SQS: HTTP requests in, commands out, replies in, HTTP answers out.

It stands between the sockets and the actions. The rule kept here: each request is one running
action; answers leave in the order of the requests, whichever action ends first. Actions that begin
with a command on messages run side by side; any other holds back the requests behind it while it
runs, so that what it looks up first does not change the order of what is sent.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.protocols.aws.faults import (
    INVALID_ACTION,
    MISSING_ACTION,
    Fault,
)
from postroad.protocols.http.connection import Exchange, HttpConnection
from postroad.protocols.http.wire import Page, Request, encode
from postroad.protocols.interface import Output
from postroad.protocols.sqs.actions.call import Call, Script
from postroad.protocols.sqs.actions.table import ACTIONS
from postroad.protocols.sqs.config import SqsConfig
from postroad.protocols.sqs.spec import MESSAGE_COMMANDS, TARGET_PREFIX
from postroad.protocols.sqs.validation import check
from postroad.protocols.sqs.wire import Answering, read_json, read_parameters, read_query

Pages = Mapping[str, Callable[[], Page]]

_TARGETS: Final = {(TARGET_PREFIX + action).encode(): action for action in ACTIONS}
_NO_PAGE: Final = Page(b"not found\n", status=404)
_NO_METHOD: Final = Page(b"use GET or POST\n", status=405)


class _Running:
    """A request whose action waits for a reply."""

    __slots__ = ("answering", "call", "exchange", "script")

    def __init__(
        self, exchange: Exchange, call: Call, answering: Answering, script: Script
    ) -> None:
        self.exchange = exchange
        self.call = call
        self.answering = answering
        self.script = script


class SqsSession:
    """The state of one connection. `pages`: what plain GETs of other paths get, by path."""

    def __init__(self, config: SqsConfig, pages: Pages) -> None:
        self._config = config
        self._pages = pages
        self._http = HttpConnection(config.body_bytes_max)
        self._running: dict[int, _Running] = {}
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
        running = self._running.pop(number)
        running.call.now_ms = now_ms
        asks: list[tuple[int, Command]] = []
        try:
            command = running.script.send(reply)
        except StopIteration as stop:
            running.exchange.answer = running.answering.answer(stop.value)
            if self._alone is running.exchange:
                self._alone = None
                self._go_on(now_ms, asks)
        else:
            self._ask(running, command, asks)
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

    def _ask(self, running: _Running, command: Command, asks: list[tuple[int, Command]]) -> None:
        self._number += 1
        self._running[self._number] = running
        asks.append((self._number, command))

    def _begin(self, exchange: Exchange, now_ms: int, asks: list[tuple[int, Command]]) -> None:
        request = exchange.request
        assert request is not None
        target = request.headers.get(b"x-amz-target")
        if target is None:
            page = self._page(request)
            if page is not None:
                content_type = page.content_type.encode()
                exchange.answer = encode(
                    page.status, content_type, page.body, keep_alive=request.keep_alive
                )
                return
        answering = Answering(
            "",
            xml=target is None,
            keep_alive=request.keep_alive,
            request_id=self._config.names.request_id(now_ms),
        )
        call = Call(self._config, request, now_ms)
        script = self._script(call, target, answering)
        if isinstance(script, Fault):
            exchange.answer = answering.answer(script)
            return
        try:
            command = next(script)
        except StopIteration as stop:
            exchange.answer = answering.answer(stop.value)
        else:
            if not isinstance(command, MESSAGE_COMMANDS):
                self._alone = exchange
            self._ask(_Running(exchange, call, answering, script), command, asks)

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

    def _script(self, call: Call, target: bytes | None, answering: Answering) -> Script | Fault:
        config = self._config
        request = call.request
        if config.keyring:
            refused = config.keyring.check(request, call.now_ms)
            if refused is not None:
                return refused
        if target is not None:
            action = _TARGETS.get(target)
            if action is None:
                return _unknown_action(target.decode("latin-1").removeprefix(TARGET_PREFIX))
            given = read_json(action, request.body)
        else:
            parameters = read_parameters(request)
            if isinstance(parameters, Fault):
                return parameters
            action = parameters.get("Action", "")
            if action not in ACTIONS:
                return _unknown_action(action)
            if "QueueUrl" not in parameters and request.path.count("/") == 2:
                parameters["QueueUrl"] = request.path
            given = read_query(action, parameters)
        answering.action = action
        wrong = given if isinstance(given, Fault) else check(given)
        return ACTIONS[action](call, given) if wrong is None else wrong


def _unknown_action(name: str) -> Fault:
    if not name:
        return Fault(MISSING_ACTION, "The request must contain the parameter Action.")
    return Fault(INVALID_ACTION, f"The action {name[:80]} is not valid for this endpoint.")
