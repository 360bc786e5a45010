"""From drafts to what subscriptions get, as a part of a program.

It stands between the actions and the core. The rule kept here: a queue that refuses a message keeps
it from nobody else; what it refused goes to its subscription's dead-letter queue.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from postroad.limits import SNS_COPIES, SNS_REFUSING_FEW
from postroad.model.batch import Asking
from postroad.model.exchanges import (
    FORM_PLAIN,
    FORM_RAW,
    BindingInfo,
    PublishTo,
    Routed,
    fits_form,
)
from postroad.model.filters import Content, Filter
from postroad.model.message import OWN_DEDUP, OWN_KEY, typed_head
from postroad.model.replies import Refused, Reply, Why
from postroad.model.value import value
from postroad.protocols.aws.faults import Fault
from postroad.protocols.sns.drafts import Draft
from postroad.protocols.sns.envelope import Stamp, Typed, envelope, envelope_head
from postroad.protocols.sns.errors import bad, refusal
from postroad.protocols.sns.mapping import (
    FORM_JSON,
    Subscription,
    bindings_of,
    is_subscription,
)
from postroad.protocols.sns.sifting import known, take
from postroad.protocols.sns.spec import BY_CONTENT, EXTRA, PROTOCOLS, THROUGHPUT
from postroad.protocols.sns.subscription_attributes import dead_letters_of


@value
class Sent:
    """What a publisher is told of a message."""

    message_id: str
    sequence: str | None = None


class Letter:
    """A draft with all that is decided when it is published. `known_id`: under which a FIFO topic
    knows it from now on."""

    __slots__ = ("dedup_id", "draft", "envelope_head", "head", "known_id", "sent")

    def __init__(self, draft: Draft, sent: Sent, dedup_id: str | None) -> None:
        own: Typed = {}
        if draft.group is not None:
            own[OWN_KEY] = ("String", draft.group)
        if dedup_id is not None:
            own[OWN_DEDUP] = ("String", dedup_id)
        self.draft = draft
        self.sent = sent
        self.dedup_id = dedup_id
        self.known_id = ""
        self.head = typed_head({**draft.attributes, **own})
        self.envelope_head = envelope_head(own)

    def enveloped(self, stamp: Stamp, message: str) -> bytes:
        """An envelope with a message in it."""
        draft, sent = self.draft, self.sent
        return envelope(
            stamp, sent.message_id, message, draft.subject, draft.attributes, sent.sequence
        )


class Publishing:
    """One publish to one topic. `extras`: the topic's; `enveloped`: some may want envelopes."""

    def __init__(self, tx: Asking, topic: str, stamp: Stamp, *, enveloped: bool) -> None:
        self._tx = tx
        self._topic = topic
        self._stamp = stamp
        self._enveloped = enveloped

    def deliver(self, letters: Sequence[Letter]) -> Fault | None:
        """To all subscriptions, in the order given."""
        if not letters:
            return None
        if all(one.draft.texts is None for one in letters):
            return self._same_to_all(letters)
        for letter in letters:
            wrong = self._own_to_each(letter)
            if wrong is not None:
                return wrong
        return None

    def _same_to_all(self, letters: Sequence[Letter]) -> Fault | None:
        bodies = [one.draft.message.encode() for one in letters]
        wrong = self._send(FORM_RAW, letters, bodies, [one.head for one in letters])
        if wrong is not None or not self._enveloped:
            return wrong
        bodies = [one.enveloped(self._stamp, one.draft.message) for one in letters]
        return self._send(FORM_JSON, letters, bodies, [one.envelope_head for one in letters])

    def _own_to_each(self, letter: Letter) -> Fault | None:
        texts = letter.draft.texts
        if texts is None:
            return self._same_to_all([letter])
        wrong = self._send(FORM_PLAIN, [letter], [letter.draft.message.encode()], [letter.head])
        for protocol in PROTOCOLS:
            text = texts[protocol]
            if wrong is None:
                key = f"{FORM_RAW}.{protocol}"
                wrong = self._send(key, [letter], [text.encode()], [letter.head])
            if wrong is None and self._enveloped:
                body = letter.enveloped(self._stamp, text)
                key = f"{FORM_JSON}.{protocol}"
                wrong = self._send(key, [letter], [body], [letter.envelope_head])
        return wrong

    def _send(
        self, key: str, letters: Sequence[Letter], bodies: list[bytes], heads: list[bytes]
    ) -> Fault | None:
        command = PublishTo(
            self._topic,
            [key],
            bodies,
            heads if any(heads) else None,
            keys=_column([one.draft.group for one in letters]),
            dedup_ids=_column([one.dedup_id for one in letters]),
            skip_refusing=True,
        )
        reply = self._tx.ask(command)
        if isinstance(reply, Refused) and reply.why is Why.TOO_LARGE and len(bodies) > 1:
            # All of them together make too many entries; each alone does not.
            for at in range(len(bodies)):
                wrong = self._said(one := _only(command, [at]), self._tx.ask(one))
                if wrong is not None:
                    return wrong
            return None
        return self._said(command, reply)

    def _said(self, command: PublishTo, reply: Reply) -> Fault | None:
        if isinstance(reply, Refused):
            return refusal(reply)
        assert isinstance(reply, Routed), reply
        if reply.refused_by:
            self._to_dead_letters(command, dict(reply.refused_by))
        return None

    def _to_dead_letters(self, command: PublishTo, refused: Mapping[int, Sequence[str]]) -> None:
        """What queues refused, to the dead letters of their subscriptions: in the order it was
        published, once for each subscription."""
        names = {name for of_one in refused.values() for name in of_one}
        by_target: dict[str, list[BindingInfo]] = {}
        for info in self._refusing(names):
            by_target.setdefault(info.target, []).append(info)
        copies: dict[str, list[int]] = {}
        for at, of_one in sorted(refused.items()):
            head = b"" if command.heads is None else command.heads[at]
            content = Content(head, command.bodies[at])
            for info in [info for name in of_one for info in by_target.get(name, ())]:
                dead_letters = dead_letters_of(Subscription(info).attributes)
                wanted = fits_form(info.key, command.routing_keys[0]) and _passes(info, content)
                if wanted and dead_letters is not None:
                    copies.setdefault(dead_letters, []).append(at)
        for name, which in copies.items():
            for start in range(0, len(which), SNS_COPIES):
                some = _only(command, which[start : start + SNS_COPIES])
                self._tx.ask(replace(some, exchange="", routing_keys=[name]))

    def _refusing(self, names: set[str]) -> Iterator[BindingInfo]:
        """The subscriptions of some queues."""
        if len(names) > SNS_REFUSING_FEW:
            found = bindings_of(self._tx, self._topic)
            yield from [one for one in found if one.target in names and is_subscription(one)]
            return
        for name in sorted(names):
            found = bindings_of(self._tx, self._topic, target=name)
            yield from filter(is_subscription, found)


