"""What exchanges of every kind promise, however many are on the way: a message is where bindings
lead, delayed as it says, and one hash leads to one place."""

from typing import TYPE_CHECKING, Any

from postroad.model import exchanges as x
from postroad.model import replies, topics
from postroad.model.message import headers_of
from postroad.model.replies import Refused, Why
from tests.sim.checkers.registers import Register
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import Asked, Copy, Fate, Violation
from tests.sim.workloads.ways import EXCHANGES, FIRST, HASH, HEADS, REST, SLOW, STREAM, TARGETS

if TYPE_CHECKING:
    from tests.sim.checker import Checker

Binding = tuple[str, str, str, tuple[tuple[str, Any], ...]]
"""Source, target, key and arguments."""
Reached = set[str]


class WayRules(Watcher):
    """`bindings`: registers of whether they are there. `stream`: of each body that may be in the
    topic, whether it must; `spread`: where a key went, by the bindings that were there."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.used = False
        self.bindings: dict[Binding, Register] = {}
        self.stream: dict[bytes, bool] = {}
        self.spread: dict[tuple[str, frozenset[Binding]], str] = {}
        self.rest = False

    def asked(self, ask: Asked) -> None:
        """A binding comes or goes, or something is published."""
        command = ask.command
        if _is_binding(command):
            self.used = True
            register = self.bindings.setdefault(_place(command), Register(value=False))
            ask.writes.append(
                (_place(command), register.write(isinstance(command, x.Bind), ask.event))
            )
        elif _goes_here(command):
            self._will_publish(ask)

    def answered(self, ask: Asked, reply: Any, now: int, event: int) -> None:
        """It is so, or was refused."""
        command = ask.command
        if _is_binding(command):
            for place, write in ask.writes:
                if isinstance(reply, Refused):
                    self.bindings[place].refuse(write)
                else:
                    self.bindings[place].confirm(write, event)
        elif isinstance(command, x.DeclareExchange) and isinstance(reply, replies.Declared):
            self.rest = self.rest or command.name == REST
        elif _goes_here(command):
            self._published(ask, reply, now)

    def unknown(self, ask: Asked, until: int) -> None:
        """Nobody will tell."""
        if _is_binding(ask.command):
            for place, write in ask.writes:
                self.bindings[place].doubt(write, until)
        elif _goes_here(ask.command):
            for copy in ask.copies:
                if copy.fate is Fate.ASKED:
                    copy.fate = Fate.DOUBTFUL

    def audit(self, read: Read, _now: int, event: int) -> None:
        """All is quiet: these are the bindings, and this is what the topic has."""
        if not self.used:
            return
        listed = read(x.ListBindings()).bindings
        there = {(one.source, one.target, one.key, _packed(one.arguments)) for one in listed}
        for place, register in self.bindings.items():
            if (place in there) not in register.may_be(event, 0, 0):
                raise Violation(f"binding {place} is {place in there}: {register.writes}")
            register.settle(place in there, event)
        counts: dict[bytes, int] = {}
        for number in (0, 1):
            for body in _all_of(read, number):
                counts[body] = counts.get(body, 0) + 1
        for body, must in self.stream.items():
            count = counts.pop(body, 0)
            if count > 1 or (must and not count):
                raise Violation(f"{body[:20]!r} is {count} times in {STREAM}")
        if counts:
            raise Violation(f"{list(counts)[:3]} went to {STREAM}, and nothing leads there")

    def end(self, read: Read) -> None:
        """The topic goes."""
        if self.used:
            read(topics.DeleteTopic(STREAM))
            self.stream.clear()
            self.bindings.clear()

    def _will_publish(self, ask: Asked) -> None:
        command = ask.command
        self.checker.topics.hoped.update(command.bodies)
        for name in TARGETS:
            for index, body in enumerate(command.bodies):
                head = b"" if command.heads is None else command.heads[index]
                copy = Copy(int(body.partition(b".")[0]), index, name, body, head)
                copy.alone = True
                if getattr(command, "exchange", "") == SLOW:
                    copy.delay_ms = int(str(headers_of(head)[x.DELAY_HEADER]))
                self.checker.known.copies[copy.publish, index, name] = copy
                ask.copies.append(copy)
        for body in command.bodies:
            self.stream[body] = False

    def _published(self, ask: Asked, reply: Any, now: int) -> None:
        command = ask.command
        reached = [self._reach(ask, index, now) for index in range(len(command.bodies))]
        if isinstance(reply, Refused):
            if reply.why is Why.UNROUTABLE and all(must for _, must in reached):
                raise Violation(f"all of {command} has somewhere to go: {reply}")
            for copy in ask.copies:
                if copy.fate not in (Fate.ASKED, Fate.DOUBTFUL):
                    raise Violation(f"{copy} was seen and then refused")
                copy.fate = Fate.REFUSED
            for body in command.bodies:
                del self.stream[body]
            return
        for index, (may, must) in enumerate(reached):
            direct = isinstance(command, topics.Append)
            if direct or STREAM in must:
                self.stream[command.bodies[index]] = True
            elif STREAM not in may:
                del self.stream[command.bodies[index]]
        if isinstance(reply, x.Routed):
            self._routed(ask, reply, reached)
        else:
            self._appended(ask, reached)

    def _routed(self, ask: Asked, reply: x.Routed, reached: list[tuple[Reached, Reached]]) -> None:
        names, count = self.checker.tap.names, len(ask.command.bodies)
        places: dict[tuple[str, int], tuple[int, int]] = {}
        gone = set(range(count))
        for group in reply.groups:
            indexes = range(count) if group.indexes is None else group.indexes
            gone.difference_update(indexes if group.places else ())
            for queue, first in group.places:
                for at, index in enumerate(indexes):
                    spot = (names.get(queue, STREAM), index)
                    if spot in places:
                        raise Violation(f"{index} of {ask.command} is twice in {spot[0]}")
                    places[spot] = (queue, first + at)
        if set(reply.unroutable) != gone or (gone and ask.command.mandatory):
            raise Violation(
                f"{ask.command}: {reply.unroutable} found no place, and {gone} have none"
            )
        for index, (may, must) in enumerate(reached):
            went = {name for name, at in places if at == index}
            if went - may or must - went:
                raise Violation(
                    f"{index} of {ask.command} went to {went}, of {may}, at least {must}"
                )
            self._spread(ask, index, went)
        for copy in ask.copies:
            self._is_at(copy, places.get((copy.queue, copy.index)), reply.published_ms)

    def _is_at(self, copy: Copy, place: tuple[int, int] | None, published_ms: int) -> None:
        if place is None:
            self._not_there(copy)
        elif copy.place not in (None, place) or copy.publish not in self.checker.tap.publishes:
            raise Violation(f"{copy} is said to be at {place}")
        else:
            copy.place = copy.spot = place
            copy.published_ms = published_ms
            copy.fate = Fate.THERE if copy.fate is Fate.ASKED else copy.fate

    def _appended(self, ask: Asked, reached: list[tuple[Reached, Reached]]) -> None:
        """Where a topic leads on to, its publisher is not told."""
        for copy in ask.copies:
            may, must = reached[copy.index]
            if copy.queue not in may:
                self._not_there(copy)
            elif copy.fate is Fate.ASKED:
                copy.fate = Fate.THERE if copy.queue in must else Fate.DOUBTFUL

    def _not_there(self, copy: Copy) -> None:
        if copy.fate is not Fate.ASKED:
            raise Violation(f"{copy} was seen where its publish did not go")
        copy.fate = Fate.REFUSED

    def _spread(self, ask: Asked, index: int, went: Reached) -> None:
        """One hash, one place, as long as the bindings are the same."""
        if ask.command.exchange != HASH:
            return
        states = {
            place: register.may_be(ask.event, 0, 0)
            for place, register in self.bindings.items()
            if place[0] == HASH
        }
        if len(went) > 1:
            raise Violation(f"{index} of {ask.command} went to {went}")
        if any(True in one and False in one for one in states.values()):
            return
        bound = frozenset(place for place, one in states.items() if True in one)
        if bool(bound) != bool(went):
            raise Violation(f"{index} of {ask.command} went to {went}, of {bound}")
        for name in went:
            before = self.spread.setdefault((_key_of(ask.command, index), bound), name)
            if before != name:
                raise Violation(f"{index} of {ask.command} went to {name}, and before to {before}")

    def _reach(self, ask: Asked, index: int, now: int) -> tuple[Reached, Reached]:
        """Where a message may go, and where it must."""
        command = ask.command
        start = command.exchange if isinstance(command, x.PublishTo) else STREAM
        head = b"" if command.heads is None else command.heads[index]
        walk = Walk(self, ask, _key_of(command, index), headers_of(head), now)
        return walk.go(start, True), walk.go(start, False)


class Walk:
    """One message's way along the bindings that may be there, or those that must."""

    def __init__(
        self, rules: WayRules, ask: Asked, key: str, headers: dict[str, Any], now: int
    ) -> None:
        self.rules = rules
        self.key = key
        self.headers = headers
        states = {
            place: register.may_be(ask.event, ask.now, now)
            for place, register in rules.bindings.items()
        }
        self.may = [place for place, one in states.items() if True in one]
        self.must = [place for place, one in states.items() if False not in one]

    def go(self, start: str, may: bool) -> Reached:
        """Queues and topics that may, or must, get it."""
        ahead, seen = [start], {start}
        while ahead:
            node = ahead.pop()
            for next_one in self._next(node, may):
                if next_one not in seen:
                    seen.add(next_one)
                    ahead.append(next_one)
        seen.discard(start)
        return {name for name in seen if name not in EXCHANGES}

    def _next(self, node: str, may: bool) -> list[str]:
        perhaps = [place for place in self.may if self._fits(node, place)]
        surely = [place for place in self.must if self._fits(node, place)]
        followed = perhaps if may else surely
        if node == HASH and not may and len(perhaps) > 1:
            followed = []
        found = [place[1] for place in followed]
        none_leads = not surely if may else not perhaps
        if node == FIRST and none_leads and (may or self.rules.rest):
            found.append(REST)
        return found

    def _fits(self, node: str, place: Binding) -> bool:
        if place[0] != node:
            return False
        if node == FIRST:
            return place[2] == self.key
        return node != HEADS or _agree(dict(place[3]), self.headers)


