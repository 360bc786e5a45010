"""Maps, sets and sorted sets under the keys of a space.

It stands over the operations on keys. The rule kept here: what names single members is one step;
what asks for all of a large collection comes in steps of some thousands.
"""

from collections.abc import Mapping
from decimal import Decimal

from postroad.api.asks import Asks
from postroad.api.kv import KeyOperations, Text, as_bytes, decimal_text, found_or_none
from postroad.api.options import duration
from postroad.api.refusals import expect
from postroad.limits import KV_READ_MAX
from postroad.model import kv
from postroad.model import kv_replies as said
from postroad.model.kv import (
    ALWAYS,
    BY_RANK,
    BY_SCORE,
    FIELD_CHANGED,
    IF_ABSENT,
    IF_GREATER,
    MAP,
    SET,
    SORTED,
)

Scored = list[tuple[bytes, float]]
"""Members with their scores."""


class SpaceOperations(KeyOperations):
    """Everything a space can do."""

    def map_set(
        self,
        key: Text,
        fields: Mapping[Text, Text],
        *,
        if_absent: bool = False,
        ttl_ms: int | None = None,
    ) -> Asks[int]:
        """Set fields of a map; how many are new. With `if_absent` fields that are there stay.
        `ttl_ms`: how long these fields last, for ever without it.

        Raises `WrongKind`, `KvFull`, `NoSpace`.
        """
        command = kv.KvMapSet(
            self.space,
            as_bytes(key),
            [as_bytes(field) for field in fields],
            [as_bytes(value) for value in fields.values()],
            IF_ABSENT if if_absent else ALWAYS,
            duration(ttl_ms, "ttl_ms"),
        )
        return expect((yield command), said.KvCounted).count

    def map_get(self, key: Text, field: Text) -> Asks[bytes | None]:
        """A field of a map, or `None`. Raises `WrongKind`."""
        command = kv.KvMembers(self.space, as_bytes(key), MAP, [as_bytes(field)])
        return expect((yield command), said.KvGot).values[0]

    def map_all(self, key: Text) -> Asks[dict[bytes, bytes]]:
        """All fields of a map. Raises `WrongKind`."""
        found: dict[bytes, bytes] = {}
        cursor = 0
        while True:
            command = kv.KvMembersScan(self.space, as_bytes(key), MAP, cursor, KV_READ_MAX)
            page = expect((yield command), said.KvMembersScanned)
            found.update(zip(page.members, page.values, strict=True))
            cursor = page.cursor
            if not cursor:
                return found

    def map_delete(self, key: Text, *fields: Text) -> Asks[int]:
        """Remove fields; how many there were. The key goes with the last. Raises `WrongKind`."""
        return self._remove(key, MAP, fields)

    def map_increment(self, key: Text, field: Text, by: int = 1) -> Asks[int]:
        """Add to the number in a field; the number now. Raises `NotANumber`, `WrongKind`."""
        command = kv.KvMapIncrement(self.space, as_bytes(key), as_bytes(field), by)
        return expect((yield command), said.KvNumber).number

    def map_increment_decimal(
        self, key: Text, field: Text, by: Decimal | float | str
    ) -> Asks[Decimal]:
        """Add to the decimal number in a field, exactly; the number now. Raises `NotANumber`,
        `WrongKind`.
        """
        command = kv.KvMapAdd(self.space, as_bytes(key), as_bytes(field), decimal_text(by))
        return Decimal(expect((yield command), said.KvDecimal).number.decode())

    def map_expire(self, key: Text, ttl_ms: int | None, *fields: Text) -> Asks[int]:
        """Let fields of a map end so long from now, or (`None`) never; how many changed. The key
        goes with its last field. Raises `WrongKind`.
        """
        named = [as_bytes(field) for field in fields]
        command = kv.KvFieldExpire(self.space, as_bytes(key), named, duration(ttl_ms, "ttl_ms"))
        return expect((yield command), said.KvEndsSet).results.count(FIELD_CHANGED)

    def map_ttl(self, key: Text, field: Text) -> Asks[int | None]:
        """How many ms a field has left; `None` where it never ends, 0 where it is not there. Raises
        `WrongKind`.
        """
        command = kv.KvFieldEnds(self.space, as_bytes(key), [as_bytes(field)])
        seen = expect((yield command), said.KvEndsSeen)
        end_ms = seen.ends_ms[0]
        if end_ms is None:
            return 0
        return end_ms - seen.now_ms if end_ms else None

    def set_add(self, key: Text, *members: Text) -> Asks[int]:
        """Add members to a set; how many are new. Raises `WrongKind`, `KvFull`, `NoSpace`."""
        command = kv.KvSetAdd(self.space, as_bytes(key), [as_bytes(one) for one in members])
        return expect((yield command), said.KvCounted).count

    def set_has(self, key: Text, member: Text) -> Asks[bool]:
        """Whether a set has a member. Raises `WrongKind`."""
        command = kv.KvMembers(self.space, as_bytes(key), SET, [as_bytes(member)])
        return expect((yield command), said.KvGot).values[0] is not None

    def set_members(self, key: Text) -> Asks[set[bytes]]:
        """All members of a set. Raises `WrongKind`."""
        found: set[bytes] = set()
        cursor = 0
        while True:
            command = kv.KvMembersScan(self.space, as_bytes(key), SET, cursor, KV_READ_MAX)
            page = expect((yield command), said.KvMembersScanned)
            found.update(page.members)
            cursor = page.cursor
            if not cursor:
                return found

    def set_remove(self, key: Text, *members: Text) -> Asks[int]:
        """Remove members; how many there were. Raises `WrongKind`."""
        return self._remove(key, SET, members)

    def set_pop(self, key: Text, count: int = 1) -> Asks[list[bytes]]:
        """Take up to `count` members by chance. Raises `WrongKind`."""
        command = kv.KvMembersRandom(self.space, as_bytes(key), SET, count, remove=True)
        return expect((yield command), said.KvMembersScanned).members

    def score_set(
        self,
        key: Text,
        scores: Mapping[Text, float],
        *,
        if_absent: bool = False,
        if_greater: bool = False,
    ) -> Asks[int]:
        """Set scores of members of a sorted set; how many members are new.

        `if_absent`: members that are there keep theirs; `if_greater`: unless the new is greater.
        Raises `WrongKind`, `KvFull`, `NoSpace`.
        """
        command = kv.KvSortedSet(
            self.space,
            as_bytes(key),
            [as_bytes(member) for member in scores],
            list(scores.values()),
            IF_ABSENT if if_absent else ALWAYS,
            IF_GREATER if if_greater else ALWAYS,
        )
        return expect((yield command), said.KvScoresSet).added

    def score_add(self, key: Text, member: Text, by: float) -> Asks[float]:
        """Add to a score, 0 where the member is absent; the score now. Raises `WrongKind`."""
        member = as_bytes(member)
        command = kv.KvSortedSet(self.space, as_bytes(key), [member], [by], increment=True)
        score = expect((yield command), said.KvScoresSet).scores[0]
        assert score is not None, "an increment without condition is done"
        return score

    def score_get(self, key: Text, member: Text) -> Asks[float | None]:
        """The score of a member, or `None`. Raises `WrongKind`."""
        command = kv.KvMembers(self.space, as_bytes(key), SORTED, [as_bytes(member)])
        return expect((yield command), said.KvScores).scores[0]

    def score_rank(self, key: Text, member: Text, *, reverse: bool = False) -> Asks[int | None]:
        """The place of a member from 0 by (score, member), or `None`. Raises `WrongKind`."""
        command = kv.KvSortedRank(self.space, as_bytes(key), as_bytes(member), reverse)
        found = found_or_none((yield command))
        return None if found is None else found.number

    def score_range(
        self, key: Text, first: int = 0, last: int = -1, *, reverse: bool = False
    ) -> Asks[Scored]:
        """Members from place `first` to `last`, both included, negative ones from the end; with
        `reverse` the highest is the first. Raises `WrongKind`.
        """
        command = kv.KvSortedRange(
            self.space, as_bytes(key), BY_RANK, first, last, reverse=reverse, count=KV_READ_MAX
        )
        return self._all_of(command, None)

    def score_between(
        self,
        key: Text,
        low: float | None = None,
        high: float | None = None,
        *,
        reverse: bool = False,
        count: int | None = None,
    ) -> Asks[Scored]:
        """Members with scores from `low` to `high`, both included, by (score, member), at most
        `count`. Raises `WrongKind`.
        """
        command = kv.KvSortedRange(
            self.space, as_bytes(key), BY_SCORE, low, high, reverse=reverse, count=KV_READ_MAX
        )
        return self._all_of(command, count)

    def score_count(
        self, key: Text, low: float | None = None, high: float | None = None
    ) -> Asks[int]:
        """How many members have scores from `low` to `high`. Raises `WrongKind`."""
        command = kv.KvSortedCount(self.space, as_bytes(key), BY_SCORE, low, high)
        return expect((yield command), said.KvCounted).count

    def score_remove(self, key: Text, *members: Text) -> Asks[int]:
        """Remove members; how many there were. Raises `WrongKind`."""
        return self._remove(key, SORTED, members)

    def score_pop(self, key: Text, count: int = 1, *, highest: bool = False) -> Asks[Scored]:
        """Take the members with the lowest scores, or the highest. Raises `WrongKind`."""
        command = kv.KvSortedRange(
            self.space, as_bytes(key), BY_RANK, reverse=highest, count=count, remove=True
        )
        page = expect((yield command), said.KvScored)
        return list(zip(page.members, page.scores, strict=True))

    def _remove(self, key: Text, kind: int, members: tuple[Text, ...]) -> Asks[int]:
        wanted = [as_bytes(one) for one in members]
        command = kv.KvMembersRemove(self.space, as_bytes(key), kind, wanted)
        return expect((yield command), said.KvCounted).count

    def _all_of(self, command: kv.KvSortedRange, count: int | None) -> Asks[Scored]:
        found: Scored = []
        while True:
            left = KV_READ_MAX if count is None else min(KV_READ_MAX, count - len(found))
            step = kv.KvSortedRange(
                command.space,
                command.key,
                command.by,
                command.low,
                command.high,
                reverse=command.reverse,
                offset=len(found),
                count=left,
            )
            page = expect((yield step), said.KvScored)
            found.extend(zip(page.members, page.scores, strict=True))
            if len(page.members) < KV_READ_MAX or (count is not None and len(found) >= count):
                return found
