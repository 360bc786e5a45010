"""What kv means, in dicts: one naive space of keys."""

from postroad.model.kv import BYTES, MAP, SET, SORTED

Content = bytes | dict[bytes, bytes] | dict[bytes, float]


class NaiveKey:
    """What is under a key, and when it ends (0: never)."""

    def __init__(self, kind: int, content: Content, expires_ms: int = 0) -> None:
        self.kind = kind
        self.content = content
        self.expires_ms = expires_ms
        self.ends: dict[bytes, int] = {}
        self.version = 0

    @property
    def members(self) -> dict[bytes, object]:
        assert isinstance(self.content, dict)
        return self.content  # type: ignore[return-value]

    @property
    def size(self) -> int:
        return len(self.content)

    def in_order(self) -> list[tuple[float, bytes]]:
        assert self.kind == SORTED
        return sorted((score, member) for member, score in self.members.items())  # type: ignore[misc]


class NaiveSpace:
    """Keys with a clock."""

    def __init__(self) -> None:
        self.keys: dict[bytes, NaiveKey] = {}

    def pass_time(self, now: int) -> None:
        for key in [one for one, held in self.keys.items() if 0 < held.expires_ms <= now]:
            del self.keys[key]

    def end_fields(self, now: int) -> list[bytes]:
        """The keys of maps of which fields end now."""
        found: list[bytes] = []
        for key, held in list(self.keys.items()):
            over = [field for field, end in held.ends.items() if end <= now]
            for field in over:
                del held.ends[field]
                del held.members[field]
            if over:
                found.append(key)
                self.keep(key, held)
        return found

    def put(self, key: bytes, value: bytes, expires_ms: int = 0) -> None:
        self.keys[key] = NaiveKey(BYTES, value, expires_ms)

    def number(self, key: bytes) -> int | None:
        held = self.keys.get(key)
        if held is None:
            return 0
        if held.kind != BYTES:
            return None
        assert isinstance(held.content, bytes)
        return int(held.content) if held.content.removeprefix(b"-").isdigit() else None

    def collection(self, key: bytes, kind: int) -> NaiveKey | None:
        """What is there of this kind, made if need be; `None` if it is of another."""
        held = self.keys.get(key)
        if held is None:
            return NaiveKey(kind, {})
        return held if held.kind == kind else None

    def keep(self, key: bytes, held: NaiveKey) -> None:
        """A collection without members is none."""
        held.ends = {field: end for field, end in held.ends.items() if field in held.members}
        if held.content:
            self.keys[key] = held
        else:
            self.keys.pop(key, None)


COLLECTIONS = (MAP, SET, SORTED)
