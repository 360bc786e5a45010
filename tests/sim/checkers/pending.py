"""What is pending in one partition of a group that leases, as far as anybody can know: of each
message who has it, under which lease, delivered how often."""

from typing import Any

from postroad.model import commands as asks
from postroad.model.claims import ClaimIdle, ClaimLeases, DeleteConsumer, LeaseInfo
from postroad.model.commands import SESSION_LEASE
from postroad.model.groups import SeekGroup
from postroad.model.policy import QueueSettings
from tests.sim.copies import FOREVER_MS, Asked, Violation

READY, HELD, DONE, VAGUE = "ready", "held", "done", "vague"
"""A message waits; is leased; is over; or nobody can tell before the next audit."""


class Spot:
    """A message. `lease`: its newest as far as anybody heard, `consumer`: whose; `count`: times
    delivered until then; `due`: how often it will have been delivered the next time, where it is
    READY; `counted`: whether these are certain. `low_ms`, `high_ms`: when it was leased at the
    earliest and at the latest; `until_ms`: how long it is held for certain. `open`: asks on their
    way that may change it. `extended`: its lease may have another number than its receipt."""

    __slots__ = (
        *("consumer", "count", "counted", "due", "extended", "high_ms"),
        *("lease", "low_ms", "offset", "open", "state", "until_ms"),
    )

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.state = READY
        self.lease = 0
        self.consumer = ""
        self.count = 0
        self.due = 1
        self.counted = True
        self.low_ms = 0
        self.high_ms = 0
        self.until_ms = 0
        self.open = 0
        self.extended = False

    def __repr__(self) -> str:
        return f"<{self.offset} {self.state} of {self.consumer!r} by {self.lease & 0xFFFF}>"

    def is_held(self, now: int, mine: int = 0) -> bool:
        """Whether it is leased for certain; `mine`: asks on their way that do not count."""
        return self.state == HELD and self.open <= mine and now < self.until_ms

    def back(self, due: int) -> None:
        """It is ready again."""
        self.state, self.due = READY, due


class Touch:
    """What an ask on its way may change. `spots`, and `before`: their states and leases when it was
    asked; `must`: those that a claim has to take if nothing else happens to them; `newer`: of a
    settle, index -> the newer lease of a message it has an old receipt of; `taken`: offsets that
    it leased."""

    def __init__(self, ask: Asked) -> None:
        self.ask = ask
        self.spots: list[Spot] = []
        self.before: dict[int, tuple[str, int]] = {}
        self.must: dict[int, int] = {}
        self.newer: dict[int, int] = {}
        self.taken: set[int] = set()

    def add(self, spot: Spot) -> None:
        """It may change this one."""
        self.spots.append(spot)
        spot.open += 1

    def is_same(self, spot: Spot) -> bool:
        """Whether nothing is known to have happened to it since."""
        return self.before.get(spot.offset) == (spot.state, spot.lease)


