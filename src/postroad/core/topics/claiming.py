"""Claims: leased messages change hands.

One rule: what is claimed is under one new lease of one consumer, and nothing that is not leased now
is claimed, unless it is ready and the claimer says so.
"""

from array import array

from postroad.core import history
from postroad.core import records as core_facts
from postroad.core.bits import PAGE, bits_of, lowest, mask_of, pack_mask
from postroad.core.decide.receive import deadline_of, free_slots, next_lease
from postroad.core.decision import TOO_LONG, Decision, World, refuse, too_long
from postroad.core.handout import Handout, Piece, pieces_of
from postroad.core.page import Page
from postroad.core.records import Record
from postroad.core.settled import done_record
from postroad.core.topics import records as facts
from postroad.core.topics.consumers import Place, admit, leased_from, place_of
from postroad.limits import CLAIM_MAX, DELIVERIES_MAX, LEASES_SEEN_MAX
from postroad.model.claims import Claimed, ClaimIdle, ClaimLeases
from postroad.model.commands import SESSION_LEASE
from postroad.model.replies import Why

NOBODY = -1
"""A holder that no lease bears."""


class Claim:
    """What is claimed of one partition. `masks`: lease -> bits of the page that begins at
    `bases[lease]`; `over`: likewise, of what the log has forgotten; `fresh`: first offset of a page
    -> bits that are ready and taken all the same."""

    def __init__(self, place: Place, command: ClaimLeases | ClaimIdle, now: int) -> None:
        self.place = place
        self.command = command
        self.now = now
        self.masks: dict[int, int] = {}
        self.over: dict[int, int] = {}
        self.bases: dict[int, int] = {}
        self.fresh: dict[int, int] = {}
        self.gone: list[int] = []
        self.count = 0

    def take(self, offset: int, of: int | None) -> None:
        """Claim a message if it is leased, for long enough, and by `of` (`None`: anybody)."""
        queue = self.place.queue
        lease = queue.leases.at(offset)
        segment = queue.leases.find(lease) if lease else None
        if segment is None:
            return
        index = (lease & (PAGE - 1)) - segment.start
        if self.now - segment.granted[index] < self.command.idle_ms:
            return
        if of is not None and segment.holder[index] != of:
            return
        bit = 1 << (offset & (PAGE - 1))
        self.bases[lease] = offset & ~(PAGE - 1)
        if offset < self.place.log.start:
            self.over[lease] = self.over.get(lease, 0) | bit
            self.gone.append(offset)
            return
        self.masks[lease] = self.masks.get(lease, 0) | bit
        self.count += 1

    def take_ready(self, offset: int) -> None:
        """Claim a message that nobody has."""
        page = self.place.queue.page_of(offset)
        if page is None or not (page.ready >> (offset & (PAGE - 1))) & 1:
            return
        if free_slots(self.place.queue, self.count + 1) > self.count:
            base = page.base
            self.fresh[base] = self.fresh.get(base, 0) | (1 << (offset & (PAGE - 1)))
            self.count += 1


def decide_claim(world: World, command: ClaimLeases, now: int) -> Decision:
    """Take over messages by their offsets."""
    place = place_of(world, command.topic, command.group, command.partition)
    if isinstance(place, Decision):
        return place
    if len(command.offsets) > CLAIM_MAX:
        return refuse(Why.BAD_COMMAND, f"a claim names at most {CLAIM_MAX:,} messages")
    claim = Claim(place, command, now)
    for offset in sorted(set(command.offsets)):
        if not 0 <= offset < place.queue.next_offset:
            continue
        if command.force and not place.queue.leases.at(offset):
            claim.take_ready(offset)
        else:
            claim.take(offset, None)
    return _decision(world, claim, 0)


def decide_claim_idle(world: World, command: ClaimIdle, now: int) -> Decision:
    """Take over what has been leased for long, in order."""
    place = place_of(world, command.topic, command.group, command.partition)
    if isinstance(place, Decision):
        return place
    of: int | None = None
    if command.of is not None:
        known = place.share.consumers.get(command.of)
        of = NOBODY if known is None else known.holder
    claim = Claim(place, command, now)
    most = min(max(command.count, 0), CLAIM_MAX)
    next_offset = 0
    for seen, offset in enumerate(leased_from(place.queue, max(0, command.start))):
        if claim.count >= most or seen >= LEASES_SEEN_MAX:
            next_offset = offset
            break
        claim.take(offset, of)
    return _decision(world, claim, next_offset)


