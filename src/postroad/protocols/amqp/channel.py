"""One channel: its methods in order, each run to its end before the next begins.

It stands between the session and the methods. The rule kept here: what follows a method that waits
for the core is held back, so that effects and answers have the order of the frames; publishes and
acks wait for nobody, and hold nothing back but where a publish may close the channel.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from postroad.model.commands import Command, Receive
from postroad.model.replies import Received, Reply
from postroad.protocols.amqp.consuming import Consumers, ignore, released
from postroad.protocols.amqp.errors import COMMAND_INVALID, ConnectionFault, Fault
from postroad.protocols.amqp.frames import AckRun, MethodFrame, PublishRun
from postroad.protocols.amqp.link import Link, Script
from postroad.protocols.amqp.publishing import Publisher, Sent
from postroad.protocols.amqp.settling import Settling

Handler: TypeAlias = Callable[["Channel", dict[str, Any]], Script | None]
"""A method of a client: it is done at once, or is a script."""
Work: TypeAlias = MethodFrame | PublishRun | AckRun
_ENDING: Final = (
    "exchange.delete",
    "exchange.unbind",
    "queue.delete",
    "queue.unbind",
    "basic.cancel",
)
"""Methods after which an exchange may be gone, maybe because nobody uses it any more."""


class Channel:
    """An open channel. `last_queue`: the queue declared last, which an empty name stands for.
    `doubted`: a publish to an exchange of which nobody knows yet whether it is there, or of which a
    part is asked for again."""

    def __init__(self, number: int, link: Link, handlers: Mapping[str, Handler]) -> None:
        """Open channel `number`; `handlers`: method name -> what does it."""
        self.number = number
        self.link = link
        self.last_queue = ""
        self.closed = False
        self.doubted: Sent | None = None
        self.publisher = Publisher(self)
        self.settling = Settling(self)
        self.consumers = Consumers(self)
        self._handlers = handlers
        self._script: Script | None = None
        self._asked: Command | None = None
        self._method = ""
        self._held_back: deque[Work] = deque()

    def take(self, work: Work) -> None:
        """Do what came in, or hold it back while a method is at work."""
        if self.is_busy():
            self._held_back.append(work)
            self.link.held_back += 1
        elif not self.closed:
            self._begin(work)

    def send(self, frames: bytes) -> None:
        """Send whole frames, unless the channel is closed."""
        if not self.closed:
            self.link.send(frames)

    def fault(self, fault: Fault, method: str) -> None:
        """Close this channel, or the connection, because of `method`."""
        self.link.fault(self.number, fault, method)

    def tick(self, now_ms: int) -> None:
        """Time went by."""
        self.settling.tick(now_ms)

    def is_busy(self) -> bool:
        """Whether a method is at work, or it is in doubt whether the channel stays open."""
        return self._script is not None or self.doubted is not None

    def go_on(self) -> None:
        """Do what was held back, until something must be waited for again."""
        while self._held_back and not self.is_busy() and not self.closed:
            self.link.held_back -= 1
            self._begin(self._held_back.popleft())

    def give_up(self) -> tuple[Work, ...]:
        """Return what was held back and will not be done."""
        self.link.held_back -= len(self._held_back)
        too_late = tuple(self._held_back)
        self._held_back.clear()
        return too_late

    def close(self) -> None:
        """Let go of everything: consumers end, unsettled messages return. Nothing is sent."""
        if self.closed:
            return
        self.closed = True
        self.give_up()
        script, self._script = self._script, None
        if script is not None:
            script.close()
        self.consumers.close()
        self.settling.close()
        self.publisher.close()

    def _begin(self, work: Work) -> None:
        try:
            if isinstance(work, PublishRun):
                self._method = "basic.publish"
                self.publisher.publish(work)
            elif isinstance(work, AckRun):
                self._method = "basic.ack"
                self.settling.ack(work)
            else:
                self._method = work.name
                self._forget_exchanges()
                handler = self._handlers.get(work.name)
                if handler is None:
                    raise ConnectionFault(COMMAND_INVALID, "unimplemented method")
                script = handler(self, work.args)
                if script is not None:
                    self._step(script, next(script, None))
        except Fault as fault:
            self.fault(fault, self._method)

    def _step(self, script: Script, command: Command | None) -> None:
        """Ask what the script wants to know; without a command it has ended."""
        if command is None or self.closed:
            return
        self._script, self._asked = script, command
        self.link.ask(command, self._go_on)

    def _go_on(self, reply: Reply) -> None:
        script, self._script = self._script, None
        if script is None:
            self._give_back(reply)
            return
        try:
            command = script.send(reply)
        except StopIteration:
            command = None
        except Fault as fault:
            command = None
            self.fault(fault, self._method)
        if command is None:
            self._forget_exchanges()
        self._step(script, command)
        self.go_on()

    def _forget_exchanges(self) -> None:
        """Where the method may end one: what is still to be said of publishes that were sent before
        goes into a set that nobody looks at."""
        if self._method in _ENDING:
            self.link.known_exchanges = set()

    def _give_back(self, reply: Reply) -> None:
        """The channel closed while a method waited for a message: nobody will settle it."""
        asked = self._asked
        if isinstance(asked, Receive) and isinstance(reply, Received) and reply.messages:
            self.link.ask(released(asked.queue, reply.messages), ignore)
