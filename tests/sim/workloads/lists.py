"""What clients do with lists: few of them, so that they meet, and few bodies twice.

A client has few asks about lists on their way at once: the checker follows all orders they may be
done in.
"""

from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model import lists
from postroad.model.lists import ENDS, LEFT
from tests.sim.workloads.work import Work

if TYPE_CHECKING:
    from tests.sim.workload import Session

PREFIX = "list-"
STAYS = "list-stays"
JOBS = "list-jobs"
NAMES = ("list-a", JOBS, STAYS)
NEAR_A_PAGE = 4_070
NEEDS = (
    asks.DeclareQueue(STAYS),
    lists.ListPush(STAYS, LEFT, [b"0.9|"] * NEAR_A_PAGE),
    asks.PurgeQueue(STAYS),
)
"""One list stays when it is empty, and comes to its second page of messages; one is mostly waited
for."""
AT_ONCE = 2
WAITING = 2
OFTEN = (b"0.0|", b"0.1|")
"""Bodies that there may be several of."""


class ListWork(Work):
    """`open`: commands on their way, `waiting`: those of them that may wait. `seen`: bodies that
    were pushed or heard of."""

    def __init__(self, session: "Session") -> None:
        self.rng = session.rng
        self.open = 0
        self.waiting = 0
        self.seen: list[bytes] = list(OFTEN)

    def next_command(self, session: "Session", publish: int) -> Any:
        """Something to ask."""
        if self.open >= AT_ONCE:
            return session.settle(0)
        makes = (self.push, self.pop, self.move, self.change, self.look, self.administer)
        command = self.rng.choices(makes, (34, 22, 16, 16, 10, 2))[0](publish)
        if getattr(command, "wait_ms", 0):
            self.waiting += 1
        elif not isinstance(command, asks.DeclareQueue | asks.DeleteQueue | asks.PurgeQueue):
            self.open += 1
        return command

    def heard(self, command: Any, reply: Any) -> None:
        """An answer came."""
        if not isinstance(command, lists.ListCommand):
            return
        if getattr(command, "wait_ms", 0):
            self.waiting -= 1
        else:
            self.open -= 1
        if isinstance(reply, lists.ListItems):
            self.seen = [*self.seen[-6:], *(one.body for one in reply.messages[:4])]

    def push(self, publish: int) -> lists.ListPush:
        """Some messages at one end."""
        rng = self.rng
        name = self._name()
        count = 1 if name == JOBS else rng.choice((1, 1, 2, 3, 6))
        bodies = [self._body(publish, at) for at in range(count)]
        heads = [b"h%d" % rng.randrange(9) for _ in bodies] if rng.random() < 0.5 else None
        only = rng.random() < 0.1
        return lists.ListPush(name, rng.choice(ENDS), bodies, heads, only_if_exists=only)

    def pop(self, _: int) -> lists.ListPop:
        """Some messages from one end of one list, or of the first that has any."""
        rng = self.rng
        names = tuple(rng.sample(NAMES, rng.choice((1, 1, 1, 2))))
        wait_ms = self._wait(names)
        return lists.ListPop(names, rng.choice(ENDS), rng.choice((1, 1, 2, 5)), wait_ms)

    def move(self, _: int) -> lists.ListMove:
        """One message from one end to another."""
        names = (self._name(), self._name())
        ends = (self.rng.choice(ENDS), self.rng.choice(ENDS))
        return lists.ListMove(*names, *ends, self._wait(names[:1]))

    def change(self, publish: int) -> Any:
        """Something in the middle."""
        rng = self.rng
        kind = rng.randrange(8)
        name = self._name()
        if kind < 3:
            body, before = self._body(publish, 0), rng.random() < 0.5
            return lists.ListInsert(name, rng.choice(self.seen), body, before, b"i")
        if kind < 6:
            return lists.ListSet(name, rng.randint(-3, 3), self._body(publish, 0), b"s")
        if kind < 7:
            return lists.ListRemove(name, rng.choice((*self.seen, *OFTEN)), rng.randint(-2, 2))
        return lists.ListTrim(name, rng.randint(-9, 3), rng.choice((-1, -2, 8)))

    def look(self, _: int) -> Any:
        """A range, a place, a length."""
        rng = self.rng
        kind = rng.randrange(4)
        name = self._name()
        if kind < 2:
            return lists.ListRange(name, rng.randint(-4, 2), rng.choice((-1, -1, 3)))
        if kind < 3:
            rank = rng.choice((1, 2, -1))
            return lists.ListPosition(name, rng.choice(self.seen), rank, rng.randint(0, 2))
        return lists.DescribeList(name)

    def administer(self, _: int) -> Any:
        """What is done to lists as queues."""
        makes = (asks.DeclareQueue, asks.DeclareQueue, asks.DeleteQueue, asks.PurgeQueue)
        return self.rng.choice(makes)(self._name())

    def _name(self) -> str:
        return self.rng.choice(NAMES)

    def _wait(self, names: tuple[str, ...]) -> int:
        if self.waiting >= WAITING or self.rng.random() < (0.1 if JOBS in names else 0.7):
            return 0
        return self.rng.choice((60, 400, 2_500))

    def _body(self, publish: int, at: int) -> bytes:
        """Mostly one of its own, at times a large one."""
        if self.rng.random() < 0.15:
            return self.rng.choice(OFTEN)
        body = b"%d.%d|" % (publish, at) + b"l" * self.rng.choice((0, 9, 9, 80, 700, 2_500))
        self.seen = [*self.seen[-9:], body]
        return body