class Part:
    """All messages of one partition. `granting`: asks on their way that may lease; `doubt`: an ask
    that nobody heard the end of may have leased, since the last audit, at event `doubted` at last;
    `lossy`: what a consumer holds may have been dropped since. `cut`, `passed`: offsets below which
    the log may have forgotten, or a move passed over. `gone_at`: consumer -> event at which it was
    gone, "": at which the group was moved."""

    def __init__(self, settings: QueueSettings) -> None:
        self.settings = settings
        self.spots: dict[int, Spot] = {}
        self.cut = 0
        self.passed = 0
        self.doubt = False
        self.doubted = -1
        self.lossy = False
        self.granting = 0
        self.touches: dict[int, Touch] = {}
        self.gone_at: dict[str, int] = {}

    def spot(self, offset: int) -> Spot:
        """A message by its offset."""
        if offset not in self.spots:
            self.spots[offset] = Spot(offset)
            if offset < max(self.cut, self.passed):
                self.spots[offset].state = VAGUE
        return self.spots[offset]

    def asked(self, ask: Asked) -> None:
        """An ask that may change something here."""
        touch = self.touches[id(ask)] = Touch(ask)
        command = ask.command
        if isinstance(command, asks.Settle | asks.Extend):
            self._will_settle(touch)
            return
        self.granting += may_grant(command)
        self.lossy = self.lossy or getattr(command, "dropped", False)
        if isinstance(command, SeekGroup):
            self.passed = max(self.passed, command.offset or 0)
        for spot in self.spots.values():
            if _may_touch(command, spot):
                touch.before[spot.offset] = (spot.state, spot.lease)
                touch.add(spot)
                idle_ms = getattr(command, "idle_ms", FOREVER_MS)
                if spot.is_held(ask.now, 1) and ask.now - spot.high_ms >= idle_ms:
                    touch.must[spot.offset] = spot.lease

    def _will_settle(self, touch: Touch) -> None:
        ask = touch.ask
        for at, (offset, lease) in enumerate(zip(*_receipts(ask.command), strict=True)):
            spot = self.spot(offset)
            if lease < spot.lease and not spot.extended and self._is_known(spot, ask.now, 0):
                touch.newer[at] = spot.lease
            else:
                touch.add(spot)

    def _is_known(self, spot: Spot, now: int, mine: int) -> bool:
        """Whether a message is leased, or ready, for certain."""
        waits = spot.state == READY and spot.open <= mine
        return spot.is_held(now, mine) or (waits and not self.granting and not self.doubt)

    def granted(self, ask: Asked, given: tuple[int, int, int | None], now: int) -> None:
        """A message was leased: (offset, lease, delivered how often)."""
        offset, lease, count = given
        spot = self.spot(offset)
        if lease <= spot.lease:
            if lease == spot.lease and spot.state == HELD and not spot.extended:
                raise Violation(f"{spot} was handed out twice under one lease")
            return
        self.touches[id(ask)].taken.add(offset)
        mine = self.touches[id(ask)].spots.count(spot)
        command = ask.command
        if isinstance(command, ClaimLeases | ClaimIdle):
            self._may_claim(spot, ask, mine, now)
        elif spot.is_held(now):
            raise Violation(f"{spot} was handed out, while it is leased until {spot.until_ms}")
        elif spot.state == DONE and spot.open <= mine:
            raise Violation(f"{spot} was over, and was handed out")
        self._count(spot, ask, count, mine, now)
        self._hold(spot, ask, lease, now)
        for touch in self.touches.values():
            if touch.ask is not ask and _may_touch(touch.ask.command, spot):
                touch.add(spot)
        late = max(self.doubted, self.gone_at.get("", -1), self.gone_at.get(spot.consumer, -1))
        if late > ask.event:
            spot.state = VAGUE

    def _hold(self, spot: Spot, ask: Asked, lease: int, now: int) -> None:
        command = ask.command
        since = getattr(command, "since_ms", 0)
        spot.state, spot.lease, spot.consumer = HELD, lease, command.consumer
        spot.low_ms, spot.high_ms, spot.extended = ask.now - since, now - since, False
        spot.until_ms = FOREVER_MS
        if command.lease_ms != SESSION_LEASE:
            length = self.settings.lease_ms if command.lease_ms is None else command.lease_ms
            spot.until_ms = ask.now + length

    def _may_claim(self, spot: Spot, ask: Asked, mine: int, now: int) -> None:
        command = ask.command
        if spot.open > mine or self.doubt or self.granting > 1:
            return
        force = getattr(command, "force", False)
        if spot.state == DONE or (spot.state == READY and not force):
            raise Violation(f"{spot} was claimed, though nobody has it")
        if spot.state != HELD:
            return
        of = getattr(command, "of", None)
        if of is not None and of != spot.consumer:
            raise Violation(f"{spot} was claimed as if `{of}` had it")
        lapsed = force and now >= spot.until_ms
        if now - spot.low_ms < command.idle_ms and not lapsed:
            raise Violation(f"{spot} was claimed after {now - spot.low_ms} ms")

    def _count(self, spot: Spot, ask: Asked, count: int | None, mine: int, now: int) -> None:
        """How often it was delivered is just once more than before, where that is to be known."""
        command = ask.command
        most = self.settings.deliveries_max
        told = getattr(command, "deliveries", None)
        known = spot.state != VAGUE and spot.open <= mine
        known = known and not self.doubt and self.granting <= 1
        due = spot.due if spot.state == READY else spot.count + 1
        if isinstance(command, ClaimLeases | ClaimIdle) and spot.state == HELD:
            lapsed = now >= spot.until_ms
            known = known and not (lapsed and (told or not command.bodies))
            due = told or (due if command.bodies else spot.count)
        known = known and (spot.counted or bool(told))
        if known and count is not None and count != due:
            raise Violation(f"{spot} was delivered the {count}th time, not the {due}th")
        if most is not None and (count or 0) > most and not told:
            raise Violation(f"{spot} was delivered the {count}th time, of {most}")
        # Where no bodies come nobody is told how often.
        spot.count = due if count is None else count
        spot.counted = known or count is not None

    def claimed(self, ask: Asked, next_offset: int, gone: tuple[int, ...], now: int) -> None:
        """A claim is answered, and what it gave is entered."""
        touch = self.touches[id(ask)]
        command = ask.command
        for offset in gone:
            spot = self.spot(offset)
            if offset >= self.cut:
                raise Violation(f"{spot} was claimed, and is said to be forgotten")
            spot.state = DONE
        dies = command.bodies and not getattr(command, "deliveries", None)
        most = self.settings.deliveries_max if dies else None
        for spot in touch.spots:
            if spot.offset in touch.taken or spot.state != HELD:
                continue
            if most is not None and (spot.count >= most or not spot.counted):
                spot.state = VAGUE  # It may be dead: it was delivered often enough.
            passed = spot.offset < self.cut or (next_offset and spot.offset >= next_offset)
            held = spot.is_held(now, touch.spots.count(spot)) and not passed
            if held and touch.must.get(spot.offset) == spot.lease:
                raise Violation(f"{spot} could be claimed, and was not")

    def settled(self, ask: Asked, failed: set[int], now: int) -> None:
        """A settle or an extend is answered."""
        command, touch = ask.command, self.touches[id(ask)]
        for at, (offset, lease) in enumerate(zip(*_receipts(command), strict=True)):
            spot = self.spot(offset)
            mine = touch.spots.count(spot)
            held = spot.is_held(now, mine)
            if at in failed:
                if lease == spot.lease and held:
                    raise Violation(f"{spot} is leased, and its holder could not settle it")
            elif touch.newer.get(at) == spot.lease and self._is_known(spot, now, mine):
                raise Violation(f"{spot} obeyed the old receipt {lease & 0xFFFF}")
            elif isinstance(command, asks.Extend):
                spot.extended = True
                spot.until_ms = min(spot.until_ms, ask.now + command.lease_ms)
                spot.state = spot.state if lease == spot.lease else VAGUE
            else:
                self._is_settled(spot, command, lease, spot.open <= mine and mine == 1)

    def _is_settled(self, spot: Spot, command: Any, lease: int, alone: bool) -> None:
        if spot.state == VAGUE or not alone or (lease != spot.lease and not spot.extended):
            spot.state = VAGUE
        elif command.outcome == asks.ACK:
            spot.state = DONE
        elif spot.offset < self.cut:
            spot.state = VAGUE  # Where the log has forgotten it, it does not come back.
        elif spot.state == HELD and command.outcome == asks.RELEASE:
            spot.back(spot.count)
        elif spot.state == HELD and spot.count < (self.settings.deliveries_max or FOREVER_MS):
            spot.back(spot.count + 1)
        else:
            spot.state = VAGUE

    def deleted(self, ask: Asked, left: int, event: int) -> None:
        """A consumer is gone, and holds nothing."""
        name = ask.command.consumer
        self.gone_at[name] = event
        touch = self.touches[id(ask)]
        for spot in touch.spots:
            mine = spot.state == HELD and spot.consumer == name
            if mine and touch.is_same(spot) and spot.open == 1 and spot.until_ms == FOREVER_MS:
                spot.back(spot.count)
                if ask.command.dropped and not left:
                    spot.state = DONE
                elif left or spot.offset < self.cut:
                    spot.state = VAGUE
            elif mine:
                spot.state = VAGUE

    def sought(self, ask: Asked, event: int) -> None:
        """The group was moved: what nobody holds is passed over or comes again."""
        self.gone_at[""] = event
        touch = self.touches[id(ask)]
        for spot in touch.spots:
            if spot.state == HELD and spot.until_ms == FOREVER_MS and spot.open == 1:
                continue
            if not self._is_clear(touch, spot):
                spot.state = VAGUE
            elif spot.offset < ask.command.offset:
                spot.state = DONE
            elif spot.state == DONE:
                spot.back(1)
                spot.count, spot.counted = 0, True

    def _is_clear(self, touch: Touch, spot: Spot) -> bool:
        """Whether a message that nobody has was ready, or over, for certain when it was moved."""
        alone = spot.open == 1 and touch.is_same(spot)
        known = spot.state not in (VAGUE, HELD) and spot.offset >= self.cut
        return alone and known and not self.granting and not self.doubt

    def will_cut(self, before: int) -> None:
        """The log may forget what is below an offset; what is leased there stays so."""
        self.cut = max(self.cut, before)
        for spot in self.spots.values():
            if spot.offset < before and spot.state == READY:
                spot.state = VAGUE

    def over(self, ask: Asked) -> None:
        """An ask is not on its way any more."""
        touch = self.touches.pop(id(ask), None)
        if touch is not None:
            self.granting -= may_grant(ask.command)
            for spot in touch.spots:
                spot.open -= 1

    def unknown(self, ask: Asked, event: int) -> None:
        """Nobody will tell what became of an ask; nothing more becomes of it."""
        touch = self.touches.get(id(ask))
        if touch is None:
            return
        for spot in touch.spots:
            spot.state = VAGUE
        if may_grant(ask.command):
            self.doubt = True
            self.doubted = event
        elif not isinstance(ask.command, asks.Settle | asks.Extend):
            self.gone_at[getattr(ask.command, "consumer", "")] = event

    def adopt(self, info: LeaseInfo, now: int) -> None:
        """An audit shows that it is leased so."""
        spot = self.spot(info.offset)
        spot.state, spot.lease, spot.consumer = HELD, info.lease, info.consumer
        spot.count, spot.counted = info.deliveries, True
        spot.low_ms = spot.high_ms = now - info.idle_ms
        spot.until_ms = info.until_ms or FOREVER_MS


def may_grant(command: Any) -> bool:
    """Whether it may lease something."""
    return not isinstance(command, asks.Settle | asks.Extend | DeleteConsumer | SeekGroup)


def _receipts(command: asks.Settle | asks.Extend) -> tuple[Any, Any]:
    return command.offsets, command.leases


def _may_touch(command: Any, spot: Spot) -> bool:
    """Whether an ask may change what there is; a receive leases only what is ready."""
    if isinstance(command, ClaimLeases):
        return spot.offset in command.offsets
    if isinstance(command, ClaimIdle):
        whose = command.of is None or spot.state == VAGUE or spot.consumer == command.of
        return spot.offset >= command.start and whose
    if isinstance(command, DeleteConsumer):
        return spot.state == VAGUE or spot.consumer == command.consumer
    return isinstance(command, SeekGroup)