def _decision(world: World, claim: Claim, next_offset: int) -> Decision:
    command, now = claim.command, claim.now
    wrong = _wrong(command)
    if wrong is not None:
        return refuse(Why.BAD_COMMAND, wrong)
    admitted = admit(world, claim.place.share, command.consumer, now)
    if isinstance(admitted, Decision):
        return admitted
    records, holder = admitted
    queue = claim.place.queue
    for lease, mask in claim.over.items():
        records.append(done_record(queue, lease, claim.bases[lease], mask, now))
    taking = Taking(world, claim, holder)
    for lease, mask in claim.masks.items():
        taking.change_hands(lease, claim.bases[lease], mask)
    for base, mask in claim.fresh.items():
        taking.lease(base, mask)
    records += taking.records
    known = claim.place.share.by_holder.get(holder)
    if known is not None and taking.records:
        known.active_ms = now
    group = None if records else max(queue.touched, claim.place.log.touched)
    if not command.bodies:
        rows = sorted(taking.rows)
        offsets, leases = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
        return Decision(records, Claimed(offsets, leases, next_offset, tuple(claim.gone)), group)
    handout = Handout(queue.id, now)
    handout.pieces = sorted(taking.pieces, key=lambda piece: piece.offset)
    handout.next_offset = next_offset
    handout.gone = tuple(claim.gone)
    return Decision(records, handout, group)


class Taking:
    """The records of a claim, the pieces or (offset, lease) of what is handed out."""

    def __init__(self, world: World, claim: Claim, holder: int) -> None:
        command, queue = claim.command, claim.place.queue
        self.claim = claim
        self.queue = queue
        self.holder = holder
        self.next = next_lease(world, queue)
        self.deadline_ms = deadline_of(queue, command.lease_ms, claim.now)
        self.granted_ms = claim.now
        self.deliveries = 0
        if isinstance(command, ClaimLeases):
            self.granted_ms = max(0, claim.now - command.since_ms)
            self.deliveries = command.deliveries or 0
        self.counted = command.bodies and not self.deliveries
        self.records: list[Record] = []
        self.pieces: list[Piece] = []
        self.rows: list[tuple[int, int]] = []

    def change_hands(self, lease: int, base: int, mask: int) -> None:
        """Leased messages of one page; those that were delivered too often come back dead."""
        queue = self.queue
        page = queue.page_of(base + lowest(mask))
        assert page is not None, "a leased message has a page"
        spent = self._spent(page, mask)
        if spent:
            first, span, packed = pack_mask(spent)
            came_back = (queue.id, lease, base + first, span, packed, 0, True, 0, self.claim.now)
            self.records.append(history.CameBack(*came_back))
        mask &= ~spent
        if not mask:
            return
        first, span, packed = pack_mask(mask)
        terms = (self.deadline_ms, self.holder, self.granted_ms, self.counted, self.deliveries)
        whose = (queue.id, lease, base + first, span, packed, self.next)
        self.records.append(facts.Claimed(*whose, *terms))
        self._hand_out(page, mask, lease)

    def lease(self, base: int, mask: int) -> None:
        """Ready messages of one page."""
        page = self.queue.page_of(base + lowest(mask))
        assert page is not None, "a ready message has a page"
        first, span, packed = pack_mask(mask)
        whose = (self.queue.id, self.next, base + first, span, packed)
        self.records.append(
            core_facts.Leased(*whose, self.deadline_ms, self.holder, self.granted_ms)
        )
        self._hand_out(page, mask, 0)

    def _spent(self, page: Page, mask: int) -> int:
        most = self.queue.settings.deliveries_max
        if not self.counted or most is None:
            return 0
        return mask_of([slot for slot in bits_of(mask) if page.count_of(slot) + 1 >= most])

    def _hand_out(self, page: Page, mask: int, lease: int) -> None:
        """`lease`: who had the messages until now."""
        if not self.claim.command.bodies:
            self.rows.extend((page.base + slot, self.next) for slot in bits_of(mask))
        elif lease:
            segment = self.queue.leases.find(lease)
            assert segment is not None, "what is claimed is leased"
            granted_ms = segment.granted[(lease & (PAGE - 1)) - segment.start]
            for piece in pieces_of(self.queue, page.base, mask, page, self.next):
                slots = range(piece.offset - page.base, piece.offset - page.base + piece.count)
                counts = [self._failed(page.count_of(slot)) for slot in slots]
                piece.counts = array("H", counts)
                piece.firsts = array("Q", [page.first_of(slot) or granted_ms for slot in slots])
                self.pieces.append(piece)
        else:
            self.pieces.extend(pieces_of(self.queue, page.base, mask, page, self.next))
        self.next += 1

    def _failed(self, known: int) -> int:
        """The deliveries before this one, as they count from now on."""
        if self.deliveries:
            return self.deliveries - 1
        return min(known + self.counted, DELIVERIES_MAX)


def _wrong(command: ClaimLeases | ClaimIdle) -> str | None:
    lease_ms, since_ms, deliveries = command.lease_ms, 0, None
    if isinstance(command, ClaimLeases):
        since_ms, deliveries = command.since_ms, command.deliveries
    if lease_ms is not None and lease_ms < SESSION_LEASE:
        return "a lease time is not below 0"
    if lease_ms == SESSION_LEASE and not command.consumer:
        return "a claim for nobody by name has a lease time"
    if too_long(lease_ms, since_ms, command.idle_ms):
        return TOO_LONG
    if since_ms < 0 or command.idle_ms < 0:
        return "times are not below 0"
    if deliveries is not None and not 1 <= deliveries <= DELIVERIES_MAX:
        return f"deliveries are from 1 to {DELIVERIES_MAX:,}"
    return None
