"""What leases promise: one holder at a time, settled only by their own receipt, counted."""

from postroad.model import commands as asks
from postroad.model import replies
from postroad.model.message import Delivery
from tests.sim.copies import FOREVER_MS, Asked, Copy, Entry, Fate, Known, View, Violation
from tests.sim.tap import Tap
from tests.sim.workload import FAILURES

POPPED = 1 << 63
"""Stands for the lease of what was taken without one: nothing comes after it."""


class LeaseRules:
    """Places and their newest leases. `deaths`: how often the process died."""

    def __init__(self, tap: Tap, known: Known) -> None:
        self.tap = tap
        self.known = known
        self.deaths = 0

    def forgotten(self, session: int) -> None:
        """Leases bound to a session end with it."""
        for entry in self.known.entries.values():
            if entry.session == session and entry.bound:
                entry.alive_until = 0

    def died(self) -> None:
        """Leases bound to sessions end, and those not known to be durable may have."""
        self.deaths += 1
        for place, entry in self.known.entries.items():
            if entry.bound or (place[0], entry.lease) not in self.tap.leases:
                entry.alive_until = 0

    def will_settle(self, ask: Asked) -> None:
        """A settle or an extend is asked."""
        command = ask.command
        for at, entry in enumerate(self._entries(ask)):
            if entry is None:
                continue
            if isinstance(command, asks.Extend):
                entry.alive_until = min(entry.alive_until, ask.now + command.lease_ms)
                continue
            if command.outcome in (asks.ACK, asks.REJECT):
                entry.copy.ends += 1
                ask.copies.append(entry.copy)
            if entry.lease > command.leases[at]:
                ask.newer[at] = entry.lease
            if entry.lease == command.leases[at]:
                entry.settling += 1
                entry.released = entry.released or command.outcome == asks.RELEASE

    def settled(self, ask: Asked, reply: replies.Settled, now: int, event: int) -> None:
        """A settle or an extend is answered."""
        command = ask.command
        failed = {index for index, _ in reply.failed}
        for at, entry in enumerate(self._entries(ask)):
            if entry is None:
                continue
            same = entry.lease == command.leases[at]
            alive = now < entry.alive_until
            if same and not isinstance(command, asks.Extend) and entry.settling:
                entry.settling -= 1
            if at in failed:
                self._not_settled(ask, entry, same and alive)
            elif alive and not entry.settling and ask.newer.get(at) == entry.lease:
                ended = entry.copy.fate is Fate.GONE
                if not ended and entry.copy.ends <= ask.copies.count(entry.copy):
                    raise Violation(f"{entry.copy} obeyed an old lease while it had a new one")
            elif isinstance(command, asks.Extend):
                entry.alive_until = ask.now + command.lease_ms if same and not entry.settling else 0
            else:
                self._lease_is_over(entry, ask, event, same, alive)

    def delivered(self, name: str, delivery: Delivery, copy: Copy, ask: Asked, now: int) -> None:
        """A copy was handed out."""
        place = (delivery.queue, delivery.offset)
        entry = self.known.entries.get(place)
        if entry is None:
            entry = self.known.entries[place] = Entry(copy, place)
        if entry.copy is not copy:
            raise Violation(f"{copy} took the place {place} of {entry.copy}")
        _look_why_it_died(delivery)
        view = self.known.view(name)
        if delivery.delivery_count > view.deliveries_max:
            raise Violation(f"{copy} was delivered {delivery.delivery_count} times")
        if delivery.lease and delivery.lease <= entry.lease:
            return
        if entry.lease and now < entry.alive_until and not entry.settling:
            raise Violation(
                f"{copy} was handed out at {now}, while leased until {entry.alive_until}"
            )
        if now < entry.not_before:
            raise Violation(f"{copy} came {entry.not_before - now} ms before its retry was due")
        low = entry.count + (0 if entry.released or not entry.lease else 1)
        if delivery.delivery_count < low - (self.deaths - entry.deaths):
            raise Violation(f"{copy}: delivery {delivery.delivery_count}, at least {low} expected")
        entry.lease = delivery.lease or POPPED
        entry.heard_ms = now
        entry.count = delivery.delivery_count
        entry.deaths = self.deaths
        entry.released = False
        entry.settling = 0
        entry.not_before = 0
        entry.session = ask.session
        entry.alive_until = self._alive_until(ask, view)
        # What was pushed ends with its consumer's session, whatever its deadline.
        entry.bound = entry.alive_until == FOREVER_MS or isinstance(ask.command, asks.Attach)

    def _entries(self, ask: Asked) -> list[Entry | None]:
        queue = max(
            (i for i, name in self.tap.names.items() if name == ask.command.queue), default=0
        )
        return [self.known.entries.get((queue, offset)) for offset in ask.command.offsets]

    def _not_settled(self, ask: Asked, entry: Entry, held: bool) -> None:
        if isinstance(ask.command, asks.Settle) and entry.copy in ask.copies:
            entry.copy.ends -= 1
        ended = entry.copy.ends or entry.copy.fate is Fate.GONE or entry.settling
        if held and not ended and not entry.released:
            raise Violation(f"{entry.copy} is leased, and its holder could not settle it")

    def _lease_is_over(self, entry: Entry, ask: Asked, event: int, same: bool, alive: bool) -> None:
        command = ask.command
        here = entry.copy.home == command.queue and entry.copy.spot == entry.place
        alone = here and self.known.reach(command.queue) == {command.queue}
        if same:
            entry.alive_until = 0
        if command.outcome == asks.ACK and (alone or (same and alive)):
            entry.copy.end(event)
        elif same and command.outcome == asks.RETRY and command.after_ms:
            entry.not_before = ask.now + command.after_ms

    def _alive_until(self, ask: Asked, view: View) -> int:
        """How long a lease holds at least."""
        command = ask.command
        if isinstance(command, asks.Attach):
            return FOREVER_MS if command.lease_ms in (None, asks.SESSION_LEASE) else 0
        if not isinstance(command, asks.Receive):
            return 0
        if command.lease_ms == asks.SESSION_LEASE:
            return FOREVER_MS
        return ask.now + (view.lease_ms if command.lease_ms is None else command.lease_ms)


def _look_why_it_died(delivery: Delivery) -> None:
    for death in () if delivery.note is None else delivery.note.deaths:
        told = FAILURES[asks.REJECT] if death.reason == "rejected" else ""
        if death.failure != told and death.reason != "max-deliveries":
            raise Violation(f"{death} says `{death.failure}`, and not `{told}`")
