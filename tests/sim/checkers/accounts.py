"""The balance at an audit: what is there must be what may be there, and all that must."""

from collections import defaultdict
from typing import TYPE_CHECKING

from postroad.model import replies
from postroad.model.replies import PeekedMessage
from tests.sim.copies import Copy, Fate, Violation

if TYPE_CHECKING:
    from tests.sim.checker import Checker


class Snapshot:
    """All there is at one moment: queues, their messages, and where tasks are moving them."""

    def __init__(self) -> None:
        self.described: dict[str, replies.Described] = {}
        self.seen: dict[str, list[PeekedMessage]] = {}
        self.moving: dict[str, set[str]] = {}


class Accounts:
    """Messages that are there, against all that is known of them."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker

    def audit(self, snapshot: Snapshot, now: int) -> None:
        """Nothing is on its way: what is there must be what may be there, and all that must."""
        for name, view in self.checker.known.views.items():
            gone = name not in snapshot.described
            if gone and view.sure and not view.maybe_deleted and not view.fleeting:
                raise Violation(f"queue `{name}` was declared and is not there")
        found = self._find(snapshot, now)
        self._believe_whole(found)
        missing: dict[str, list[Copy]] = defaultdict(list)
        for copy in self.checker.known.copies.values():
            if copy.fate in (Fate.GONE, Fate.REFUSED):
                continue
            if id(copy) not in found and not self.checker.known.excused(copy, now):
                missing[copy.home].append(copy)
        self._excuse_pops(missing)
        self._settle_accounts(found, snapshot)

    def _find(self, snapshot: Snapshot, now: int) -> dict[int, str]:
        """Where each copy that is there is; each may be there, and in one place."""
        found: dict[int, str] = {}
        for name, messages in snapshot.seen.items():
            self._count_states(snapshot.described[name], messages)
            for peeked in messages:
                copy = self.checker.recognise(name, peeked.message)
                if copy.fate is Fate.GONE and not copy.backs:
                    raise Violation(f"{copy} is back in `{name}`, {peeked.state}")
                if id(copy) in found:
                    raise Violation(f"{copy} is in `{found[id(copy)]}` and in `{name}`")
                if name not in self.checker.known.reach(copy.home):
                    raise Violation(f"{copy} was in `{copy.home}` and is in `{name}`")
                self._overdue(copy, peeked, now)
                found[id(copy)] = name
        return found

    def _believe_whole(self, found: dict[int, str]) -> None:
        """A publish is atomic: one of its messages seen, and all of them are promised."""
        seen = (Fate.THERE, Fate.GONE)
        copies = self.checker.known.copies.values()
        whole = {copy.publish for copy in copies if id(copy) in found or copy.fate in seen}
        for copy in copies:
            if copy.fate is Fate.DOUBTFUL and copy.publish in whole and not copy.alone:
                copy.fate = Fate.THERE

    def _overdue(self, copy: Copy, peeked: PeekedMessage, now: int) -> None:
        moved = peeked.message.note is not None
        if peeked.state in ("ready", "delayed") and not moved and copy.expires_ms < now:
            raise Violation(f"{copy} should have expired {now - copy.expires_ms} ms ago")
        if peeked.state == "delayed" and peeked.due_ms <= now:
            raise Violation(f"{copy} should be ready since {now - peeked.due_ms} ms")

    def _excuse_pops(self, missing: dict[str, list[Copy]]) -> None:
        for home, copies in missing.items():
            budget = sum(
                self.checker.known.view(name).pops_lost for name in self.checker.known.reach(home)
            )
            if len(copies) > budget:
                text = ", ".join(map(repr, copies[:5]))
                raise Violation(f"{len(copies)} messages are lost, {budget} may be: {text}")

    def _settle_accounts(self, found: dict[int, str], snapshot: Snapshot) -> None:
        known = self.checker.known
        for copy in known.copies.values():
            copy.backs = copy.backs and copy.queue in snapshot.moving
            copy.ends = 0
            if copy.fate in (Fate.GONE, Fate.REFUSED) and id(copy) not in found:
                continue
            if id(copy) in found:
                copy.fate = Fate.THERE
                copy.home = found[id(copy)]
            else:
                copy.end(self.checker.event)
        for name, view in known.views.items():
            view.pops_lost = 0
            view.targets = snapshot.moving.get(name, set())
            described = snapshot.described.get(name)
            view.sure = described is not None
            view.sure_since = self.checker.event if view.sure else 0
            view.maybe_deleted = False
            view.settings = [] if described is None else [described.settings]

    def _count_states(self, described: replies.Described, messages: list[PeekedMessage]) -> None:
        states = [peeked.state for peeked in messages]
        for state in ("ready", "delayed", "leased", "dead"):
            if states.count(state) != getattr(described, state):
                raise Violation(f"{described} shows {states.count(state)} {state} messages")