def letter_of(
    tx: Asking, exchange: int, extras: dict[str, str], draft: Draft, message_id: str
) -> Letter | Sent | Fault:
    """A message for a FIFO topic; or what was said of it when it came before."""
    dedup_id = draft.dedup_id
    if dedup_id is None:
        if extras.get(EXTRA + BY_CONTENT) != "true":
            return bad(
                "The topic should either have ContentBasedDeduplication enabled or"
                " MessageDeduplicationId provided explicitly"
            )
        dedup_id = sha256(draft.message.encode()).hexdigest()
    by_group = extras.get(EXTRA + THROUGHPUT) == "MessageGroup"
    id = f"{draft.group} {dedup_id}" if by_group else dedup_id
    before = known(tx, exchange, id)
    if before is not None:
        return Sent(*before)
    sequence = take(tx, exchange, id, message_id)
    if isinstance(sequence, Fault):
        return sequence
    letter = Letter(draft, Sent(message_id, sequence), dedup_id)
    letter.known_id = id
    return letter


def _column(texts: list[str | None]) -> list[str | None] | None:
    return None if all(one is None for one in texts) else texts


def _only(command: PublishTo, which: Sequence[int]) -> PublishTo:
    """Some of the messages, each as often as it is named."""
    heads, keys, ids = command.heads, command.keys, command.dedup_ids
    return replace(
        command,
        bodies=[command.bodies[at] for at in which],
        heads=None if heads is None else [heads[at] for at in which],
        keys=None if keys is None else [keys[at] for at in which],
        dedup_ids=None if ids is None else [ids[at] for at in which],
    )


def _passes(info: BindingInfo, content: Content) -> bool:
    return info.filter is None or Filter(info.filter, info.filter_scope).passes(content)
