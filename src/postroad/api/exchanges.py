"""What a Python program can do with exchanges and bindings.

It stands beside `operations`, of which it is a part. The rule kept here: as there, an operation
yields commands and is sent their replies.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

import msgspec

from postroad.api.asks import Asks, Identity
from postroad.api.messages import (
    Body,
    CommonOptions,
    MessageOptions,
    Outgoing,
    publish_all,
    publish_one,
)
from postroad.api.refusals import expect
from postroad.errors import BadFilter, BadSettings
from postroad.limits import BINDINGS_LISTED_MAX, PAGE_NAMES
from postroad.model import exchanges, replies
from postroad.model.commands import Publish
from postroad.model.exchanges import (
    OF_TOPIC,
    TO_QUEUE,
    BindingInfo,
    ExchangeDescribed,
    ExchangeSettings,
    PublishTo,
    Routed,
)
from postroad.model.filters import ATTRIBUTES
from postroad.model.message import HeaderValue

Arguments = Mapping[str, HeaderValue]
"""What a binding of a headers exchange wants of the headers, and its `x-match`."""

Policy = Mapping[str, object] | str
"""A filter: a policy as a mapping, or as JSON text."""


class ExchangeOptions(TypedDict, total=False):
    """What one may set on an exchange; `ExchangeSettings` says what each means."""

    delayed: bool
    until_unbound: bool
    internal: bool
    alternate: str | None
    hash_header: str | None


class ExchangeOperations:
    """Every operation on exchanges and bindings."""

    def declare_exchange(
        self,
        exchange: str,
        kind: str | None = None,
        *,
        labels: dict[str, str] | None = None,
        **settings: Unpack[ExchangeOptions],
    ) -> Asks[bool]:
        """Make an exchange exist; true when it did not before. `kind`: direct, fanout, topic,
        headers or consistent-hash.

        Declaring it again is fine as long as what is named here agrees with what it has. Raises
        `SettingsDiffer`, `BadSettings`, `BadName`.
        """
        named: dict[str, object] = {**settings}
        if kind is not None:
            named["kind"] = kind
        wanted = _settings(ExchangeSettings(), named, exchange)
        command = exchanges.DeclareExchange(exchange, wanted, None, labels, tuple(named))
        return expect((yield command), replies.Declared, exchange).created

    def change_exchange(
        self,
        exchange: str,
        *,
        labels: dict[str, str | None] | None = None,
        **settings: Unpack[ExchangeOptions],
    ) -> Asks[None]:
        """Set settings and labels of an exchange; those not named stay, a label of `None` is
        removed. How it routes never changes. Raises `ExchangeNotFound`, `BadSettings`.
        """
        now = expect((yield exchanges.DescribeExchange(exchange)), ExchangeDescribed, exchange)
        wanted = _settings(now.settings, {**settings}, exchange) if settings else None
        command = exchanges.ChangeExchange(exchange, wanted, None, labels)
        expect((yield command), replies.Done, exchange)

    def delete_exchange(self, exchange: str, *, if_unused: bool = False) -> Asks[None]:
        """Remove an exchange, its bindings and those to it; `if_unused`: only if it has none of its
        own. Raises `ExchangeNotFound`, `ExchangeInUse`.
        """
        expect((yield exchanges.DeleteExchange(exchange, if_unused)), replies.Done, exchange)

    def describe_exchange(self, exchange: str) -> Asks[ExchangeDescribed]:
        """Settings of an exchange, and how many bindings it has and how many lead to it. Raises
        `ExchangeNotFound`.
        """
        return expect((yield exchanges.DescribeExchange(exchange)), ExchangeDescribed, exchange)

    def exchanges(self, prefix: str = "") -> Asks[list[str]]:
        """The names of all exchanges that start with `prefix`, in order."""
        names: list[str] = []
        more = True
        while more:
            after = names[-1] if names else ""
            command = exchanges.ListExchanges(prefix, after, PAGE_NAMES)
            page = expect((yield command), replies.Listed)
            names.extend(page.names)
            more = page.more
        return names

    def bind(
        self,
        exchange: str,
        target: str,
        key: str | Arguments = "",
        *,
        to: str = TO_QUEUE,
        filter: Policy | None = None,  # noqa: A002  (what it is called everywhere)
        filter_scope: str = ATTRIBUTES,
    ) -> Asks[int]:
        """Let what an exchange gets go to a queue (or with `to="exchange"` or `to="topic"` to one
        of these); the number of the binding.

        `key`: routing key, pattern or weight, as the exchange's kind has it, or a mapping of the
        headers wanted. `filter`: a policy on headers, or with `filter_scope="body"` on a JSON body.
        The same again changes nothing. Raises `ExchangeNotFound`, `QueueNotFound`, `BadFilter`,
        `BadCommand`, `TooMany`, `SettingsDiffer`.
        """
        text = None if filter is None else policy_text(filter, exchange)
        words, arguments = _rule(key)
        command = exchanges.Bind(exchange, target, words, arguments, to, text, filter_scope)
        return expect((yield command), exchanges.Bound, exchange).binding

    def unbind(
        self,
        exchange: str,
        target: str,
        key: str | Arguments = "",
        *,
        to: str = TO_QUEUE,
    ) -> Asks[None]:
        """Remove the binding that was made with the same words. Raises `ExchangeNotFound`,
        `QueueNotFound`, `BindingNotFound`.
        """
        command = exchanges.Unbind(exchange, target, *_rule(key), to)
        expect((yield command), replies.Done, exchange)

    def bind_topic(
        self,
        topic: str,
        target: str,
        *,
        to: str = TO_QUEUE,
        filter: Policy | None = None,  # noqa: A002  (what it is called everywhere)
        filter_scope: str = ATTRIBUTES,
    ) -> Asks[int]:
        """Let what is published to a topic go on to a queue (or, as `to` says, an exchange or
        another topic), if `filter` lets it pass; the number of the binding. Raises as `bind` does,
        and `TopicNotFound`.
        """
        text = None if filter is None else policy_text(filter, topic)
        command = exchanges.Bind(
            topic, target, "", None, to, text, filter_scope, source_kind=OF_TOPIC
        )
        return expect((yield command), exchanges.Bound, topic).binding

    def unbind_topic(self, topic: str, target: str, *, to: str = TO_QUEUE) -> Asks[None]:
        """Remove a binding of a topic. Raises `TopicNotFound`, `QueueNotFound`,
        `BindingNotFound`.
        """
        command = exchanges.Unbind(topic, target, "", None, to, OF_TOPIC)
        expect((yield command), replies.Done, topic)

    def bindings(
        self, exchange: str | None = None, *, target: str | None = None, to: str = TO_QUEUE
    ) -> Asks[list[BindingInfo]]:
        """All bindings, those of one exchange, or those to one queue (or, as `to` says, exchange).
        Raises `ExchangeNotFound`, `QueueNotFound`.
        """
        found: list[BindingInfo] = []
        more = True
        while more:
            after = found[-1].binding if found else 0
            command = exchanges.ListBindings(exchange, target, to, after, BINDINGS_LISTED_MAX)
            page = expect((yield command), exchanges.BindingsListed, exchange or "")
            found.extend(page.bindings)
            more = page.more
        return found

    def publish_to(
        self,
        exchange: str,
        body: Body,
        routing_key: str = "",
        *,
        mandatory: bool = False,
        **options: Unpack[MessageOptions],
    ) -> Asks[list[Identity]]:
        """Publish a message to the queues an exchange says; returns, when it is durable, its
        identity in each of them: none where nobody wants it.

        All of them get it or none, in one atomic step, and the body is stored once. The options are
        those of `publish`. `mandatory`: raise `Unroutable` where nobody wants it. Raises
        `ExchangeNotFound`, `ExchangeInternal`, `QueueFull`, `MessageTooLarge`, `NoSpace`.
        """
        publish = publish_one((), Outgoing(body, **options))
        command = _through(publish, exchange, (routing_key,), mandatory)
        routed = expect((yield command), Routed, exchange)
        return [place for group in routed.groups for place in group.places]

    def publish_many_to(
        self,
        exchange: str,
        messages: Sequence[Body | Outgoing],
        routing_key: str | Sequence[str] = "",
        *,
        mandatory: bool = False,
        **options: Unpack[CommonOptions],
    ) -> Asks[list[int]]:
        """Publish messages through an exchange in one atomic step; returns which of them (their
        indexes) nobody wants and so are gone.

        `routing_key`: one for all, or a list with one each. The options are those of
        `publish_many`; with `mandatory` nothing is published where one message has nowhere to go.
        """
        publish = publish_all((), messages, Outgoing(b"", **options))
        keys = (routing_key,) if isinstance(routing_key, str) else tuple(routing_key)
        command = _through(publish, exchange, keys, mandatory)
        return list(expect((yield command), Routed, exchange).unroutable)


def _through(publish: Publish, exchange: str, keys: tuple[str, ...], mandatory: bool) -> PublishTo:
    return PublishTo(
        exchange,
        keys,
        publish.bodies,
        publish.heads,
        publish.delays_ms,
        publish.ttls_ms,
        publish.keys,
        publish.priorities,
        publish.dedup_ids,
        mandatory=mandatory,
    )


def _rule(key: str | Arguments) -> tuple[str, dict[str, HeaderValue] | None]:
    return (key, None) if isinstance(key, str) else ("", dict(key))


def policy_text(policy: Policy, of: str) -> str:
    """A filter as JSON text. Raises `BadFilter` about `of`."""
    if isinstance(policy, str):
        return policy
    try:
        return json.dumps(policy)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadFilter(f"a filter is what JSON can say: {error}", of) from None


def _settings(base: ExchangeSettings, named: dict[str, object], exchange: str) -> ExchangeSettings:
    unknown = sorted(set(named) - set(ExchangeSettings.__struct_fields__))
    if unknown:
        raise BadSettings(f"an exchange has no setting `{unknown[0]}`", exchange)
    settings = msgspec.structs.replace(base, **named)
    try:
        msgspec.convert(msgspec.structs.astuple(settings), ExchangeSettings, strict=True)
    except msgspec.ValidationError as error:
        raise BadSettings(str(error).partition(" - at")[0].lower(), exchange) from None
    return settings
