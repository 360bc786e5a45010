"""How messages died: the entries of their notes, and the way they had come by.

One rule: each queue and reason has one entry, the latest last; the first death is never forgotten.
Compiled by mypyc where possible.
"""

from postroad.core import records as facts
from postroad.core.queue import Queue
from postroad.limits import DEATHS_KEPT
from postroad.model.message import Death, Note
from postroad.model.names import local_name, named_in, namespace_of
from postroad.model.properties import routing_of, table_of

DEATH_WORDS = {
    facts.MAX_DELIVERIES: "max-deliveries",
    facts.REJECTED: "rejected",
    facts.EXPIRED: "expired",
    facts.OVERFLOW: "overflow",
}
REJECTED = DEATH_WORDS[facts.REJECTED]

Way = tuple[str | None, tuple[str, ...]]
"""The exchange that a message came by, and its routing keys; `None`: it came by none."""


def way_of(queue: Queue, note: Note, head: bytes) -> Way:
    """How a message came to a queue, as far as it knows."""
    if note.exchange is not None:
        return note.exchange, note.keys
    published = routing_of(head)
    if published is None:
        return None, ()
    exchange, key = published
    copies = table_of(head).get("CC")
    more = [one for one in copies if isinstance(one, str)] if isinstance(copies, list) else []
    name = named_in(namespace_of(queue.title), exchange) if exchange else ""
    return name, tuple(dict.fromkeys((key, *more)))


def keys_of(queue: Queue, way: Way) -> tuple[str, ...]:
    """The routing keys that a dead message of a queue goes on with."""
    given = queue.settings.dead_letter_routing_key
    if given is not None:
        return (given,)
    exchange, keys = way
    return (local_name(queue.title),) if exchange is None else keys


def died(
    queue: Queue, death: int, deliveries: int, note: Note, head: bytes, now: int
) -> list[Death]:
    """The deaths of a message with one more."""
    reason, name = DEATH_WORDS[death], queue.title
    earlier = note.deaths
    known: Death | None = None
    for one in earlier:
        if one.queue == name and one.reason == reason:
            known = one
    if known is not None:
        again = Death(
            name,
            reason,
            deliveries,
            known.first_ms,
            now,
            known.times + 1,
            known.exchange,
            known.keys,
            known.number,
        )
        return [*[one for one in earlier if one is not known], again]
    exchange, keys = way_of(queue, note, head)
    number = 1 + max([one.number for one in earlier]) if earlier else 0
    new = Death(name, reason, deliveries, now, 0, 1, exchange, keys, number)
    if len(earlier) < DEATHS_KEPT:
        return [*earlier, new]
    first = min(earlier, key=_number)
    last = [one for one in earlier if one is not first][2 - DEATHS_KEPT :]
    return [first, *last, new]


def is_circle(deaths: list[Death], target: str) -> bool:
    """Whether a message that died so would come back to a queue of its own accord: it died there
    before, and nobody rejected it since."""
    for death in reversed(deaths):
        if death.reason == REJECTED:
            return False
        if death.queue == target:
            return True
    return False


def _number(death: Death) -> int:
    return death.number
