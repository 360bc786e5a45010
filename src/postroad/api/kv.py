"""What a Python program can do with the keys of one space, each thing written once.

It stands between the faces of a space and the model. The rule kept here: texts become UTF-8 on the
way in, and what comes back is bytes; an absent key reads as nothing and is never an error.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from postroad.api.asks import Asks
from postroad.api.options import duration
from postroad.api.refusals import expect
from postroad.errors import BadCommand
from postroad.limits import KV_READ_MAX
from postroad.model import kv
from postroad.model import kv_replies as said
from postroad.model.kv import ALWAYS, IF_ABSENT, IF_PRESENT
from postroad.model.replies import Refused, Why

Text = bytes | str
"""A key, value, field or member: bytes as they are, text as UTF-8."""


class KeyOperations:
    """What concerns whole keys, and bytes under them."""

    def __init__(self, space: str) -> None:
        self.space = space

    def set(
        self,
        key: Text,
        value: Text,
        *,
        ttl_ms: int | None = None,
        keep_ttl: bool = False,
        if_absent: bool = False,
        if_present: bool = False,
    ) -> Asks[bool]:
        """Set a key, whatever was there; false where `if_absent` or `if_present` did not hold.

        `ttl_ms`: gone after so long; without it for ever, or with `keep_ttl` as before. Raises
        `KvFull`, `NoSpace`, `MessageTooLarge`.
        """
        only = _only(if_absent, if_present)
        command = kv.KvSet(
            self.space,
            [as_bytes(key)],
            [as_bytes(value)],
            ttl_ms=duration(ttl_ms, "ttl_ms"),
            keep_ttl=keep_ttl,
            only=only,
        )
        return expect((yield command), said.KvStored).done

    def set_many(
        self, items: Mapping[Text, Text], *, ttl_ms: int | None = None, if_absent: bool = False
    ) -> Asks[bool]:
        """Set several keys in one step, all or (with `if_absent`, where one exists) none."""
        command = kv.KvSet(
            self.space,
            [as_bytes(key) for key in items],
            [as_bytes(value) for value in items.values()],
            ttl_ms=duration(ttl_ms, "ttl_ms"),
            only=IF_ABSENT if if_absent else ALWAYS,
        )
        return expect((yield command), said.KvStored).done

    def get(self, key: Text) -> Asks[bytes | None]:
        """The bytes under a key, or `None`. Raises `WrongKind` where it holds a collection."""
        command = kv.KvGet(self.space, [as_bytes(key)])
        return expect((yield command), said.KvGot).values[0]

    def get_many(self, keys: Sequence[Text]) -> Asks[list[bytes | None]]:
        """The bytes under several keys as of one moment."""
        command = kv.KvGet(self.space, [as_bytes(key) for key in keys])
        return expect((yield command), said.KvGot).values

    def info(self, key: Text) -> Asks[said.KvInfo | None]:
        """Kind, version, end and size of what is under a key, or `None`."""
        command = kv.KvLook(self.space, [as_bytes(key)])
        found = expect((yield command), said.KvSeen).infos[0]
        return found if found.kind else None

    def ttl(self, key: Text) -> Asks[int | None]:
        """How many ms a key has left; `None` where it never ends, 0 where it is not there."""
        command = kv.KvLook(self.space, [as_bytes(key)])
        seen = expect((yield command), said.KvSeen)
        found = seen.infos[0]
        if not found.kind:
            return 0
        return found.expires_ms - seen.now_ms if found.expires_ms else None

    def compare_and_set(
        self,
        key: Text,
        value: Text,
        *,
        version: int | None = None,
        equals: Text | None = None,
        ttl_ms: int | None = None,
    ) -> Asks[int]:
        """Set a key only if it has this `version` (0: is absent; or what `watch` told), or holds
        `equals`, now; its new version, or 0 where it has not.

        Versions are never used twice, also after a delete, so that an equal version means that
        nothing happened meanwhile.
        """
        command = kv.KvSet(
            self.space,
            [as_bytes(key)],
            [as_bytes(value)],
            ttl_ms=duration(ttl_ms, "ttl_ms"),
            versions=_one_of(version, equals),
            equals=None if equals is None else [as_bytes(equals)],
        )
        stored = expect((yield command), said.KvStored)
        return stored.versions[0] if stored.done else 0

    def delete(self, *keys: Text) -> Asks[int]:
        """Delete keys of any kind in one step; how many there were."""
        command = kv.KvDelete(self.space, [as_bytes(key) for key in keys])
        return expect((yield command), said.KvCounted).count

    def compare_and_delete(
        self, key: Text, *, version: int | None = None, equals: Text | None = None
    ) -> Asks[bool]:
        """Delete a key only if it has this `version`, or holds `equals`, now: how a lock is given
        back by its owner only.
        """
        command = kv.KvDelete(
            self.space,
            [as_bytes(key)],
            _one_of(version, equals),
            None if equals is None else [as_bytes(equals)],
        )
        return expect((yield command), said.KvCounted).count > 0

    def increment(self, key: Text, by: int = 1, *, ttl_ms: int | None = None) -> Asks[int]:
        """Add to the number under a key, 0 where it is absent; the number now.

        `ttl_ms` counts from the first increment. Raises `NotANumber`, `WrongKind`.
        """
        command = kv.KvIncrement(self.space, as_bytes(key), by, duration(ttl_ms, "ttl_ms"))
        return expect((yield command), said.KvNumber).number

    def increment_decimal(self, key: Text, by: Decimal | float | str) -> Asks[Decimal]:
        """Add to the decimal number under a key, 0 where it is absent, exactly; the number now. The
        key keeps its end. Raises `NotANumber`, `WrongKind`.
        """
        command = kv.KvAdd(self.space, as_bytes(key), decimal_text(by))
        return Decimal(expect((yield command), said.KvDecimal).number.decode())

    def watch(self, key: Text) -> Asks[int]:
        """A number to name as `version` in a comparison: it holds as long as nothing happened to
        the key, and where it is absent, nothing came and went. Very rarely it does not hold though
        nothing happened.
        """
        command = kv.KvLook(self.space, [as_bytes(key)])
        return expect((yield command), said.KvSeen).infos[0].watch

    def expire(self, key: Text, ttl_ms: int | None) -> Asks[bool]:
        """Let a key end so long from now, or (`None`) never; false where nothing changed."""
        command = kv.KvExpire(self.space, [as_bytes(key)], duration(ttl_ms, "ttl_ms"))
        return expect((yield command), said.KvCounted).count > 0

    def rename(self, key: Text, new_key: Text, *, if_absent: bool = False) -> Asks[bool]:
        """Put what is under a key under another, of any kind and size at once. Raises
        `KeyNotFound`.
        """
        only = IF_ABSENT if if_absent else ALWAYS
        command = kv.KvRename(self.space, as_bytes(key), as_bytes(new_key), only=only)
        return expect((yield command), said.KvStored).done

    def keys(self, pattern: Text | None = None) -> Asks[list[bytes]]:
        """All keys that match a pattern such as `user:*`, in no order. A key that was there all the
        time is in it once; for very many, `scan` a page at a time.
        """
        found: list[bytes] = []
        cursor = 0
        while True:
            page = yield from self.scan(cursor, KV_READ_MAX, pattern)
            found.extend(page[0])
            cursor = page[1]
            if not cursor:
                return found

    def scan(
        self, cursor: int = 0, count: int = 100, pattern: Text | None = None
    ) -> Asks[tuple[list[bytes], int]]:
        """Some keys, and the cursor to go on with, 0 at the end."""
        wanted = None if pattern is None else as_bytes(pattern)
        command = kv.KvScan(self.space, cursor, count, wanted)
        page = expect((yield command), said.KvScanned)
        return page.keys, page.cursor

    def random_key(self) -> Asks[bytes | None]:
        """Some key by chance."""
        found = expect((yield kv.KvRandom(self.space)), said.KvScanned).keys
        return found[0] if found else None

    def count(self) -> Asks[int]:
        """How many keys the space has."""
        return expect((yield kv.KvCount(self.space)), said.KvCounted).count

    def flush(self) -> Asks[int]:
        """Delete all keys of the space, at once, however many; how many it were."""
        return expect((yield kv.KvFlush(self.space)), said.KvCounted).count


def decimal_text(number: Decimal | float | str) -> bytes:
    """A number as one would write it down."""
    return str(number).encode()


def as_bytes(text: Text) -> bytes:
    """Bytes as they are, text as UTF-8."""
    if isinstance(text, str):
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise BadCommand("a text is one that UTF-8 can carry") from None
    if not isinstance(text, bytes):
        raise BadCommand(f"keys and values are bytes or text, not {type(text).__name__}")
    return text


def found_or_none(reply: object) -> said.KvNumber | None:
    """The number, or `None` where there is no such member."""
    if isinstance(reply, Refused) and reply.why is Why.NO_SUCH_KEY:
        return None
    assert isinstance(reply, said.KvNumber | Refused), reply
    return expect(reply, said.KvNumber)


def _only(if_absent: bool, if_present: bool) -> int:
    if if_absent and if_present:
        raise BadCommand("a key cannot be absent and there at once")
    return IF_ABSENT if if_absent else IF_PRESENT if if_present else ALWAYS


def _one_of(version: int | None, equals: Text | None) -> list[int] | None:
    if (version is None) == (equals is None):
        raise BadCommand("compare either the `version`, or `equals`")
    return None if version is None else [version]
