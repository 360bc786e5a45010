"""One TCP connection: bytes to its session, its asks to the engine, the answers back.

It stands between the loop's transport and a protocol's session. The rule kept here: back-pressure
goes both ways (who has too much waiting, or does not read its answers, is not read), and a bug in
one session ends that one connection.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVarTuple, cast

from postroad.limits import (
    ASKS_WAITING_MAX,
    CLOSE_TICKS_MAX,
    STALLED_TICKS_MAX,
    WRITE_BUFFER_BYTES_MAX,
)
from postroad.model.ask import Caller
from postroad.model.replies import Reply
from postroad.net.hub import Hub
from postroad.protocols.interface import Attentive, Output, Pipelined, Session

_Args = TypeVarTuple("_Args")

_log = logging.getLogger("postroad.net")


class Connection(asyncio.BufferedProtocol):
    """A session and its socket, from accept to close."""

    __slots__ = (
        "_asked",
        "_attentive",
        "_busy",
        "_caller",
        "_close_beat",
        "_ended",
        "_held",
        "_hub",
        "_out",
        "_peer_full",
        "_pipelined",
        "_reading",
        "_session",
        "_stalled_beat",
        "_transport",
    )

    def __init__(self, hub: Hub, session: Session) -> None:
        """Join `session` to what the hub shares; the transport comes with `connection_made`."""
        self._hub = hub
        self._session = session
        self._attentive = session if isinstance(session, Attentive) else None
        self._pipelined = session if isinstance(session, Pipelined) else None
        self._busy = False
        self._transport: asyncio.Transport | None = None
        self._caller: Caller | None = None
        self._out: list[bytes] = []
        self._asked: set[int] = set()
        self._reading = True
        self._held = False
        self._peer_full = False
        self._ended = False
        self._stalled_beat = 0
        self._close_beat = 0

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Enter the hub, or be cut off when there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._hub.enter(self):
            self._ended = True
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_MAX)
        self._caller = self._hub.road.caller(self._reply)
        if self._attentive is not None:
            self._attentive.met(loopback=_is_loopback(transport.get_extra_info("peername")))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  (the loop's word, not ours)
        """Lend the shared buffer for one read."""
        return self._hub.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand what was read to the session."""
        hub = self._hub
        hub.traffic.bytes_in += nbytes
        if not self._ended:
            self._turn(self._session.receive, bytes(hub.buffer[:nbytes]), hub.now_ms())

    def eof_received(self) -> bool:
        """Take the end of input for the end: whoever is gone must not be handed messages."""
        self.flush()
        self._end()
        self._close_beat = self._hub.beat + CLOSE_TICKS_MAX
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Leave the hub."""
        self._end()
        self._out.clear()
        self._hub.leave(self)

    def pause_writing(self) -> None:
        """The peer takes its answers too slowly."""
        self._peer_full = True
        self._stalled_beat = self._hub.beat
        self._tell_full()
        self._balance()

    def resume_writing(self) -> None:
        """The peer took enough of them."""
        self._peer_full = False
        self._tell_full()
        self._balance()

    # What the hub calls.

    def flush(self) -> None:
        """Write all that was collected in this turn, in one go."""
        out = self._out
        if not out:
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        transport = self._transport
        if transport is not None and not transport.is_closing():
            self._hub.traffic.bytes_out += len(data)
            transport.write(data)

    def tick(self, now_ms: int) -> None:
        """Cut off who does not close or does not read; else let the session see the time."""
        beat = self._hub.beat
        if self._close_beat:
            if beat >= self._close_beat:
                self.abort()
        elif self._peer_full and beat - self._stalled_beat >= STALLED_TICKS_MAX:
            self._hub.traffic.stalled += 1
            self.abort()
        elif not self._ended:
            self._turn(self._session.tick, now_ms)

    def hold(self) -> None:
        """Read no more; answers still go out."""
        self._held = True
        self._balance()

    def close(self) -> None:
        """Send what is left and our end of stream, then wait a little for the peer's.

        Closing at once with input unread would reset the connection and could take the last
        answer (a refusal of a body too large, say) from under the peer.
        """
        transport = self._transport
        if transport is None or transport.is_closing() or self._close_beat:
            return
        if self._attentive is not None and not self._ended:
            self._send(self._attentive.farewell(self._hub.now_ms()))
        self._end()
        self.flush()
        self._close_beat = self._hub.beat + CLOSE_TICKS_MAX
        if self._held or not transport.can_write_eof():
            transport.close()
            return
        transport.write_eof()
        self._read(True)

    def abort(self) -> None:
        """End now, whatever is left."""
        self._end()
        self._out.clear()
        if self._transport is not None:
            self._transport.abort()

    # A turn.

    def _reply(self, number: int, reply: Reply) -> None:
        if self._ended:
            return
        self._asked.discard(number)
        self._turn(self._session.answer, number, reply, self._hub.now_ms())

    def _turn(self, step: Callable[[*_Args], Output], *args: *_Args) -> None:
        try:
            output = step(*args)
        except Exception:  # noqa: BLE001  (a bug in a protocol costs this one connection, not others)
            self._hub.traffic.broken += 1
            _log.exception("a session failed and its connection was closed")
            self.abort()
            return
        self._send(output)
        if output.asks or output.cancels:
            self._ask(output)
        if output.close:
            self.close()
        elif not self._ended:
            self._balance()

    def _send(self, output: Output) -> None:
        self._busy = output.busy
        if output.send:
            if not self._out:
                self._hub.flush_soon(self)
            self._out.append(output.send)

    def _tell_full(self) -> None:
        if self._attentive is not None and not self._ended:
            self._turn(self._attentive.stall, self._peer_full, self._hub.now_ms())

    def _ask(self, output: Output) -> None:
        assert self._caller is not None
        submit = self._hub.road.submit
        for number, command in output.asks:
            self._asked.add(number)
            submit(self._caller, number, command)
        for number in output.cancels:
            self._hub.road.cancel(self._caller, number)

    def _balance(self) -> None:
        """Read while there is room; start again only when half is answered, or it would flutter."""
        if self._ended:
            return
        waiting = len(self._asked)
        most = ASKS_WAITING_MAX if self._pipelined is None else self._pipelined.asks_max
        room = waiting < (most if self._reading else most // 2)
        reading = room and not (self._peer_full or self._held or self._busy)
        if reading is not self._reading:
            self._read(reading)

    def _read(self, reading: bool) -> None:
        transport = self._transport
        if reading is self._reading or transport is None or transport.is_closing():
            return
        self._reading = reading
        if reading:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._asked.clear()
        if self._caller is not None:
            self._hub.road.forget(self._caller)


def _is_loopback(peer: object) -> bool:
    """Whether an address, as the loop tells it, is of this machine; one of a file is."""
    if not isinstance(peer, tuple):
        return True
    host = str(peer[0]).removeprefix("::ffff:")
    return host == "::1" or host.startswith("127.")
