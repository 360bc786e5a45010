"""Read a data directory as it lies there: each record in words, or the file and byte of damage.

It stands over the journal's own walk and the core's codec. The rule kept here: nothing is changed,
and reading goes on behind damage.
"""

import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from postroad.core.codec import AnyRecord, BadPayload, decode_group
from postroad.disk.real import RealDisk
from postroad.errors import DirectoryUnusable
from postroad.journal.check import Finding, What, check_journal
from postroad.journal.envelope import CLAIM, Envelope, Filter
from postroad.journal.lock import lock_directory
from postroad.model.value import value
from postroad.server.rehearsal import Rehearsed, rehearse

JOURNAL_FOLDER: Final = "journal"
"""Where in a data directory the journal's files are."""
_FIELD_CHARS: Final = 60


@value
class Explained:
    """A finding of the journal and, where it ends one or more whole steps, their records."""

    finding: Finding
    steps: list[list[AnyRecord]]
    damage: str = ""

    def lines(self) -> list[str]:
        """Return it for people: the finding, then each record under it."""
        found = self.finding
        place = f"{Path(found.file).name} byte {found.offset:,}"
        position = "" if found.position is None else f" position {found.position}"
        words = [f"{found.what}{position}, {place}, {found.size_bytes:,} bytes"]
        if found.group is not None:
            kind = "claim" if found.group.kind == CLAIM else f"n {found.group.n}"
            words.append(f"epoch {found.group.epoch} {kind}")
        words.extend(why for why in (found.why, self.damage) if why)
        lines = [": ".join(words)]
        for step in self.steps:
            lines.extend(
                f"  {'-' if index == 0 else ' '} {record_line(record)}"
                for index, record in enumerate(step)
            )
        return lines

    def damages(self) -> list[str]:
        """Return what is wrong here and where, in a line; nothing when all is well."""
        found = self.finding
        if found.what is What.NEWER:
            place = f"the file `{found.file}` was written by a newer Postroad"
            return [f"{place}: at byte {found.offset:,} {found.why}"]
        why = self.damage or (found.why if found.what is What.DAMAGE else "")
        return (
            [f"the file `{found.file}` is damaged at byte {found.offset:,}: {why}"] if why else []
        )

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        found = self.finding
        return {
            "what": str(found.what),
            "file": found.file,
            "offset": found.offset,
            "size_bytes": found.size_bytes,
            "position": found.position,
            "epoch": None if found.group is None else found.group.epoch,
            "damage": self.damages(),
            "steps": [[record_line(record) for record in step] for step in self.steps],
        }


@value
class Summary:
    """What a whole directory holds; `damage`: one line per damaged place."""

    segments: int
    groups: int
    records: dict[str, int]
    torn_bytes: int
    sealed: bool
    damage: list[str]

    def line(self) -> str:
        """Return the counts in one line."""
        end = "cleanly stopped" if self.sealed else "not sealed: a crash, or a start since"
        torn = f", {self.torn_bytes:,} torn bytes at the end" if self.torn_bytes else ""
        return f"segments: {self.segments:,}, groups: {self.groups:,}, {end}{torn}"

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        return {
            "segments": self.segments,
            "groups": self.groups,
            "records": self.records,
            "torn_bytes": self.torn_bytes,
            "sealed": self.sealed,
            "damage": self.damage,
        }


def findings(data: Path) -> Iterator[Explained]:
    """Yield what the journal of a data directory holds, in order.

    Raises `DirectoryLocked` when a process has it open, and `DirectoryUnusable`.
    """
    disk = RealDisk()
    with _held(disk, data):
        steps = _Steps()
        for finding in check_journal(disk, str(data / JOURNAL_FOLDER)):
            yield steps.explain(finding)


def rehearsed(data: Path) -> Rehearsed:
    """Return what a start would find. Raises `PostroadError` when it would not start."""
    disk = RealDisk()
    with _held(disk, data):
        return rehearse(disk, data, str(data / JOURNAL_FOLDER))


def is_data(directory: Path) -> bool:
    """Tell whether a directory is a data directory."""
    return (directory / JOURNAL_FOLDER).is_dir()


@contextmanager
def _held(disk: RealDisk, data: Path) -> Iterator[None]:
    lock = None
    try:
        try:
            lock = lock_directory(disk, str(data), os.getpid())
        except OSError as error:
            # Where nothing can be written nobody writes: a copy on a medium for reading only.
            if error.errno != errno.EROFS:
                raise
        yield
    except OSError as error:
        raise DirectoryUnusable(str(data), error) from error
    finally:
        if lock is not None:
            lock.release()


def summary(found: Iterable[Explained]) -> Summary:
    """Count what was found."""
    damage: list[str] = []
    whats: Counter[What] = Counter()
    records: Counter[str] = Counter()
    torn_bytes = 0
    sealed = False
    for one in found:
        finding = one.finding
        whats[finding.what] += 1
        records.update(type(record).__name__ for step in one.steps for record in step)
        torn_bytes += finding.size_bytes if finding.what is What.TORN else 0
        # A seal counts while nothing was written behind it.
        sealed = finding.what is What.SEAL or (sealed and finding.what is What.SEGMENT)
        damage.extend(one.damages())
    return Summary(
        whats[What.SEGMENT],
        whats[What.GROUP],
        dict(sorted(records.items())),
        torn_bytes,
        sealed,
        damage,
    )


def record_line(record: AnyRecord) -> str:
    """Return a record in one line: its kind and its fields, long ones cut."""
    fields = ((name, getattr(record, name)) for name in record.__struct_fields__)
    return type(record).__name__ + " " + " ".join(f"{name}={_cut(one)}" for name, one in fields)


class _Steps:
    """Puts steps together that go over several groups."""

    def __init__(self) -> None:
        self._filter: Filter | None = None
        self._begun = False

    def explain(self, finding: Finding) -> Explained:
        group = finding.group
        if group is None:
            return Explained(finding, [])
        if self._filter is None or finding.position is None:
            # Behind damage, and behind what was trimmed, the count goes on from what is there.
            epoch = group.epoch - 1 if group.kind == CLAIM else group.epoch
            self._filter = Filter(epoch, group.n - 1, group.now_ms)
        payload = self._filter.feed(group)
        if payload is None:
            return Explained(finding, [])
        try:
            steps = decode_group(payload)
        except BadPayload as error:
            why = "" if self._may_be_a_rest(finding, group) else f"these are no records: {error}"
            return Explained(finding, [], why)
        self._begun = True
        return Explained(finding, steps)

    def _may_be_a_rest(self, finding: Finding, group: Envelope) -> bool:
        """Tell whether the beginning of the step may be trimmed away, or be damaged itself."""
        return finding.position is None or (not self._begun and group.n > 1)


def _cut(one: object) -> str:
    if isinstance(one, bytes) and len(one) > _FIELD_CHARS // 4:
        return f"<{len(one):,} bytes>"
    shown = str(one) if not isinstance(one, bytes) else one.hex() or "-"
    return shown if len(shown) <= _FIELD_CHARS else shown[: _FIELD_CHARS - 1] + "…"
