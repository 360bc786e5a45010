"""What one client does of a theme, and what it remembers of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sim.workload import Session


class Work:
    """Made when a session begins; a theme of a story has one in each session."""

    def __init__(self, session: "Session") -> None:
        """`session` has its name and its dice, and has asked nothing."""

    def next_command(self, session: "Session", publish: int) -> Any:
        """Something to ask; `publish` is the number a publish would have."""
        raise NotImplementedError

    def heard(self, command: Any, reply: Any) -> None:
        """An answer came to the session, to this theme's ask or another."""


class Forgetful(Work):
    """Asks by chance alone."""

    def __init__(self, ask: Callable[["Session", int], Any]) -> None:
        self.ask = ask

    def next_command(self, session: "Session", publish: int) -> Any:
        """What the dice say."""
        return self.ask(session, publish)
