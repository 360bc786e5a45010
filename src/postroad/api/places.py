"""Where what was published is, and what of it was known already.

It stands between `Published` and callers. The rule kept here: a place is the first message's
identity, as a plain pair, whatever else it can tell.
"""

from collections.abc import Sequence

from postroad.model.replies import Published


class Place(tuple[int, int]):  # noqa: SLOT001  (a tuple can have no slots with names)
    """(queue number, offset) of the first message of a publish: its identity.

    `offsets`: of every message in it. `known`: which of them (0: the first) were not taken again,
    since one with their deduplication id was there; such a message has the offset of that one. A
    publish to several queues does not tell it: `known` is empty, and `offsets` count on.
    """

    offsets: Sequence[int]
    known: tuple[int, ...]

    @property
    def queue(self) -> int:
        """The queue's number."""
        return self[0]

    @property
    def offset(self) -> int:
        """Of the first message."""
        return self[1]


def places_of(published: Published, count: int) -> list[Place]:
    """What a publish of `count` messages came to, per queue."""
    found: list[Place] = []
    for at, one in enumerate(published.places):
        place = Place(one)
        place.known = ()
        place.offsets = range(one[1], one[1] + count)
        target = published.targets[at] if published.targets else None
        if target is not None:
            place.offsets, place.known = target.offsets, target.known
        elif published.offsets is not None:
            place.offsets, place.known = published.offsets, published.known
        found.append(place)
    return found
