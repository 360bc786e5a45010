"""What groups that lease promise of their consumers: a message is one's at a time, a claim ends the
old receipt, and who has a name keeps what it has over restarts, until it is settled or claimed."""

from typing import TYPE_CHECKING, Any

from postroad.model import claims, groups, replies, topics
from postroad.model import commands as asks
from postroad.model.claims import ClaimIdle, ClaimLeases, DeclareConsumer, DeleteConsumer, LeaseInfo
from postroad.model.commands import SESSION_LEASE
from postroad.model.groups import ReceiveShare, SeekGroup, share_name
from postroad.model.message import Delivery
from tests.sim.checkers.pending import DONE, HELD, VAGUE, Part
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import FOREVER_MS, Asked, Violation
from tests.sim.workloads.crews import CREW, CREWS, PARTITIONS

if TYPE_CHECKING:
    from tests.sim.checker import Checker

AUDITOR = "auditor"
ALL = 100
NAMING = (ReceiveShare, ClaimLeases, ClaimIdle, DeclareConsumer)
"""Asks that make a consumer exist."""


class Named:
    """A consumer. `sure`: it is there; `gone`: it is not; or neither. `lease`: all that tells of it
    is this lease, which may not be durable. `asks`: on their way, that make or delete it;
    `asked_at`, `deleted_at`: events of the last of either."""

    def __init__(self) -> None:
        self.sure = False
        self.gone = True
        self.lease: tuple[int, int] | None = None
        self.asks = 0
        self.asked_at = -1
        self.deleted_at = -1


