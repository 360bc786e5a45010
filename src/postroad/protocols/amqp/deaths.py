"""How messages died, in the headers that RabbitMQ's clients know: `x-death`, `x-first-death-*` and
`x-last-death-*`.

It stands between the note of a dead letter and its properties. The rule kept here: the entry of the
latest death is the first; what a publisher says of earlier deaths in an `x-death` of its own is
counted on.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from postroad.limits import AMQP_FAILURE_BYTES_MAX
from postroad.model.fields import FieldTable, FieldValue, Long, Stamp
from postroad.model.message import FAILURE, Death, Note
from postroad.model.names import local_name
from postroad.model.properties import Properties, parse_properties, write_properties

REASONS: Final = {
    "max-deliveries": "delivery_limit",
    "rejected": "rejected",
    "expired": "expired",
    "overflow": "maxlen",
}
DEATHS: Final = "x-death"
COPIES: Final = "CC"
SHORT_BYTES_MAX: Final = 255
COUNT_MAX: Final = 2**63 - 1

Name = Callable[[str], str]
"""AMQP's name of a queue or an exchange, from the core's."""


def with_deaths(note: Note, exchange: str, key: str, properties: bytes) -> tuple[str, str, bytes]:
    """Exchange, routing key and properties of a message that died, from those it was published
    with; properties that nobody can read are left out."""
    if note.exchange is not None:
        exchange = _short(local_name(note.exchange))
        key = _short(note.keys[0]) if note.keys else key
    try:
        known = parse_properties(properties)
    except ValueError:
        known = Properties()
    headers = died(known.headers or {}, note, known.expiration, local_name)
    try:
        written = write_properties(replace(known, headers=headers, expiration=None))
    except ValueError:
        # What is no UTF-8 can be longer once it was read than a name may be. Without its properties
        # the message can be had; with an exception here nobody would ever get it.
        headers = died({}, note, known.expiration, local_name)
        written = write_properties(Properties(headers=headers))
    return exchange, key, written


def _short(name: str) -> str:
    """A name or a key as a short string holds it: those of other protocols, and keys in arguments
    and headers, may be longer."""
    return name if len(name) < 64 else name.encode()[:SHORT_BYTES_MAX].decode(errors="ignore")


def died(headers: FieldTable, note: Note, expiration: str | None, name: Name) -> FieldTable:
    """The headers of a message that died, from those it was published with. `expiration`: the
    property it was published with, which a dead letter has no more."""
    deaths = note.deaths
    if not deaths:
        return headers
    first = min(deaths, key=lambda death: death.number)
    entries = [_entry(death, name) for death in reversed(deaths)]
    if expiration is not None:
        entries[len(deaths) - 1 - deaths.index(first)]["original-expiration"] = expiration
    told = dict(headers)
    claimed = told.get(DEATHS)
    told[DEATHS] = [*_counted_on(entries, claimed)]
    if _copies_are_gone(told.get(COPIES), note):
        del told[COPIES]
    for one, which in ((first, "first"), (deaths[-1], "last")):
        for word, text in _summary(one, name).items():
            if which == "last" or not isinstance(claimed, list):
                told[f"x-{which}-death-{word}"] = text
    if deaths[-1].failure:
        # Its end says most; and headers travel in one frame, which a client may want to be short.
        end = deaths[-1].failure.encode()[-AMQP_FAILURE_BYTES_MAX:]
        told[FAILURE] = end.decode(errors="ignore")
    return told


def _entry(death: Death, name: Name) -> FieldTable:
    by_name = death.exchange is None
    keys = [name(death.queue)] if by_name else list(death.keys)
    return {
        "count": Long(death.times),
        "reason": REASONS[death.reason],
        "queue": name(death.queue),
        "time": Stamp(death.first_ms // 1_000),
        "exchange": name(death.exchange or ""),
        "routing-keys": [*keys],
    }


def _summary(death: Death, name: Name) -> dict[str, str]:
    return {
        "reason": REASONS[death.reason],
        "queue": name(death.queue),
        "exchange": name(death.exchange or ""),
    }


def _counted_on(entries: list[FieldTable], claimed: FieldValue) -> list[FieldTable]:
    """The entries, and behind them those that a publisher sent of other queues and reasons; of the
    same ones the publisher's, with more counted."""
    earlier: dict[tuple[FieldValue, FieldValue], FieldTable] = {}
    if isinstance(claimed, list):
        for one in claimed:
            if isinstance(one, dict) and isinstance(one.get("queue"), str):
                earlier[_which(one)] = one
    merged: list[FieldTable] = []
    for entry in entries:
        known = earlier.pop(_which(entry), None)
        merged.append(entry if known is None else {**known, "count": _sum(known, entry)})
    return [*merged, *earlier.values()]


def _which(entry: FieldTable) -> tuple[FieldValue, FieldValue]:
    reason = entry.get("reason")
    return entry["queue"], reason if isinstance(reason, str) else None


def _sum(known: FieldTable, entry: FieldTable) -> Long:
    counts = [one.get("count") for one in (known, entry)]
    return Long(min(sum(one for one in counts if isinstance(one, int)), COUNT_MAX))


def _copies_are_gone(copies: FieldValue, note: Note) -> bool:
    """Whether a queue gave the message a routing key of its own, instead of all it had."""
    if note.exchange is None or not isinstance(copies, list):
        return False
    return not all(key in note.keys for key in copies if isinstance(key, str))
