"""What exchanges promise: a publish is in exactly the queues its answer names, and those are the
ones whose bindings fit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from postroad.model import exchanges as x
from postroad.model.replies import Refused
from tests.sim.checkers.registers import Register
from tests.sim.copies import FOREVER_MS, Asked, Copy, Fate, Violation

if TYPE_CHECKING:
    from tests.sim.checker import Checker

Binding = tuple[str, str, str]
"""Exchange, key, and the queue it leads to."""
FANOUT, DIRECT, TOPIC = "all", "exact", "words"
SOURCES = (FANOUT, DIRECT, TOPIC)
TARGETS = ("plain", "work", "dead", "waits")


class ExchangeRules:
    """Bindings as registers of whether they are there."""

    asks = (
        *(x.Bind, x.Unbind, x.PublishTo, x.DeclareExchange, x.ChangeExchange, x.DeleteExchange),
        *(x.ChangeBinding, x.ListBindings),
    )

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.bindings: dict[Binding, Register] = {}

    def asked(self, ask: Asked) -> None:
        """A binding comes or goes, or something is published."""
        command = ask.command
        if not _is_ours(command):
            return
        if isinstance(command, x.PublishTo):
            targets = TARGETS if command.exchange in SOURCES else _named(command)
            self._will_publish(ask, command, targets)
            return
        if not isinstance(command, x.Bind | x.Unbind):
            return
        place = (command.source, command.key, command.target)
        register = self.bindings.setdefault(place, Register(value=False))
        ask.writes.append((place, register.write(isinstance(command, x.Bind), ask.event)))

    def answered(self, ask: Asked, reply: Any, now: int, event: int) -> None:
        """It is so, or was refused."""
        if not _is_ours(ask.command):
            return
        if isinstance(reply, x.Routed):
            self._routed(ask, reply, now)
            return
        for copy in ask.copies:
            if copy.fate not in (Fate.ASKED, Fate.DOUBTFUL):
                raise Violation(f"{copy} was seen and then refused")
            copy.fate = Fate.REFUSED
        for place, one in ask.writes:
            if isinstance(reply, Refused):
                self.bindings[place].refuse(one)
            else:
                self.bindings[place].confirm(one, event)

    def unknown(self, ask: Asked, until: int) -> None:
        """Nobody will tell."""
        if not _is_ours(ask.command):
            return
        for place, one in ask.writes:
            self.bindings[place].doubt(one, until)
        for copy in ask.copies:
            if copy.fate is Fate.ASKED:
                copy.fate = Fate.DOUBTFUL

    def audit(self, read: Any, _now: int, event: int) -> None:
        """All is quiet: these are the bindings."""
        if not self.bindings:
            return
        listed = read(x.ListBindings()).bindings
        there = {(one.source, one.key, one.target) for one in listed}
        for place, register in self.bindings.items():
            if (place in there) not in register.may_be(event, 0, 0):
                raise Violation(f"binding {place} is {place in there}: {register.writes}")
            register.settle(place in there, event)

    def _will_publish(self, ask: Asked, command: x.PublishTo, targets: Sequence[str]) -> None:
        known = self.checker.known
        for name in targets:
            for index, body in enumerate(command.bodies):
                copy = Copy(int(body.partition(b".")[0]), index, name, body, b"")
                copy.expires_ms = FOREVER_MS
                # It may be that this queue gets none of it.
                copy.alone = True
                known.copies[(copy.publish, index, name)] = copy
                ask.copies.append(copy)

    def _routed(self, ask: Asked, reply: x.Routed, now: int) -> None:
        count = len(ask.command.bodies)
        by_name = {copy.queue: copy for copy in ask.copies}
        got: dict[str, dict[int, tuple[int, int]]] = {name: {} for name in by_name}
        names = self.checker.tap.names
        for group in reply.groups:
            indexes = range(count) if group.indexes is None else group.indexes
            for queue, first in group.places:
                for at, index in enumerate(indexes):
                    mine = got.setdefault(names[queue], {})
                    if index in mine:
                        raise Violation(f"{index} of {ask.command} is twice in {names[queue]}")
                    mine[index] = (queue, first + at)
        for copy in ask.copies:
            place = got[copy.queue].get(copy.index)
            self._fits(ask, copy, place is not None, now)
            if place is None:
                if copy.fate is not Fate.ASKED:
                    raise Violation(f"{copy} was seen where its publish did not go")
                copy.fate = Fate.REFUSED
                continue
            if copy.place not in (None, place) or copy.publish not in self.checker.tap.publishes:
                raise Violation(f"{copy} is said to be at {place}")
            copy.place = copy.spot = place
            copy.published_ms = reply.published_ms
            if copy.fate is Fate.ASKED:
                copy.fate = Fate.THERE

    def _fits(self, ask: Asked, copy: Copy, came: bool, now: int) -> None:
        """Where a message went some binding may fit; where it did not, none does for certain."""
        keys = ask.command.routing_keys
        key = keys[copy.index if len(keys) > 1 else 0]
        may = must = False
        if not ask.command.exchange and not came and self.checker.known.view(copy.queue).sure:
            raise Violation(f"{copy} did not go where its key names a queue")
        may = may or not ask.command.exchange
        for (source, pattern, target), register in self.bindings.items():
            if (
                source == ask.command.exchange
                and target == copy.queue
                and fits(source, pattern, key)
            ):
                states = register.may_be(ask.event, ask.now, now)
                may = may or True in states
                must = must or False not in states
        if came and not may:
            raise Violation(f"{copy} went where no binding of {ask.command.exchange} leads")
        view = self.checker.known.view(copy.queue)
        if must and not came and view.sure and not view.maybe_deleted:
            raise Violation(f"{copy} with key {key} did not go where a binding leads")


def _is_ours(command: Any) -> bool:
    """Whether it is about the exchanges these rules know, or none."""
    if isinstance(command, x.PublishTo):
        return command.exchange in ("", *SOURCES)
    return not isinstance(command, x.Bind | x.Unbind) or command.source in SOURCES


def _named(command: x.PublishTo) -> Sequence[str]:
    """The queues that the keys themselves name."""
    return () if command.exchange else tuple(dict.fromkeys(command.routing_keys))


def fits(source: str, pattern: str, key: str) -> bool:
    """Whether a binding of one of the exchanges of a story fits a key."""
    if source == FANOUT:
        return True
    if source == DIRECT:
        return pattern == key
    return _words_fit(pattern.split("."), key.split("."))


def _words_fit(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_words_fit(pattern[1:], words[at:]) for at in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _words_fit(pattern[1:], words[1:])
