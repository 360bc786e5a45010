"""Rules that look on: they hear every ask and every answer, whoever else judges it."""

from typing import Any

from tests.sim.copies import Asked

Read = Any
"""Asks something at an audit, when nothing else is on its way, and gives back the answer."""


class Watcher:
    """Hears all and says nothing, until it raises `Violation`."""

    def asked(self, ask: Asked) -> None:
        """A session asks."""

    def answered(self, ask: Asked, reply: Any, _now: int, event: int) -> None:
        """A session hears an answer; of a consumer there are several."""

    def unknown(self, ask: Asked, until: int) -> None:
        """Nobody will tell what becomes of an ask, or became of it before the event `until`."""

    def forgotten(self, session: int) -> None:
        """A session is gone."""

    def died(self, now: int) -> None:
        """The process is gone, and `now` was its last instant."""

    def began(self, now: int) -> None:
        """A new life begins."""

    def audit(self, read: Read, now: int, event: int) -> None:
        """Nothing is on its way, and `read` may ask."""

    def end(self, read: Read) -> None:
        """The story ends: nothing may hold up messages, or keep any, from here on."""
