"""Broken promises of a connection: what a program may catch where the broker is served.

It stands at the bottom of the road. The rule kept here: each message says whether what was asked
may have been done all the same.
"""

from postroad.errors.broken import PostroadError


class NotConnected(PostroadError):  # noqa: N818  (the name is the sentence)
    """No server answers there; what was asked was never sent."""

    def __init__(self, where: str, why: str) -> None:
        """Name the address and what stood in the way."""
        super().__init__(
            f"no connection to the server at {where}: {why};"
            " see that `postroad serve` runs there, and that the address is right"
        )
        self.where = where
        self.why = why


class NotWelcome(PostroadError):  # noqa: N818
    """The server turned this client away: another name or password is wanted, or another
    version.
    """

    def __init__(self, where: str, why: str) -> None:
        """Name the address and what the server said."""
        super().__init__(f"the server at {where} turned this client away: {why}")
        self.where = where
        self.why = why


class ConnectionLost(PostroadError):  # noqa: N818
    """The connection was lost before the reply came: what was asked may have been done, or not."""

    def __init__(self, asked: str, why: str) -> None:
        """Name what was asked, and what became of the connection."""
        super().__init__(
            f"the connection was lost before the reply to `{asked}` came ({why}): it may have"
            " been done, or not; look before you ask again, or publish with a `dedup_id` to a"
            " queue with a `dedup_window_ms`, which is asked again by itself"
        )
        self.asked = asked
        self.why = why


class TimedOut(PostroadError):  # noqa: N818
    """No reply came in time; `sent`: what was asked had been sent, so that it may have been
    done.
    """

    def __init__(self, asked: str, waited_ms: int, *, sent: bool) -> None:
        """Name what was asked, how long it waited, and whether the server may know of it."""
        outcome = "it may have been done, or not" if sent else "it was never sent"
        super().__init__(
            f"no reply to `{asked}` came in {waited_ms:,} ms: {outcome};"
            " see to the server, or connect with a longer `timeout_s`"
        )
        self.asked = asked
        self.waited_ms = waited_ms
        self.sent = sent


class ReplyNotSent(PostroadError):  # noqa: N818
    """What was asked was done, but its reply is too large for the connection."""

    def __init__(self, asked: str, why: str) -> None:
        """Name what was asked, and what the server said."""
        super().__init__(
            f"`{asked}` was done, but its reply cannot be sent ({why}); ask for less at once"
        )
        self.asked = asked
        self.why = why


class NotRemote(PostroadError):  # noqa: N818
    """This is done only in the process that holds the data directory."""

    def __init__(self, what: str, instead: str) -> None:
        """Say what cannot travel, and what to do instead."""
        super().__init__(f"{what} only where the broker is embedded; {instead}")


class BadUrl(PostroadError):  # noqa: N818
    """This is no address of a server."""

    def __init__(self, url: str, why: str) -> None:
        """Name what was given, without its password, and what is wrong with it."""
        super().__init__(
            f"`{url}` is no address of a server: {why};"
            " write `postroad://host:7420` or `postroad+unix:///data/postroad.sock`"
        )
