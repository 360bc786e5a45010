"""The driver of a connected broker for threads: they share one connection, and none is left behind.

It stands between the blocking face and the sans-IO client. The rule kept here: of the threads that
wait one leads: it reads for all, connects anew and minds the time; when its own reply is there, it
hands over. Whoever sends takes along what the others ask meanwhile.
"""

import contextlib
import random
import threading
import time
from collections import deque
from typing import Self

from postroad.engine.recover import RecoveryReport
from postroad.errors import BrokerClosed, PostroadError
from postroad.limits import NATIVE_CLOSE_MS, NATIVE_DIAL_MS
from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.protocols.native.client import DOWN, GREETING, Client
from postroad.protocols.native.requests import Outcome
from postroad.remote.dial import dial, words
from postroad.remote.told import no_connection, report_of, terms_of
from postroad.remote.url import Endpoint
from postroad.remote.wire import Bell, Wire


class _Call:
    """One call: its outcome, and how to wake the thread that waits for it. `until_ms`: it waits no
    longer than that, 0: as long as it takes.
    """

    __slots__ = ("bell", "outcome", "until_ms")

    def __init__(self, until_ms: int = 0) -> None:
        self.outcome: Outcome | None = None
        self.bell: threading.Event | None = None
        self.until_ms = until_ms

    def take(self, outcome: Outcome) -> None:
        """What came of it."""
        self.outcome = outcome
        if self.bell is not None:
            self.bell.set()

    def is_over(self) -> bool:
        """Whether its thread has nothing to wait for."""
        return self.outcome is not None or bool(self.until_ms and _now_ms() >= self.until_ms)


