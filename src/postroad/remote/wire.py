"""One socket of the blocking driver, and the bell that wakes the thread that waits on it.

It stands below the blocking driver. The rule kept here: only the thread that leads waits here and
closes it; others may send, and say that it is broken.
"""

import contextlib
import selectors
import socket

from postroad.limits import NATIVE_READ_BYTES


class Bell:
    """Wakes a thread that waits on sockets."""

    def __init__(self) -> None:
        self.ear, self._hand = socket.socketpair()
        self.ear.setblocking(False)
        self._hand.setblocking(False)

    def ring(self) -> None:
        """Wake it, now or when it waits next."""
        # Full of rings, or closed: nobody is to be woken who is not woken.
        with contextlib.suppress(OSError):
            self._hand.send(b"\0")

    def quiet(self) -> None:
        """Forget the rings so far."""
        with contextlib.suppress(BlockingIOError):
            self.ear.recv(4_096)

    def close(self) -> None:
        """Let go of it."""
        self.ear.close()
        self._hand.close()


class Wire:
    """A connected socket, or none (`socket` is `None`: only the bell wakes who waits). `why`: what
    is wrong with it. `rest`: bytes that it did not take yet. `is_reading`: bytes were taken from
    it, and not all is known of what they say.
    """

    def __init__(self, bell: Bell, made: socket.socket | None) -> None:
        self.why = ""
        self.rest = b""
        self.is_reading = False
        self._bell = bell
        self._socket = made
        self._selector = selectors.DefaultSelector()
        self._selector.register(bell.ear, selectors.EVENT_READ)
        self._events = selectors.EVENT_READ
        if made is not None:
            self._selector.register(made, selectors.EVENT_READ)

    def wait(self, wait_s: float | None) -> bytes | None:
        """Wait until bytes came (empty: the other side is gone), it takes more, the bell rang, or
        the time is over (`None`). Raises `OSError`.
        """
        self._watch()
        found = None
        for key, events in self._selector.select(wait_s):
            if key.fileobj is self._bell.ear:
                self._bell.quiet()
            elif events & selectors.EVENT_READ:
                found = self._read()
        return found

    def send(self, data: bytes) -> int:
        """How many bytes it took. Raises `OSError`."""
        assert self._socket is not None, "bytes are sent where there is a connection"
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def fail(self, why: str) -> None:
        """Say what is wrong, and wake who waits."""
        self.why = self.why or why
        self._bell.ring()

    def close(self) -> None:
        """Let go of the socket."""
        self._selector.close()
        if self._socket is not None:
            self._socket.close()

    def _read(self) -> bytes | None:
        assert self._socket is not None, "only a socket is read"
        self.is_reading = True
        try:
            return self._socket.recv(NATIVE_READ_BYTES)
        except BlockingIOError:
            self.is_reading = False
            return None

    def _watch(self) -> None:
        """Wait for room too as long as something is left to be sent."""
        events = selectors.EVENT_READ
        if self.rest:
            events |= selectors.EVENT_WRITE
        if self._socket is not None and events != self._events:
            self._events = events
            self._selector.modify(self._socket, events)