class CrewRules(Watcher):
    """`sure`: groups that are there. `parts`: by group and partition; `of_queue`: by the name that
    settles; `queues`: by number. `named`: consumers by group and name. `doubtful`: claims of
    consumers of their own, that nobody heard the end of, and what they had to take."""

    def __init__(self, checker: "Checker") -> None:
        self.checker = checker
        self.used = False
        self.sure: set[str] = set()
        self.parts: dict[tuple[str, int], Part] = {
            (group, number): Part(settings)
            for group, settings in CREWS.items()
            for number in range(PARTITIONS)
        }
        self.of_queue = {share_name(CREW, *place): part for place, part in self.parts.items()}
        self.named: dict[tuple[str, str], Named] = {}
        self.doubtful: list[tuple[Part, Asked, dict[int, int]]] = []
        self.queues: dict[int, Part] = {}

    def asked(self, ask: Asked) -> None:
        """Something may change hands."""
        command = ask.command
        if isinstance(command, topics.CutTopic) and command.topic == CREW:
            for (_, number), part in self.parts.items():
                if number == command.partition:
                    part.will_cut(command.before)
        for part in self._of(command):
            self.used = True
            part.asked(ask)
        named = self._named(command)
        if named is not None:
            named.asks += 1
            if isinstance(command, DeleteConsumer):
                named.sure = False
            else:
                named.gone = False
                named.asked_at = ask.event

    def answered(self, ask: Asked, reply: Any, now: int, event: int) -> None:
        """It did, or not."""
        command = ask.command
        if isinstance(reply, groups.GroupDeclared) and command.topic == CREW:
            self.sure.add(command.group)
        for part in self._of(command):
            if not isinstance(reply, replies.Refused):
                self._done(part, ask, reply, now, event)
            part.over(ask)
        named = self._named(command)
        if named is not None:
            named.asks -= 1
            self._note(named, ask, reply, event)

    def unknown(self, ask: Asked, _until: int) -> None:
        """Nobody will tell what became of it."""
        command = ask.command
        for part in self._of(command):
            touch = part.touches.get(id(ask))
            if isinstance(command, ClaimLeases | ClaimIdle) and "solo" in command.consumer:
                assert touch is not None, "it was asked"
                self.doubtful.append((part, ask, touch.must))
            part.unknown(ask, self.checker.event)
            part.over(ask)
        named = self._named(command)
        if named is not None:
            named.asks -= 1
            if isinstance(command, DeleteConsumer):
                named.deleted_at = self.checker.event
                named.sure = False

    def died(self, _now: int) -> None:
        """What was leased last may be forgotten, if nobody was told that it is durable."""
        leases = self.checker.tap.leases
        for queue, part in self.queues.items():
            for spot in part.spots.values():
                if spot.state == HELD and (queue, spot.lease) not in leases:
                    spot.state = VAGUE
        for named in self.named.values():
            named.sure = named.sure and (named.lease is None or named.lease in leases)

    def audit(self, read: Read, now: int, _event: int) -> None:
        """All is quiet: what is leased is what was heard of, and the rest can be had."""
        groups_there = self._there(read)
        places = [place for place in self.parts if place[0] in groups_there]
        listed = {place: self._audit_leases(read, place, now) for place in places}
        for group in groups_there:
            self._audit_consumers(read, group, listed)
        self._audit_doubtful()
        for place, leases in listed.items():
            self._audit_rest(read, place, {one.offset for one in leases}, now)

    def end(self, read: Read) -> None:
        """Everything can be claimed, or received, and acked; then the topic goes."""
        there = self._there(read)
        for group, number in [place for place in self.parts if place[0] in there]:
            while True:
                claim = ClaimIdle(CREW, group, AUDITOR, number, count=1_000, lease_ms=SESSION_LEASE)
                receive = ReceiveShare(CREW, group, 1_000, SESSION_LEASE, 0, number, AUDITOR)
                found = [*read(claim).messages, *read(receive).messages]
                if not found:
                    break
                _settle(read, (group, number), found, asks.ACK)
            counted = read(claims.CountLeases(CREW, group, number))
            described = read(groups.DescribeGroup(group, CREW)).parts[number]
            if counted.count or counted.consumers or described.lag:
                raise Violation(f"{group}: {counted} and {described} though all was acked")
        read(topics.DeleteTopic(CREW))
        self.sure.clear()

    def _there(self, read: Read) -> list[str]:
        """The groups that are there: all that were declared for certain."""
        there: list[str] = []
        for group in CREWS if self.used else ():
            if not isinstance(read(groups.DescribeGroup(group, CREW)), replies.Refused):
                there.append(group)
            elif group in self.sure:
                raise Violation(f"group {group} is lost")
        return there

    def _of(self, command: Any) -> list[Part]:
        """The partitions an ask may change."""
        if isinstance(command, asks.Settle | asks.Extend):
            part = self.of_queue.get(command.queue)
            return [] if part is None else [part]
        changing = (ReceiveShare, ClaimLeases, ClaimIdle, DeleteConsumer, SeekGroup)
        if not isinstance(command, changing) or command.topic != CREW:
            return []
        if isinstance(command, DeleteConsumer):
            return [part for place, part in self.parts.items() if place[0] == command.group]
        assert command.partition is not None, "clients name the partition"
        return [self.parts[command.group, command.partition]]

    def _named(self, command: Any) -> Named | None:
        if not isinstance(command, (*NAMING, DeleteConsumer)) or command.topic != CREW:
            return None
        if not command.consumer:
            return None
        return self.named.setdefault((command.group, command.consumer), Named())

    def _done(self, part: Part, ask: Asked, reply: Any, now: int, event: int) -> None:
        if isinstance(reply, replies.Settled):
            part.settled(ask, {at for at, _ in reply.failed}, now)
        elif isinstance(reply, claims.ConsumerDeleted):
            part.deleted(ask, reply.left, event)
        elif isinstance(reply, replies.Received):
            for one in reply.messages:
                self.queues[one.queue] = part
                if int(one.body.partition(b".")[0]) not in self.checker.tap.publishes:
                    raise Violation(f"{CREW}: {one.offset} was delivered before it was durable")
                part.granted(ask, (one.offset, one.lease, one.delivery_count), now)
            if isinstance(ask.command, ClaimLeases | ClaimIdle):
                part.claimed(ask, reply.next_offset, reply.gone, now)
        elif isinstance(reply, claims.Claimed):
            for offset, lease in zip(reply.offsets, reply.leases, strict=True):
                part.granted(ask, (offset, lease, None), now)
            part.claimed(ask, reply.next_offset, reply.gone, now)
        elif isinstance(ask.command, SeekGroup):
            part.sought(ask, event)

    def _note(self, named: Named, ask: Asked, reply: Any, event: int) -> None:
        """A consumer is there, or gone."""
        if isinstance(reply, claims.ConsumerDeleted):
            named.deleted_at = event
            named.sure = False
            named.gone = not reply.left and not named.asks and named.asked_at < ask.event
        elif not isinstance(reply, replies.Refused) and named.deleted_at < ask.event:
            was_sure = named.sure
            deleting = [one.command for one in self.checker.open.values()]
            named.sure = not any(
                isinstance(one, DeleteConsumer) and self._named(one) is named for one in deleting
            )
            leased = isinstance(ask.command, ReceiveShare) and reply.messages
            if not leased:
                named.lease = None
            elif not was_sure:
                named.lease = (reply.messages[0].queue, reply.messages[0].lease)

    def _audit_leases(self, read: Read, place: tuple[str, int], now: int) -> list[LeaseInfo]:
        group, number = place
        part = self.parts[place]
        found: list[LeaseInfo] = []
        at = 0
        while True:
            listed = read(claims.ListLeases(CREW, group, number, at, count=7))
            found.extend(listed.leases)
            at = listed.next_offset
            if not at:
                break
        counted = read(claims.CountLeases(CREW, group, number))
        self.queues[counted.queue] = part
        _audit_count(counted, found)
        for one in found:
            _audit_lease(part, one, now)
        there = {one.offset for one in found}
        for spot in part.spots.values():
            if spot.is_held(now) and spot.offset not in there:
                raise Violation(f"{spot} in {group} is pending, and not listed")
        for one in found:
            part.adopt(one, now)
        return found

    def _audit_consumers(
        self, read: Read, group: str, listed: dict[tuple[str, int], list[LeaseInfo]]
    ) -> None:
        held: dict[str, int] = {}
        for (of, _), leases in listed.items():
            for one in leases if of == group else ():
                held[one.consumer] = held.get(one.consumer, 0) + 1
        found = read(claims.ListConsumers(CREW, group)).consumers
        names = [one.consumer for one in found]
        for one in found:
            if one.leased != held.get(one.consumer, 0):
                raise Violation(f"{group}: {one} holds {held.get(one.consumer, 0)}")
        if set(held) - {*names, ""}:
            raise Violation(f"{group}: of {held} only {names} are there")
        for name in {*names, *(name for of, name in self.named if of == group)}:
            named = self.named.setdefault((group, name), Named())
            there = name in names
            if named.gone if there else named.sure:
                raise Violation(f"consumer `{name}` of {group} is {'' if there else 'not '}there")
            named.sure, named.gone, named.lease = there, not there, None

    def _audit_doubtful(self) -> None:
        """A claim that nobody heard the end of took all it was to take, or nothing."""
        for part, ask, must in self.doubtful:
            name = ask.command.consumer
            spots = [part.spots[offset] for offset in must]
            taken = [one for one in spots if one.state == HELD and one.consumer == name]
            left = [one for one in spots if one.state == HELD and one.lease == must[one.offset]]
            limited = isinstance(ask.command, ClaimIdle) and ask.command.count < ALL
            if taken and left and not limited and part.settings.deliveries_max is None:
                raise Violation(f"`{name}` claimed {taken}, and not {left}")
        self.doubtful.clear()

    def _audit_rest(self, read: Read, place: tuple[str, int], leased: set[int], now: int) -> None:
        """What is not leased can be had, or is over."""
        group, number = place
        part = self.parts[place]
        found: list[Delivery] = []
        while True:
            receive = ReceiveShare(CREW, group, 1_000, SESSION_LEASE, 0, number, AUDITOR)
            messages = read(receive).messages
            found.extend(messages)
            if not messages:
                break
        if found:
            _settle(read, place, found, asks.RELEASE)
        there = leased | {one.offset for one in found}
        most = part.settings.deliveries_max or FOREVER_MS
        for offset in range(read(topics.FindOffset(CREW, number, "latest")).offset):
            spot = part.spot(offset)
            if offset in there:
                continue
            dead = spot.state == HELD and spot.count >= most
            if part.doubt or not spot.counted:
                dead = dead or part.lossy or most != FOREVER_MS
            if spot.state not in (DONE, VAGUE) and offset >= part.cut and not dead:
                raise Violation(f"{spot} in {place} is lost at {now}")
            spot.state = DONE
        part.passed = 0
        part.doubt = part.lossy = False


