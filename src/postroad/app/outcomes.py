"""What a run of a task can come to, and the words in which a task says so itself.

It stands below the run. The rule kept here: an exception that is none of these is a failure like
any other, and the retry policy decides.
"""

from postroad.model.message import Delivery
from postroad.model.value import value


class Verdict(Exception):  # noqa: N818  (not an error: what a task wants to become of its message)
    """What a task may raise to say what becomes of its message."""


class RetryAfter(Verdict):
    """The work failed; run it again after so many seconds. It counts as an attempt."""

    def __init__(self, seconds: float, reason: str = "") -> None:
        if seconds < 0:
            raise ValueError(f"a task is run again after 0 seconds or more, not {seconds}")
        super().__init__(reason or f"again after {seconds:g} s")
        self.seconds = seconds


class RetryNow(RetryAfter):
    """The work failed; run it again at once. It counts as an attempt."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(0, reason or "again at once")


class Reject(Verdict):
    """The work cannot be done: the message goes to the dead letters now, with this reason."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "rejected by its task")


class JobTimedOut(Exception):  # noqa: N818  (the name is the sentence)
    """A run took longer than its worker's `timeout_s`."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"the task ran longer than {timeout_s:g} s")


class BadBody(Exception):  # noqa: N818  (the name is the sentence)
    """A message's body is nothing that its task takes; the text says why."""


@value
class Failing:
    """A message whose work failed: for good (`rejected`), or until `after_ms` (`None`: as its queue
    says)."""

    message: Delivery
    rejected: bool
    after_ms: int | None
    failure: str


@value
class Succeeded:
    """The task returned `result`."""

    result: object


@value
class Failed:
    """The task raised `error` and will not run again; `text` is what is told of it: the end of its
    traceback."""

    error: BaseException
    text: str


Outcome = Succeeded | Failed
"""What a message that is over has come to."""
