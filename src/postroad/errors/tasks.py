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
