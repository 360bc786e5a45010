"""Claims on idempotency keys: what one worker may run, has done, or must let wait.

It stands inside a shift, between leases and runs. The rule kept here: no I/O and no clock; a key is
claimed by one delivery at a time, and one that is done is not run again. The broker's kv decides,
so that workers anywhere agree.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from postroad.app.outcomes import Reject
from postroad.limits import IDEMPOTENCY_KEY_CHARS_MAX
from postroad.model.commands import Command
from postroad.model.kv import IF_ABSENT, IF_GREATER, KvDelete, KvExpire, KvSet
from postroad.model.kv_replies import KvStored
from postroad.model.message import Delivery
from postroad.model.replies import Reply
from postroad.model.value import value

SPACE: Final = "idempotency"
"""The space of keys that holds what is claimed and what is done: `queue:key`."""

_CLAIMED: Final = b"claimed "
_DONE: Final = b"done "

KeyOf = Callable[[Delivery], str]
"""The idempotency key of a message; raises `BadBody` or `Reject`."""


@value
class Claim:
    """A key that a delivery holds: `token` is what stands under it; `fence` grows from claim to
    claim."""

    key: bytes
    token: bytes
    fence: int


@value
class Sorted:
    """What becomes of messages that were leased together: `run` them; they are `done`, with the
    result of the run that did them; or another run of their keys is under way, and they wait.
    `keys`: those waited for; `freed`: what gives up claims that are not wanted after all.
    """

    run: list[Delivery]
    done: list[tuple[Delivery, bytes]]
    wait: list[Delivery]
    keys: set[bytes]
    freed: list[Command]


class Claims:
    """The claims of one worker. `lease_ms`: how long one lasts that nobody renews; `ttl_ms`: how
    long it is known that a key is done.
    """

    def __init__(self, queue: str, key_of: KeyOf, lease_ms: int, ttl_ms: int) -> None:
        self._prefix = queue.replace("%", "%25").replace(":", "%3A") + ":"
        self._key_of = key_of
        self._lease_ms = lease_ms
        self._ttl_ms = ttl_ms
        self._asked: dict[tuple[int, int, int], Claim] = {}
        self._held: dict[tuple[int, int, int], Claim] = {}
        self._wrong: dict[tuple[int, int, int], Exception] = {}
        self._known: dict[tuple[int, int, int], bytes] = {}

    def knows(self, message: Delivery) -> bool:
        """Whether it was told the key of a message, or why it has none."""
        return _place(message) in self._known or _place(message) in self._wrong

    def learn(self, message: Delivery, whole: Delivery | Exception) -> None:
        """A message whose body is elsewhere, or what came of asking for it: its key is of it."""
        if isinstance(whole, Exception):
            self._wrong[_place(message)] = whole
            return
        try:
            self._known[_place(message)] = self._key(whole)
        except Exception as error:  # noqa: BLE001  (a callable of the program says the key)
            self._wrong[_place(message)] = error

    def claiming(self, messages: Sequence[Delivery]) -> list[Command]:
        """What to ask, in one batch that is not all or nothing: one command for each message that
        has a key. Those that have none run, and `check` says what is wrong with them.
        """
        asked: list[Command] = []
        for message in messages:
            if _place(message) in self._wrong:
                continue
            try:
                key = self._known.get(_place(message)) or self._key(message)
            except Exception as error:  # noqa: BLE001  (a callable of the program says the key)
                self._wrong[_place(message)] = error
                continue
            token = b"%s%d.%d.%d" % (_CLAIMED, message.queue, message.offset, message.lease)
            self._asked[_place(message)] = Claim(key, token, 0)
            asked.append(
                KvSet(SPACE, (key,), (token,), self._lease_ms, only=IF_ABSENT, want_old=True)
            )
        return asked

    def sort(self, messages: Sequence[Delivery], replies: Iterable[Reply]) -> Sorted:
        """What the answers say; in the order of `claiming`."""
        found = Sorted([], [], [], set(), [])
        answers = iter(replies)
        for message in messages:
            place = _place(message)
            claim = self._asked.pop(place, None)
            if claim is None:
                # Its key is wrong, and `check` says so, if the message is in hand still.
                found.run.append(message)
                continue
            reply = next(answers)
            old = reply.old[0] if isinstance(reply, KvStored) and reply.old else None
            if isinstance(reply, KvStored) and (reply.done or old == claim.token):
                self._held[place] = Claim(claim.key, claim.token, reply.versions[0])
                found.run.append(message)
                self._known.pop(place, None)
            elif old is not None and old.startswith(_DONE):
                self._known.pop(place, None)
                found.done.append((message, old[len(_DONE) :]))
            else:
                # Where there is no room for one more key it waits too: unclaimed it may not run.
                found.wait.append(message)
                found.keys.add(claim.key)
        return found

    def in_order(self, found: Sorted) -> Sorted:
        """The same where order counts: what comes behind one that waits, waits."""
        first: dict[str, int] = {}
        for one in found.wait:
            if one.key is not None:
                first[one.key] = min(one.offset, first.get(one.key, one.offset))
        run: list[Delivery] = []
        for one in found.run:
            if one.key is None or one.offset < first.get(one.key, one.offset + 1):
                run.append(one)
                continue
            found.wait.append(one)
            found.freed.extend(self.freeing_all([one]))
        return Sorted(run, found.done, found.wait, found.keys, found.freed)

    def check(self, message: Delivery) -> None:
        """Raise what was wrong with the key of a message that is about to run."""
        error = self._wrong.pop(_place(message), None)
        if error is not None:
            raise error

    def fence_of(self, message: Delivery) -> int:
        """The fence of a message's claim; 0 where it has none."""
        claim = self._held.get(_place(message))
        return 0 if claim is None else claim.fence

    def renewing(self, messages: Iterable[Delivery]) -> list[Command]:
        """What keeps the claims of messages, in the step that extends their leases. What is done by
        now keeps its later end."""
        keys = [one.key for one in map(self._claim_of, messages) if one]
        return [KvExpire(SPACE, keys, self._lease_ms, only=IF_GREATER)] if keys else []

    def taken(self, message: Delivery) -> Claim | None:
        """The claim of a message whose run is over: from now on the caller's, and not renewed."""
        self._wrong.pop(_place(message), None)
        self._known.pop(_place(message), None)
        held = self._held.pop(_place(message), None)
        # One that is asked for may be had; `sort` tells of it still, to whoever is there by then.
        return held or self._asked.get(_place(message))

    def doing(self, claim: Claim, result: bytes) -> Command:
        """What says that the key of a claim is done, in the step of the ack."""
        return KvSet(SPACE, (claim.key,), (_DONE + result,), self._ttl_ms)

    def freeing(self, claim: Claim) -> Command:
        """What frees the key of a claim; one that another has taken over since stays."""
        return KvDelete(SPACE, (claim.key,), equals=(claim.token,))

    def freeing_all(self, messages: Iterable[Delivery]) -> list[Command]:
        """What gives up the claims of messages that were not run to their end."""
        claims = [self.taken(one) for one in messages]
        return [self.freeing(one) for one in claims if one is not None]

    def _key(self, message: Delivery) -> bytes:
        return (self._prefix + self._key_of(message)).encode()

    def _claim_of(self, message: Delivery) -> Claim | None:
        return self._held.get(_place(message))


def text_of(key: object, said: str) -> str:
    """An idempotency key as text; `said`: how the worker says which. Raises `Reject`."""
    if isinstance(key, bool) or not isinstance(key, str | int) or key == "":
        raise Reject(f"the idempotency key `{said}` is {key!r}: it must be a text or a number")
    text = str(key)
    if len(text) > IDEMPOTENCY_KEY_CHARS_MAX:
        most = f"{IDEMPOTENCY_KEY_CHARS_MAX:,} characters"
        raise Reject(f"the idempotency key `{said}` has {len(text):,} characters, at most {most}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Reject(f"the idempotency key `{said}` is no text that UTF-8 carries") from None
    return text


def follow(arguments: Mapping[str, Any], path: Sequence[str], said: str) -> object:
    """What is at the end of a path: a parameter, and fields of it. Raises `Reject`."""
    found: Any = arguments[path[0]]
    for name in path[1:]:
        try:
            found = found[name] if isinstance(found, Mapping) else getattr(found, name)
        except (KeyError, AttributeError):
            raise Reject(f"the idempotency key `{said}` is missing: nothing at `{name}`") from None
    return found


def _place(message: Delivery) -> tuple[int, int, int]:
    return message.queue, message.offset, message.lease
