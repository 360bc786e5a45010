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

    def say(self, command: EnterGroup) -> None:
        """What it says of itself."""
        self.strategies = dict(command.strategies)
        self.session_ms = command.session_ms
        self.rebalance_ms = command.rebalance_ms


class Circle:
    """The members of a group by name. `named`: names given to who has not entered with them, and
    until when; `due_ms`: when nobody is waited for any more, 0 for never; `gather_ms`: until when
    others may come first; `heaped_ms`: when time looks at it next."""

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

    def common(self, besides: Seat | None) -> set[str] | None:
        """The strategies that all members but one have, `None` where there are no others."""
        others = [set(seat.strategies) for seat in self.seats.values() if seat is not besides]
        return set.intersection(*others) if others else None

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
