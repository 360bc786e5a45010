"""Who is in a group whose members share out among themselves, and how far they are; volatile.

One rule: this knows names and times, never what the bytes of members mean.
"""

from postroad.core.topics.topic import Group
from postroad.model.ask import Ask
from postroad.model.rounds import EMPTY, Entered, EnterGroup


class Seat:
    """A member. `entering`, `awaiting`: its asks that wait, to enter and to have its share;
    `has_entered`: for the next generation; `has_asked`: for its share of this one."""

    def __init__(self, name: str, static_id: str) -> None:
        self.name = name
        self.static_id = static_id
        self.strategies: dict[str, bytes] = {}
        self.session_ms = 0
        self.rebalance_ms = 0
        self.until_ms = 0
        self.share = b""
        self.entering: Ask | None = None
        self.awaiting: Ask | None = None
        self.has_entered = False
        self.has_asked = False

    def said_bytes(self) -> int:
        """How much it says of itself."""
        return sum(map(len, self.strategies.values()))


class Circle:
    """The members of a group by name. `named`: names given to who has not entered with them, and
    until when; `due_ms`: when nobody is waited for any more, 0 for never; `gather_ms`: until when
    others may come first; `heaped_ms`: when time looks at it next. Counted as members come, say and
    go: `missing`: how many have not entered; `known`: how many have a strategy; `said_bytes`: what
    all say of themselves."""

    def __init__(self) -> None:
        self.seats: dict[str, Seat] = {}
        self.by_static: dict[str, str] = {}
        self.named: dict[str, int] = {}
        self.state = EMPTY
        self.kind = ""
        self.leader = ""
        self.strategy = ""
        self.due_ms = 0
        self.gather_ms = 0
        self.heaped_ms = 0
        self.missing = 0
        self.known: dict[str, int] = {}
        self.said_bytes = 0

    def add(self, seat: Seat) -> None:
        """A member comes; it has said nothing yet."""
        self.seats[seat.name] = seat
        self.missing += 1
        if seat.static_id:
            self.by_static[seat.static_id] = seat.name

    def take_out(self, seat: Seat) -> None:
        """A member goes."""
        self._unsay(seat)
        if not seat.has_entered:
            self.missing -= 1
        del self.seats[seat.name]
        self.by_static.pop(seat.static_id, None)
        if self.leader == seat.name:
            self.leader = ""

    def rename(self, seat: Seat, name: str) -> None:
        """Another has a member's place, under another name."""
        if self.leader == seat.name:
            self.leader = name
        del self.seats[seat.name]
        self.seats[name] = seat
        self.by_static[seat.static_id] = name
        seat.name = name

    def say(self, seat: Seat, command: EnterGroup) -> None:
        """What a member says of itself."""
        self._unsay(seat)
        seat.strategies = dict(command.strategies)
        seat.session_ms = command.session_ms
        seat.rebalance_ms = command.rebalance_ms
        for name in seat.strategies:
            self.known[name] = self.known.get(name, 0) + 1
        self.said_bytes += seat.said_bytes()

    def _unsay(self, seat: Seat) -> None:
        for name in seat.strategies:
            self.known[name] -= 1
            if not self.known[name]:
                del self.known[name]
        self.said_bytes -= seat.said_bytes()

    def enter(self, seat: Seat) -> None:
        """A member has entered for the next generation."""
        if not seat.has_entered:
            self.missing -= 1
        seat.has_entered = True

    def begin(self) -> None:
        """Nobody has entered for the generation after, or asked for a share of it."""
        self.missing = len(self.seats)
        for seat in self.seats.values():
            seat.has_entered = False
            seat.has_asked = False

    def common(self, besides: Seat | None) -> set[str] | None:
        """The strategies that all members but one have, `None` where there are no others."""
        mine = besides.strategies if besides is not None else {}
        others = len(self.seats) - (besides is not None)
        if not others:
            return None
        return {name for name, count in self.known.items() if count - (name in mine) == others}

    def chosen(self) -> str:
        """The strategy that most members like best of those that all have."""
        common = self.common(None) or set()
        votes: dict[str, int] = {}
        for seat in self.seats.values():
            best = next(name for name in seat.strategies if name in common)
            votes[best] = votes.get(best, 0) + 1
        return max(sorted(votes), key=lambda name: votes[name])

    def entered(self, generation: int, seat: Seat, leader: str) -> Entered:
        """What a member is told that has entered; its leader hears of all."""
        members: tuple[tuple[str, str, bytes], ...] = ()
        if seat.name == leader:
            everybody = self.seats.values()
            members = tuple(
                (one.name, one.static_id, one.strategies[self.strategy]) for one in everybody
            )
        return Entered(generation, self.strategy, self.kind, leader, seat.name, members)

    def next_ms(self) -> int:
        """When time has something to do here, in ms; 0 for never."""
        times = [seat.until_ms for seat in self.seats.values() if not is_waited_on(seat)]
        times.extend(self.named.values())
        if self.due_ms:
            times.append(self.due_ms)
        if self.gather_ms:
            times.append(self.gather_ms)
        return min(times, default=0)


def circle_of(group: Group) -> Circle | None:
    """The members of a group that share out among themselves, if there ever were any."""
    circle = group.circle
    assert circle is None or isinstance(circle, Circle), "nothing else is kept there"
    return circle


def the_circle(group: Group) -> Circle:
    """The same where there is one, for somebody has a seat in it."""
    circle = circle_of(group)
    assert circle is not None, "a seat is in a circle"
    return circle


def has_members(group: Group) -> bool:
    """Whether a group has members of either kind."""
    circle = circle_of(group)
    return bool(group.members) or (circle is not None and bool(circle.seats))


def is_waited_on(seat: Seat) -> bool:
    """Whether a member waits for others, so that its silence is no fault."""
    return seat.has_entered or seat.awaiting is not None
