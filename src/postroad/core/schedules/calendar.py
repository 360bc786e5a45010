"""Who can read the words of cron in the time of a zone.

One rule: the core asks while it decides and never when it applies; who answers does no I/O that
changes anything, and says the same whenever it is asked the same.
"""

ABSENT = "nobody here can read cron; use an interval"


class Calendar:
    """The one that stands in where nobody can: it knows no slot."""

    def fault(self, cron: str, zone: str) -> str | None:  # noqa: ARG002
        """Why there are no such slots, or `None`."""
        return ABSENT

    def after(self, cron: str, zone: str, ms: int) -> int:  # noqa: ARG002
        """The first slot after an instant, in ms; 0: there is none."""
        return 0

    def newest(self, cron: str, zone: str, span_ms: tuple[int, int], most: int) -> list[int]:  # noqa: ARG002
        """The slots from an instant up to another one, in order; the last `most` of them."""
        return []
