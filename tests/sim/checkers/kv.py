"""What kv promises: a read shows the last write that was done or one on its way, versions only
rise and are given once, ends come when they should."""

from typing import Any

from postroad.model import kv
from postroad.model import kv_replies as answers
from postroad.model.replies import Refused
from tests.sim.checkers.registers import ABSENT, Register
from tests.sim.copies import FOREVER_MS, Asked, Violation
from tests.sim.tap import Tap
from tests.sim.workloads.fields import SPACE as FIELDS_SPACE

Place = tuple[str, bytes, bytes | None]
"""A space, a key, and for a part of what is there the member."""

TALLY = b"tally"
"""Keys that begin so are only ever added to."""


class KvRules:
    """Registers by place, versions, and tallies."""

    asks = (
        *(kv.KvSet, kv.KvGet, kv.KvLook, kv.KvDelete, kv.KvIncrement, kv.KvExpire, kv.KvRename),
        *(kv.KvFlush, kv.KvMapSet, kv.KvSetAdd, kv.KvSortedSet, kv.KvMembers, kv.KvMembersRemove),
    )

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.registers: dict[Place, Register] = {}
        self.event = 0
        self.newest = 0
        self.of_version: dict[int, tuple[str, bytes, Any]] = {}
        self.ends: dict[int, int] = {}
        self.known: dict[tuple[str, bytes], int] = {}
        self.tallies: dict[tuple[str, bytes], tuple[int, int]] = {}

    def register(self, space: str, key: bytes, member: bytes | None = None) -> Register:
        """What is known of a place."""
        return self.registers.setdefault((space, key, member), Register())

    def asked(self, ask: Asked) -> None:
        """A command is asked."""
        if is_apart(ask.command):
            return
        self.event = ask.event
        ask.newest = self.newest
        ask.writes = []
        command = ask.command
        if isinstance(command, kv.KvSet):
            low = FOREVER_MS if command.ttl_ms is None else ask.now + command.ttl_ms
            if command.keep_ttl:
                low = 0
            for key, value in zip(command.keys, command.values, strict=True):
                self._will(ask, (command.space, key, None), value, low)
        elif isinstance(command, kv.KvDelete):
            for key in command.keys:
                self._will(ask, (command.space, key, None), ABSENT)
        elif isinstance(command, kv.KvFlush):
            for place in [place for place in self.registers if place[0] == command.space]:
                self._will(ask, place, ABSENT)
        else:
            self._will_more(ask, command)
        keys = [command.key] if hasattr(command, "key") else getattr(command, "keys", ())
        ask.known = {key: self.known.get((command.space, key), 0) for key in keys}

    def answered(self, ask: Asked, reply: Any, now: int, event: int) -> None:
        """A command is answered."""
        if is_apart(ask.command):
            return
        self.event = event
        command = ask.command
        if isinstance(reply, Refused):
            self._refuse(ask)
        elif isinstance(reply, answers.KvStored):
            self._stored(ask, reply, now)
        elif isinstance(reply, answers.KvGot | answers.KvScores | answers.KvSeen):
            self._shown(ask, reply, now)
        elif isinstance(reply, answers.KvNumber):
            self._number(ask, command, reply)
        elif isinstance(command, kv.KvDelete) and not reply.done:
            self._refuse(ask)
        elif isinstance(command, kv.KvExpire):
            for place, one in ask.writes:
                self.registers[place].doubt(one, self.event)
        else:
            self._confirm(ask, now)

    def _shown(self, ask: Asked, reply: Any, now: int) -> None:
        command = ask.command
        if isinstance(reply, answers.KvGot):
            self._got(ask, reply, now)
        elif isinstance(reply, answers.KvSeen):
            self._seen(ask, reply)
        else:
            for member, score in zip(command.members, reply.scores, strict=True):
                self._read(ask, (command.space, command.key, member), score, now)

    def unknown(self, ask: Asked, event: int) -> None:
        """Nobody will tell what became of it."""
        for place, one in ask.writes:
            self.registers[place].doubt(one, event)
        if isinstance(ask.command, kv.KvIncrement):
            self._add(ask.command, 0, 0)

    def prove(self, ask: Asked, event: int, done: bool) -> None:
        """What was in doubt was done, or was not."""
        for place, one in ask.writes:
            if done:
                one.sure = True
                one.done = event
            elif one in self.registers[place].writes:
                self.registers[place].refuse(one)

    def audit(self, read: Any, _now: int, event: int) -> None:
        """All is quiet: what is read now is what there is."""
        groups: dict[tuple[str, bytes | None], list[bytes]] = {}
        for space, key, member in self.registers:
            group = (space, None if member is None else key)
            groups.setdefault(group, []).append(key if member is None else member)
        for (space, whole), names in groups.items():
            if whole is None:
                infos = read(kv.KvLook(space, names)).infos
                ends = [info.expires_ms or FOREVER_MS for info in infos]
                values = read(kv.KvGet(space, names)).values
            else:
                reply = read(kv.KvMembers(space, whole, _kind_of(whole), names))
                values = reply.scores if isinstance(reply, answers.KvScores) else reply.values
                ends = [FOREVER_MS] * len(names)
            for name, value, end in zip(names, values, ends, strict=True):
                place = (space, name, None) if whole is None else (space, whole, name)
                self.registers[place].settle(value, event, end)
        self._audit_tallies(read)

    def _audit_tallies(self, read: Any) -> None:
        for (space, key), (least, most) in self.tallies.items():
            value = read(kv.KvGet(space, (key,))).values[0]
            number = 0 if value is None else int(value)
            if not least <= number <= most:
                raise Violation(f"`{space}` {key!r} is {number}: {least} to {most} were added")
            self.tallies[(space, key)] = (number, number)

    def _will(self, ask: Asked, place: Place, value: Any, low_ms: int = FOREVER_MS) -> None:
        register = self.register(*place)
        ask.writes.append((place, register.write(value, ask.event, low_ms)))

    def _will_more(self, ask: Asked, command: Any) -> None:
        space = command.space
        if isinstance(command, kv.KvExpire):
            for key in command.keys:
                self._will_copy(ask, key, key, ask.now + (command.ttl_ms or 0))
        elif isinstance(command, kv.KvRename):
            # Whichever it was has gone over; which one only the next look tells.
            self._will_copy(ask, command.key, command.new_key, 0)
            self._will(ask, (space, command.key, None), ABSENT)
        elif isinstance(command, kv.KvIncrement):
            self._add(command, 0, command.by)
        else:
            for member, value in _members_of(command):
                self._will(ask, (space, command.key, member), value)

    def _will_copy(self, ask: Asked, source: bytes, target: bytes, low_ms: int) -> None:
        """What may be under one key may be under another, or may end otherwise."""
        space = ask.command.space
        writes = self.register(space, source).writes
        for value in {one.value: None for one in writes if one.value is not None}:
            self._will(ask, (space, target, None), value, low_ms)

    def _add(self, command: kv.KvIncrement, sure: int, asked: int) -> None:
        place = (command.space, command.key)
        least, most = self.tallies.get(place, (0, 0))
        self.tallies[place] = (least + sure, most + asked)

    def _confirm(self, ask: Asked, now: int) -> None:
        for place, one in ask.writes:
            high = FOREVER_MS
            ttl_ms = getattr(ask.command, "ttl_ms", None)
            if ttl_ms is not None:
                high = now + ttl_ms
            self.registers[place].confirm(one, self.event, high)

    def _refuse(self, ask: Asked) -> None:
        for place, one in ask.writes:
            self.registers[place].refuse(one)
        if isinstance(ask.command, kv.KvIncrement):
            self._add(ask.command, 0, -ask.command.by)

    def _stored(self, ask: Asked, reply: answers.KvStored, now: int) -> None:
        command = ask.command
        if not reply.done:
            self._refuse(ask)
            for key, version in zip(_keys(command), reply.versions, strict=False):
                self._version(ask, key, version)
            return
        if isinstance(command, kv.KvRename):
            self._renamed(ask)
            self._given(ask, command.new_key, reply.versions[0], None)
            return
        self._confirm(ask, now)
        for at, key in enumerate(command.keys):
            if command.versions is not None and 0 < command.versions[at] < ask.known[key]:
                raise Violation(f"`{key!r}` was set though it was newer than {command.versions}")
            self._given(ask, key, reply.versions[at], command.values[at])

    def _renamed(self, ask: Asked) -> None:
        *others, (place, source) = ask.writes
        for other, one in others:
            self.registers[other].doubt(one, self.event)
        self.registers[place].confirm(source, self.event)

    def _got(self, ask: Asked, reply: answers.KvGot, now: int) -> None:
        command = ask.command
        self._durable(command, reply.values)
        if isinstance(command, kv.KvMembers):
            for member, value in zip(command.members, reply.values, strict=True):
                self._read(ask, (command.space, command.key, member), value, now)
            self._version(ask, command.key, reply.versions[0])
            return
        for key, value, version in zip(command.keys, reply.values, reply.versions, strict=True):
            self._version(ask, key, version)
            if not key.startswith(TALLY):
                self._read(ask, (command.space, key, None), value, now)
                self._is(command.space, key, version, value)

    def _durable(self, command: Any, values: list[bytes | None]) -> None:
        """Whatever is shown would be there after a crash too; numbers tell by their sums."""
        keys = getattr(command, "keys", None) or [command.key] * len(values)
        for key, value in zip(keys, values, strict=True):
            if value is not None and not key.startswith(TALLY) and value not in self.tap.values:
                raise Violation(f"{key!r} was read before {value!r} was durable")

    def _seen(self, ask: Asked, reply: answers.KvSeen) -> None:
        for key, info in zip(ask.command.keys, reply.infos, strict=True):
            self._version(ask, key, info.version)
            if info.expires_ms and info.expires_ms <= reply.now_ms:
                raise Violation(f"{key!r} is there {reply.now_ms - info.expires_ms} ms too long")
            if info.version:
                end = self.ends.setdefault(info.version, info.expires_ms)
                if end != info.expires_ms:
                    raise Violation(f"{key!r} ended at {end} and ends at {info.expires_ms}")

    def _number(self, ask: Asked, command: Any, reply: answers.KvNumber) -> None:
        self._add(command, command.by, 0)
        self._given(ask, command.key, reply.version, b"%d" % reply.number)
        least, most = self.tallies[(command.space, command.key)]
        if not 0 < reply.number <= most:
            raise Violation(f"{command.key!r} is {reply.number}: {least} to {most} were added")

    def _read(self, ask: Asked, place: Place, value: Any, now: int) -> None:
        register = self.registers.get(place)
        allowed = [ABSENT] if register is None else register.may_be(ask.event, ask.now, now)
        if value not in allowed:
            raise Violation(f"{place} holds {value!r} for a client, which is none of {allowed}")

    def _version(self, ask: Asked, key: bytes, version: int) -> None:
        """A version was read."""
        if version and version < ask.known.get(key, 0):
            raise Violation(f"{key!r} is of version {version} and was of {ask.known[key]}")
        place = (ask.command.space, key)
        self.known[place] = max(version, self.known.get(place, 0))
        self.newest = max(self.newest, version)

    def _given(self, ask: Asked, key: bytes, version: int, value: Any) -> None:
        """A version was given to what was written just now."""
        if not version:
            return
        if version <= ask.newest:
            raise Violation(f"{key!r} got version {version} though {ask.newest} was given before")
        if version in self.of_version and self.of_version[version][:2] != (ask.command.space, key):
            raise Violation(f"version {version} was given twice: {key!r}")
        self._version(ask, key, version)
        if value is not None:
            self._is(ask.command.space, key, version, value)

    def _is(self, space: str, key: bytes, version: int, value: Any) -> None:
        """Under this version there is this, and never anything else."""
        if not version:
            return
        is_now = (space, key, value)
        before = self.of_version.setdefault(version, is_now)
        if before != is_now:
            raise Violation(f"version {version} was {before} and is {is_now}")


def is_apart(command: Any) -> bool:
    """Whether others judge a command: fields that end have rules of their own."""
    return bool(command.space == FIELDS_SPACE)


def _keys(command: Any) -> list[bytes]:
    return [command.new_key] if isinstance(command, kv.KvRename) else list(command.keys)


def _members_of(command: Any) -> list[tuple[bytes, Any]]:
    """Members that a command sets, and what they hold then."""
    if isinstance(command, kv.KvMapSet):
        return list(zip(command.fields, command.values, strict=True))
    if isinstance(command, kv.KvSortedSet):
        return list(zip(command.members, command.scores, strict=True))
    if isinstance(command, kv.KvSetAdd):
        return [(member, b"") for member in command.members]
    if isinstance(command, kv.KvMembersRemove):
        return [(member, ABSENT) for member in command.members]
    return []


def _kind_of(key: bytes) -> int:
    return {b"m": kv.MAP, b"s": kv.SET, b"z": kv.SORTED}[key[:1]]