class BlockingRemote:
    """A server, as the threads of a program see it."""

    def __init__(self, endpoint: Endpoint, timeout_ms: int) -> None:
        """Use `connect`."""
        self._endpoint = endpoint
        self._client = Client(terms_of(endpoint, timeout_ms), random.random)
        self._mutex = threading.Lock()
        self._bell = Bell()
        self._wire = Wire(self._bell, None)
        self._followers: deque[_Call] = deque()
        self._leader: _Call | None = None
        self._sender = 0
        self._ending: _Call | None = None

    @classmethod
    def connect(cls, endpoint: Endpoint, timeout_ms: int) -> Self:
        """Connect once. Raises `NotConnected`, `NotWelcome`."""
        remote = cls(endpoint, timeout_ms)
        try:
            why = remote._dial()
            while not why and remote._client.state == GREETING:
                why = remote._step(None)
            if why:
                raise no_connection(remote._client, endpoint, why)
        except BaseException:
            remote._let_go()
            raise
        return remote

    @property
    def report(self) -> RecoveryReport:
        """What the server's start found."""
        return report_of(self._client)

    def ask(self, command: Command) -> Reply:
        """Ask, and wait for the reply. Raises `BrokerClosed`, `ConnectionLost`, `TimedOut`,
        `NotRemote`, `NotWelcome`.
        """
        call = _Call()
        with self._mutex:
            request = self._client.ask(command, call.take, _now_ms())
        try:
            self._send()
            self._wait(call)
        except BaseException:
            # An interrupt, say: nobody takes the reply, so nothing may be leased for it.
            with self._mutex:
                if call.outcome is not None:
                    self._client.give_back(request, call.outcome, _now_ms())
                else:
                    self._client.abandon(request)
                self._leave(call)
            self._send()
            raise
        outcome = call.outcome
        assert outcome is not None, "a call without an end of its own waits for its outcome"
        if isinstance(outcome, PostroadError):
            raise outcome
        return outcome

    def close(self) -> None:
        """Let calls that wait end empty, take the replies that are on their way, and leave."""
        with self._mutex:
            if self._client.closing:
                return
            self._client.close()
            self._ending = ending = _Call(_now_ms() + NATIVE_CLOSE_MS)
            self._end_if_quiet()
        self._send()
        self._wait(ending)
        with self._mutex:
            self._client.finish()
        self._bell.ring()
        # Nobody waits any more: as soon as whoever leads has seen it, this thread does.
        last = _Call(_now_ms() + NATIVE_CLOSE_MS)
        while not last.is_over():
            if self._takes_lead(last):
                break
            assert last.bell is not None, "a follower has a bell"
            last.bell.wait(NATIVE_CLOSE_MS / 1_000)
        self._let_go()

    # Waiting.

    def _takes_lead(self, call: _Call) -> bool:
        """Whether nobody led, and this thread does now; else it follows."""
        with self._mutex:
            if self._leader is None:
                self._leader = call
                return True
            self._follow(call)
        return False

    def _wait(self, call: _Call) -> None:
        """Lead or follow until a call has its outcome. Whoever led and goes, for an interrupt too,
        leaves the lead to another.
        """
        try:
            while not call.is_over():
                with self._mutex:
                    if call.outcome is not None:
                        return
                    if self._leader is None:
                        self._leader = call
                    else:
                        self._follow(call)
                if self._leader is call:
                    self._lead(call)
                else:
                    self._sleep(call)
        finally:
            with self._mutex:
                self._leave(call)

    def _sleep(self, call: _Call) -> None:
        """Until the outcome is there, or this thread is to lead."""
        assert call.bell is not None, "a follower has a bell"
        left_ms = call.until_ms - _now_ms() if call.until_ms else 0
        call.bell.wait(max(0, left_ms) / 1_000 if call.until_ms else None)
        with self._mutex:
            if call in self._followers:
                self._followers.remove(call)

    def _follow(self, call: _Call) -> None:
        """Wait for the bell, with the mutex held."""
        if call.bell is None:
            call.bell = threading.Event()
        call.bell.clear()
        self._followers.append(call)

    def _lead(self, call: _Call) -> None:
        try:
            while not call.is_over():
                self._step(call)
        except BaseException:
            if self._wire.is_reading:
                # What was read is lost, and with it where the next frame begins.
                self._wire.fail("a call was interrupted while it read")
            raise

    def _leave(self, call: _Call) -> None:
        """This thread waits no more; did it lead, or was it called to, then another is. With the
        mutex held.
        """
        if self._leader is call:
            self._leader = None
        if call in self._followers:
            self._followers.remove(call)
        self._call_next()

    def _call_next(self) -> None:
        """Let somebody lead who still waits; with the mutex held."""
        while self._leader is None and self._followers:
            call = self._followers.popleft()
            if call.outcome is None and call.bell is not None:
                call.bell.set()
                return

    # What the leader does.

    def _step(self, call: _Call | None) -> str:
        """Wait for something once, and do what is to be done. Returns why the connection was lost
        in it, if it was.
        """
        now_ms = _now_ms()
        with self._mutex:
            why = self._client.tick(now_ms) or self._wire.why
            if why:
                self._lose(why)
                return why
            pause_ms = max(0, self._client.retry_at_ms - now_ms) if self._is_down() else -1
        if pause_ms == 0:
            return self._dial()
        self._send()
        wait_s = self._patience(call, pause_ms)
        try:
            data = self._wire.wait(wait_s)
        except OSError as error:
            return self._fail(words(error))
        if self._wire.rest:
            self._send(anew=True)
        return "" if data is None else self._read(data)

    def _is_down(self) -> bool:
        return self._client.state == DOWN

    def _patience(self, call: _Call | None, pause_ms: int) -> float | None:
        """How long the leader may wait, in seconds."""
        with self._mutex:
            wake_ms = self._client.next_wake()
        now_ms = _now_ms()
        ends = [wake_ms - now_ms] if wake_ms else []
        if pause_ms > 0:
            ends.append(pause_ms)
        if call is not None and call.until_ms:
            ends.append(call.until_ms - now_ms)
        return max(0, min(ends)) / 1_000 + 0.000_5 if ends else None

    def _read(self, data: bytes) -> str:
        if not data:
            return self._fail("the server closed the connection")
        with self._mutex:
            why = self._client.received(data, _now_ms())
            if why:
                self._lose(why)
            self._wire.is_reading = False
            self._end_if_quiet()
            more = self._client.has_more()
        if more:
            self._send()
        return why

    def _end_if_quiet(self) -> None:
        over = self._client.is_quiet() or self._is_down()
        if self._ending is not None and over:
            self._ending.take(BrokerClosed())

    # The connection.

    def _dial(self) -> str:
        """Try once to connect. Returns why it could not be, or nothing."""
        try:
            made = dial(self._endpoint, NATIVE_DIAL_MS / 1_000)
        except OSError as error:
            return self._fail(words(error))
        with self._mutex:
            self._replace(Wire(self._bell, made))
            self._client.connected(_now_ms())
        self._send()
        return ""

    def _fail(self, why: str) -> str:
        with self._mutex:
            self._lose(why)
        return why

    def _lose(self, why: str) -> None:
        """Give up the connection, or the try to have one; with the mutex held."""
        self._replace(Wire(self._bell, None))
        self._client.lost(why, _now_ms())
        self._end_if_quiet()

    def _replace(self, wire: Wire) -> None:
        """With the mutex held. A thread that sends meanwhile meets a closed socket, and knows."""
        before, self._wire = self._wire, wire
        before.close()

    def _send(self, *, anew: bool = False) -> None:
        """Send what there is to send, for all threads; `anew`: the socket has room again."""
        try:
            with self._mutex:
                wire = self._wire
                if self._sender or (wire.rest and not anew):
                    return
                data = self._next(wire)
            while data:
                wire, data = self._push(wire, data, anew)
        except BaseException:
            with self._mutex:
                if self._sender == threading.get_ident():
                    # Nobody knows how much of it was sent.
                    self._wire.fail("a call was interrupted while it sent")
                    self._sender = 0
            raise

    def _push(self, wire: Wire, data: bytes, anew: bool) -> tuple[Wire, bytes]:
        """Send, and take what there is next; what the socket does not take is the leader's."""
        why, sent = "", 0
        try:
            sent = wire.send(data)
        except OSError as error:
            why = words(error)
        with self._mutex:
            if wire is not self._wire:
                return self._wire, self._next(self._wire)
            wire.rest = data[sent:]
            if not why and not wire.rest:
                return wire, self._next(wire)
            self._sender = 0
        if why:
            wire.fail(why)
        elif not anew:
            self._bell.ring()
        return wire, b""

    def _next(self, wire: Wire) -> bytes:
        """What is to be sent next, and that this thread does; with the mutex held."""
        # Said before something is taken, so that no interrupt can lose it.
        self._sender = threading.get_ident()
        data = b"" if wire.why or self._is_down() else self._take(wire)
        if not data:
            self._sender = 0
        return data

    def _take(self, wire: Wire) -> bytes:
        data = self._client.collect(_now_ms(), len(wire.rest))
        return wire.rest + data if wire.rest else data

    def _let_go(self) -> None:
        """Say farewell, as far as that can be, and close."""
        with self._mutex:
            last = self._client.farewell()
            self._client.state = DOWN
            wire, self._wire = self._wire, Wire(self._bell, None)
        if last and not wire.rest:
            # The other side may have left before.
            with contextlib.suppress(OSError):
                wire.send(last)
        wire.close()
        self._wire.close()
        self._bell.close()


def _now_ms() -> int:
    return int(time.monotonic() * 1_000)
