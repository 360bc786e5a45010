"""Jobs: messages that ask for a task, and what became of them.

It stands between whoever asked and the worker's ack. The rule kept here: a result is kept in the
same step as the ack of its message, so that a job that is over has one.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import msgspec

from postroad.api.asks import Asks, Identity
from postroad.api.collections import SpaceOperations
from postroad.api.operations import Operations
from postroad.app.bodies import encoded
from postroad.app.company import NOBODY, Company, Ending
from postroad.app.failing import told
from postroad.app.outcomes import Failed, Outcome, Succeeded
from postroad.errors import JobFailed, NoResult, ResultTimeout
from postroad.limits import IDEMPOTENCY_RESULT_BYTES_MAX, RESULT_BYTES_MAX, RESULT_TEXT_MAX
from postroad.model.message import Delivery

if TYPE_CHECKING:
    from postroad.app.app import App
    from postroad.app.bodies import BodyCodec

R = TypeVar("R")

RESULT_HEADER: Final = "postroad-result"
"""For how many ms a result is to be kept; without it none is."""
WAKE_HEADER: Final = "postroad-wake"
"""The queue that is told when there is a result."""
RESULTS: Final = "results"
"""The space of keys that holds results, by the id of their job."""
RESULT_TTL_S: Final = 86_400.0


class Kept(msgspec.Struct, omit_defaults=True):
    """A result as it is kept, in JSON: the `value`, or what went wrong."""

    done: bool
    value: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    text: str = ""
    traceback: str = ""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Kept).decode
_results: Final = SpaceOperations(RESULTS)
_later: Final = Operations()
_ASKED: Final = RESULT_HEADER.encode()


class Results:
    """The companion that keeps results: where one was asked for, with the ack."""

    def wants(self, message: Delivery) -> bool:
        """Whether a result was asked for."""
        return _ASKED in message.head

    def succeeded(self, message: Delivery, result: object) -> Company:
        """The result, and word of it."""
        return self._kept(message, Succeeded(result))

    def failed(self, message: Delivery, error: BaseException, final: bool) -> Company:
        """What went wrong, where it did so for good."""
        return self._kept(message, Failed(error, told(error))) if final else NOBODY

    def _kept(self, message: Delivery, outcome: Outcome) -> Company:
        wakes = [_later.publish(queue, id) for queue, id in wake_operations([message])]
        return Company(beside=[*result_operations(message, outcome), *wakes])


class Job(Generic[R]):
    """One call of a task that a worker makes; `id` names it everywhere, as long as its broker
    lives."""

    __slots__ = ("_app", "_codec", "_wanted", "id")

    def __init__(
        self, app: "App", id: str, codec: "BodyCodec | None" = None, *, wanted: bool = True
    ) -> None:
        """Use `delay`, or `App.job`. `wanted`: a result was asked for."""
        self._app = app
        self.id = id
        self._codec = codec
        self._wanted = wanted

    def result(self, timeout_s: float | None = None) -> R:
        """What the task returned; waits for it, with a timeout at most so many seconds.

        Raises `JobFailed` where the task failed for good, `ResultTimeout`, `NoResult` where none
        was asked for, and `BlocksLoop` on a running loop.
        """
        self._check()
        link, names = self._app.link, ("job.result()", "job.aresult()")
        with self._app.waits.sleep(self.id, timeout_s) as sleep:
            while True:
                kept = link.do(lambda _: _results.get(self.id), names)
                if kept is not None:
                    return self._opened(kept)
                if not sleep.wait():
                    raise ResultTimeout(self.id, timeout_s or 0)

    async def aresult(self, timeout_s: float | None = None) -> R:
        """As `result`, for a running loop."""
        self._check()
        with self._app.waits.sleep(self.id, timeout_s) as sleep:
            while True:
                kept = await self._app.link.ado(lambda _: _results.get(self.id))
                if kept is not None:
                    return self._opened(kept)
                if not await sleep.await_():
                    raise ResultTimeout(self.id, timeout_s or 0)

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    def _check(self) -> None:
        if not self._wanted:
            raise NoResult(self.id)

    def _opened(self, text: bytes) -> R:
        kept = _decode(text)
        if not kept.done:
            raise JobFailed(self.id, kept.error, kept.text, kept.traceback)
        value = bytes(kept.value)
        if self._codec is not None:
            return cast("R", self._codec.decode_result(value))
        return cast("R", msgspec.json.decode(value))


def id_of(identity: Identity) -> str:
    """The id of the job that a message is: its first place, which it keeps through moves."""
    return f"{identity[0]}-{identity[1]}"


def result_operations(message: Delivery, outcome: Outcome) -> list[Asks[Any]]:
    """What keeps the result of a job that is over: operations for the batch that acks its message;
    none where no result was asked for.
    """
    if not message.head:
        return []
    ttl_ms = message.headers.get(RESULT_HEADER)
    if not isinstance(ttl_ms, int) or ttl_ms < 1:
        return []
    kept = _encode(_kept(outcome))
    return [_results.set(id_of(message.identity), kept, ttl_ms=ttl_ms)]


def wake_operations(messages: Iterable[Delivery]) -> list[tuple[str, str]]:
    """Whom to tell that these are over: (queue, id of the job). Whoever asked may be gone, and its
    queue with it.
    """
    found: list[tuple[str, str]] = []
    for message in messages:
        queue = message.headers.get(WAKE_HEADER) if message.head else None
        if isinstance(queue, str):
            found.append((queue, id_of(message.identity)))
    return found


def result_of(ending: Ending) -> bytes:
    """A result as it is kept for duplicates; empty where it is too large, or no JSON."""
    most = RESULT_BYTES_MAX if ending.companions else IDEMPOTENCY_RESULT_BYTES_MAX
    try:
        found = encoded(ending.result, "the result")
    except TypeError:
        return b""
    return found if len(found) <= most else b""


def _kept(outcome: Outcome) -> Kept:
    if isinstance(outcome, Succeeded):
        try:
            value = encoded(outcome.result, "the result")
        except TypeError as error:
            return Kept(False, error="TypeError", text=str(error))
        if len(value) <= RESULT_BYTES_MAX:
            return Kept(True, msgspec.Raw(value))
        text = f"the result has {len(value):,} bytes, and {RESULT_BYTES_MAX:,} are kept at most"
        return Kept(False, error="ValueError", text=text)
    name = type(outcome.error).__qualname__
    # Half a character, as some JSON and names of files have, has no form in JSON.
    text = str(outcome.error).encode(errors="backslashreplace").decode()
    return Kept(False, error=name, text=text[:RESULT_TEXT_MAX], traceback=outcome.text)