def _agree(arguments: dict[str, Any], headers: dict[str, Any]) -> bool:
    how = any if arguments.pop("x-match", "all") == "any" else all
    return how(headers.get(name) == one for name, one in arguments.items())


def _is_binding(command: Any) -> bool:
    return isinstance(command, x.Bind | x.Unbind) and command.source in (*EXCHANGES, STREAM)


def _goes_here(command: Any) -> bool:
    if isinstance(command, topics.Append):
        return command.topic == STREAM
    return isinstance(command, x.PublishTo) and command.exchange in EXCHANGES


def _place(command: x.Bind | x.Unbind) -> Binding:
    return command.source, command.target, command.key, _packed(command.arguments or {})


def _packed(arguments: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(arguments.items()))


def _key_of(command: Any, index: int) -> str:
    if isinstance(command, topics.Append):
        return ""
    return str(command.routing_keys[index if len(command.routing_keys) > 1 else 0])


def _all_of(read: Read, number: int) -> list[bytes]:
    bodies: list[bytes] = []
    offset = 0
    while True:
        fetched = read(topics.Fetch((topics.Span(STREAM, number, offset),), 1_000))
        part = fetched.parts[0]
        bodies.extend(one.body for one in part.messages)
        if part.next_offset <= offset:
            return bodies
        offset = part.next_offset
