"""What is wrong with how tasks are declared or called.

It stands at the bottom of the road. The rule kept here: each message is one line that says what
happened, to which thing, and what to do.
"""

from postroad.errors.broken import PostroadError


class BadWorker(PostroadError):  # noqa: N818  (the name is the sentence)
    """A worker is declared in a way that cannot work."""


class BlocksLoop(PostroadError):  # noqa: N818
    """A call that waits was made on a running event loop, which would stand still meanwhile."""

    def __init__(self, blocking: str, awaited: str) -> None:
        """Name the call, and the one to await instead."""
        super().__init__(
            f"`{blocking}` would hold up the running event loop; use `await {awaited}`"
        )


class JobFailed(PostroadError):  # noqa: N818
    """The task of a job failed for good; `error` is the name of what it raised, `text` what that
    said, `traceback` the end of its traceback, as text.
    """

    def __init__(self, id: str, error: str, text: str, traceback: str) -> None:
        """Say what the task raised."""
        super().__init__(f"job `{id}` failed: {error}: {text}")
        self.id = id
        self.error = error
        self.text = text
        self.traceback = traceback


class ResultTimeout(PostroadError, TimeoutError):  # noqa: N818
    """A job had no result within the time that was given it; it may have one later."""

    def __init__(self, id: str, timeout_s: float) -> None:
        """Name the job and the time."""
        super().__init__(f"job `{id}` has no result after {timeout_s:g} s; ask again later")
        self.id = id


class RequestFailed(PostroadError):  # noqa: N818
    """A request was answered, but not with what was asked for: its task failed for good. `error` is
    the name of what it raised, `text` what that said.
    """

    def __init__(self, queue: str, error: str, text: str) -> None:
        """Say what the task raised."""
        super().__init__(f"the request to queue `{queue}` failed: {error}: {text}")
        self.queue = queue
        self.error = error
        self.text = text


class RequestTimeout(PostroadError, TimeoutError):  # noqa: N818
    """A request had no reply within its time; whether its task ran is not known."""

    def __init__(self, queue: str, timeout_s: float) -> None:
        """Name the queue and the time."""
        super().__init__(
            f"queue `{queue}` had no reply after {timeout_s:g} s; see whether a worker is at work"
        )
        self.queue = queue


class NoResult(PostroadError):  # noqa: N818
    """No result is kept of this job, for none was asked for."""

    def __init__(self, id: str) -> None:
        """Say how to ask."""
        super().__init__(f"no result is kept of job `{id}`: call `delay` with `result=True`")
        self.id = id


class ClaimLost(PostroadError):  # noqa: N818
    """A message whose body was kept aside has none any more, or another one; the text says what was
    found. Publish it again.
    """
