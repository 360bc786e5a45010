"""A road with lists on it."""

from postroad.model.lists import ListItems, ListLength, ListMove, ListPop, ListPush, ListRange
from tests.unit.core.road import Road, bodies_of


class Lists(Road):
    """A road with lists on it."""

    def push(self, end: str, *bodies: bytes, to: str = "l") -> int:
        pushed = self.ask(ListPush(to, end, bodies))
        assert isinstance(pushed, ListLength), pushed
        return pushed.length

    def pop(self, end: str, count: int = 1, of: str = "l") -> list[bytes]:
        return self.items(self.ask(ListPop((of,), end, count)))

    def move(self, ends: str, source: str = "l", target: str = "m") -> list[bytes]:
        first, second = ends.split()
        return self.items(self.ask(ListMove(source, target, first, second)))

    def all(self, of: str = "l", first: int = 0, last: int = -1) -> list[bytes]:
        return self.items(self.ask(ListRange(of, first, last)))

    def items(self, reply: object) -> list[bytes]:
        assert isinstance(reply, ListItems), reply
        return bodies_of(reply.messages)

    def told_to(self, number: int) -> list[bytes]:
        return next(self.items(reply) for one, reply in self.told if one == number)


def letters(text: str) -> list[bytes]:
    return [one.encode() for one in text]
