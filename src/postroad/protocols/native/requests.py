"""The requests of a client: those that wait to be sent, and those that wait for their replies.

It stands inside the client. The rule kept here: a request has one outcome, and a number only while
its reply may still come.
"""

from collections import deque
from collections.abc import Callable, Iterator

from postroad.errors import PostroadError, TimedOut
from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.protocols.native.standing import wait_ms_of
from postroad.protocols.native.wire import NUMBER_MAX

Outcome = Reply | PostroadError
Done = Callable[[Outcome], None]


class Request:
    """One request. `number`: under which it was sent, 0 while it was not; `is_over`: it had its
    outcome; `is_repeated`: it was sent before, on a connection that is no more.
    """

    __slots__ = ("asked_ms", "command", "deadline_ms", "done", "is_over", "is_repeated", "number")

    def __init__(self, command: Command, done: Done, now_ms: int, deadline_ms: int) -> None:
        self.command = command
        self.done = done
        self.asked_ms = now_ms
        self.deadline_ms = deadline_ms
        self.number = 0
        self.is_over = False
        self.is_repeated = False

    def end(self, outcome: Outcome) -> None:
        """Tell who asked, if that was not told before."""
        if not self.is_over:
            self.is_over = True
            self.done(outcome)

    def timed_out(self, now_ms: int) -> TimedOut:
        """What to tell when it is late."""
        sent = bool(self.number) or self.is_repeated
        return TimedOut(type(self.command).__name__, now_ms - self.asked_ms, sent=sent)


class Requests:
    """All of them. `sent`: by number, in the order of sending; `earliest_ms`: no deadline is
    before that, 0 where there is none.
    """

    def __init__(self, timeout_ms: int) -> None:
        self.sent: dict[int, Request] = {}
        self.earliest_ms = 0
        self._timeout_ms = timeout_ms
        self._waiting: deque[Request] = deque()
        self._numbers = 0
        self._down_ms = 0

    def add(self, command: Command, done: Done, now_ms: int) -> Request:
        """A new one, behind those that wait."""
        deadline_ms = now_ms + self._timeout_ms + wait_ms_of(command)
        request = Request(command, done, now_ms, deadline_ms)
        self._waiting.append(request)
        self._look_by(now_ms + self._timeout_ms)
        return request

    def next(self) -> Request | None:
        """The next to be sent; it is taken out when it is."""
        return self._waiting[0] if self.is_waiting() else None

    def is_waiting(self) -> bool:
        """Whether one is to be sent."""
        while self._waiting and self._waiting[0].is_over:
            self._waiting.popleft()
        return bool(self._waiting)

    def send(self, request: Request) -> int:
        """Give a request its number."""
        self._numbers = number = self._numbers % NUMBER_MAX + 1
        while number in self.sent:
            self._numbers = number = number % NUMBER_MAX + 1
        request.number = number
        self.sent[number] = request
        if self._waiting and self._waiting[0] is request:
            self._waiting.popleft()
        return number

    def answered(self, number: int) -> Request | None:
        """The one whose reply came, taken out."""
        return self.sent.pop(number, None)

    def cut(self, now_ms: int, *, was_open: bool) -> list[Request]:
        """The connection is no more, or none could be made (not `was_open`): those that were sent
        and still matter, taken out."""
        if was_open:
            self._down_ms = now_ms
        self._look_by(now_ms + self._timeout_ms)
        found = [request for request in self.sent.values() if not request.is_over]
        self.sent.clear()
        # The first that was sent is the first to be sent again.
        found.reverse()
        return found

    def again(self, request: Request) -> None:
        """Put one that was sent before those that wait."""
        request.number = 0
        request.is_repeated = True
        self._waiting.appendleft(request)

    def late(self, now_ms: int, *, is_down: bool) -> list[Request]:
        """Those whose deadline is over; with no connection, those that had none for the timeout."""
        if not self.earliest_ms or now_ms < self.earliest_ms:
            return []
        self.earliest_ms = 0
        found = []
        for request in self.everybody():
            deadline_ms = request.deadline_ms
            if is_down:
                since_ms = max(self._down_ms, request.asked_ms)
                deadline_ms = min(deadline_ms, since_ms + self._timeout_ms)
            if now_ms >= deadline_ms:
                found.append(request)
            else:
                self._look_by(deadline_ms)
        return found

    def everybody(self) -> Iterator[Request]:
        """Each that has no outcome yet."""
        every = [*self.sent.values(), *self._waiting]
        return (request for request in every if not request.is_over)

    def _look_by(self, ms: int) -> None:
        if not self.earliest_ms or ms < self.earliest_ms:
            self.earliest_ms = ms
