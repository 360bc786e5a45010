"""A failure's way: what becomes of a message whose task raised, and what is told of it.

It stands between a run and its settling. The rule kept here: it depends on the error, the attempt
and the worker's options alone.
"""

import traceback
from types import TracebackType

from postroad.app.outcomes import BadBody, Failing, Reject, RetryAfter
from postroad.app.retry import Retry
from postroad.limits import FAILURE_CHARS_MAX
from postroad.model.message import Delivery


def failing_of(message: Delivery, error: BaseException, retry: Retry, attempts: int) -> Failing:
    """What becomes of a message after its task raised `error`; `attempts`: how many may fail."""
    if isinstance(error, Reject):
        return Failing(message, True, None, told(error))
    if isinstance(error, BadBody):
        return Failing(message, True, None, told(error))
    last = message.delivery_count >= attempts
    failure = told(error) if last else ""
    if isinstance(error, RetryAfter):
        return Failing(message, False, round(error.seconds * 1_000), failure)
    return Failing(message, False, retry.after_ms(message.delivery_count), failure)


def is_final(failing: Failing, attempts: int) -> bool:
    """Whether the message is dead by it."""
    return failing.rejected or failing.message.delivery_count >= attempts


def told(error: BaseException) -> str:
    """The end of an error's traceback, from the task's own frames on."""
    if isinstance(error, BadBody):
        return _bounded(f"bad body: {error}")
    trace = _own_frames(error.__traceback__)
    lines = traceback.format_exception(type(error), error, trace)
    return _bounded("".join(lines).rstrip())


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without what leads to the task, which is the same for all of them."""
    own = trace
    while own is not None and own.tb_frame.f_globals.get("__name__", "").startswith("postroad.app"):
        own = own.tb_next
    return own or trace


def _bounded(text: str) -> str:
    if not text.isascii():
        # Half a character, as some JSON and names of files have, is shown as Python shows it.
        text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= FAILURE_CHARS_MAX else text[-FAILURE_CHARS_MAX:]
