"""The versions of the schema of each queue or topic that ever had one.

One rule: versions count from 1 and only grow; the last `SCHEMA_VERSIONS_MAX` of them are kept.
"""

from collections.abc import Iterator

import msgspec

from postroad.core.ledger import Ledger, Row
from postroad.core.realm import Realm
from postroad.limits import SCHEMA_VERSIONS_MAX


class SchemaVersion(Row):
    """One version; an empty `text` says that there is no schema from here on."""

    def __init__(self, destination: int, version: int, text: str, made_ms: int) -> None:
        super().__init__(b"j" + destination.to_bytes(8, "big") + version.to_bytes(8, "big"))
        self.version = version
        self.text = text
        self.made_ms = made_ms

    def encode(self) -> bytes:
        """The row of a version."""
        return msgspec.msgpack.encode([self.text, self.made_ms])


class Schemas(Realm):
    """Versions by the number of their queue or topic. `active`: the texts publishes are held to,
    derived."""

    kinds = b"j"

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.versions: dict[int, list[SchemaVersion]] = {}
        self.active: dict[int, str] = {}

    def add(self, destination: int, version: SchemaVersion) -> None:
        """A new version; the oldest goes where there are too many."""
        known = self.versions.setdefault(destination, [])
        known.append(version)
        self.ledger.touch(version)
        if len(known) > SCHEMA_VERSIONS_MAX:
            self.ledger.drop(known.pop(0))
        self._choose(destination)

    def drop(self, destination: int) -> None:
        """The queue or topic is gone."""
        for version in self.versions.pop(destination, []):
            self.ledger.drop(version)
        self.active.pop(destination, None)

    def rows(self) -> Iterator[Row]:
        """Every row there is."""
        for known in self.versions.values():
            yield from known

    def load(self, kind: bytes, key: bytes, value: bytes) -> None:  # noqa: ARG002
        """Take a row of a checkpoint."""
        destination, version = int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")
        text, made_ms = msgspec.msgpack.decode(value)
        loaded = SchemaVersion(destination, version, text, made_ms)
        self.versions.setdefault(destination, []).append(loaded)
        self._choose(destination)

    def check(self) -> None:
        """Everything that must hold between steps."""
        for destination, known in self.versions.items():
            numbers = [version.version for version in known]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "none is missing"
            assert self.active.get(destination, "") == known[-1].text, "the last one counts"

    def _choose(self, destination: int) -> None:
        text = self.versions[destination][-1].text
        if text:
            self.active[destination] = text
        else:
            self.active.pop(destination, None)