def _settle(read: Read, place: tuple[str, int], messages: list[Delivery], outcome: int) -> None:
    offsets, leases = [one.offset for one in messages], [one.lease for one in messages]
    counts = [one.delivery_count for one in messages]
    settle = asks.Settle(share_name(CREW, *place), offsets, leases, counts, outcome)
    if read(settle).failed:
        raise Violation(f"what was just leased in {place} could not be settled")


def _audit_count(counted: claims.LeasesCounted, found: list[LeaseInfo]) -> None:
    """The count of leases is that of those listed."""
    offsets = [one.offset for one in found]
    held: dict[str, int] = {}
    for one in found:
        if one.consumer:
            held[one.consumer] = held.get(one.consumer, 0) + 1
    told = (counted.count, counted.first, counted.last, counted.consumers)
    ends = (min(offsets, default=-1), max(offsets, default=-1))
    if offsets != sorted(set(offsets)) or told != (len(found), *ends, tuple(sorted(held.items()))):
        raise Violation(f"{counted}, and listed are {found}")


def _audit_lease(part: Part, one: LeaseInfo, now: int) -> None:
    """What is leased is leased to whom anybody heard of last."""
    spot = part.spot(one.offset)
    if spot.state == VAGUE or spot.extended:
        return
    newer = part.doubt and one.lease > spot.lease and not spot.is_held(now)
    if newer:
        return
    if spot.state != HELD or one.lease != spot.lease or one.consumer != spot.consumer:
        raise Violation(f"{spot} is {one}")
    if spot.counted and one.deliveries != spot.count:
        raise Violation(f"{spot} was delivered {spot.count} times, and is {one}")
    if not spot.low_ms <= now - one.idle_ms <= spot.high_ms:
        raise Violation(f"{spot} was leased from {spot.low_ms} to {spot.high_ms}, and is {one}")
