"""What each kind of entity owes the state: its rows, how they are read back, and what must hold.

One rule: queues, topics, exchanges and kv know of each other only what is said here; the state
goes through its realms in order. Compiled by mypyc where possible.
"""

from collections.abc import Iterator

from mypy_extensions import mypyc_attr

from postroad.core.ledger import Row


@mypyc_attr(allow_interpreted_subclasses=True)
class Realm:
    """One kind of entity. `kinds`: the first bytes of the keys of its rows."""

    kinds: bytes = b""

    def rows(self) -> Iterator[Row]:
        """Every row there is."""
        return iter(())

    def load(self, kind: bytes, key: bytes, value: bytes) -> None:  # noqa: ARG002
        """Take a row of a checkpoint; `key` without its first byte. Rows of one kind come in order
        of their keys, kinds in the order of `kinds`, after all rows of queues and shelves."""
        raise AssertionError("each realm reads its own rows")

    def derive(self) -> None:
        """All rows are there: what they do not say is derived."""

    def check(self) -> None:
        """Everything that must hold between steps."""
