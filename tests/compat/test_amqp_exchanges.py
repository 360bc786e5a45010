"""Exchanges by pika: every kind, chains of them, and what nobody takes."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from pika.exceptions import ChannelClosedByBroker, UnroutableError

from tests.compat.amqp_clients import (
    Reader,
    channel_error,
    drain,
    exchange,
    fresh,
    get,
    only_here,
    put,
    queue,
)

Route = Callable[..., list[str]]


@pytest.fixture
def route(channel: Any) -> Route:
    """Publish to an exchange with bound queues, and say which of these took the message."""

    def publish(name: str, queues: dict[str, str], key: str, **given: Any) -> list[str]:
        put(channel, key, "m", to=name, **given)
        return [label for label, bound in queues.items() if drain(channel, bound)]

    return publish


def bound(channel: Any, name: str, *keys: str) -> dict[str, str]:
    """A queue for each binding key."""
    queues = {key: queue(channel) for key in keys}
    for key, one in queues.items():
        channel.queue_bind(one, name, key)
    return queues


def test_a_direct_exchange_takes_equal_keys(channel: Any, route: Route) -> None:
    name = exchange(channel, "direct")
    queues = bound(channel, name, "info", "error")
    assert route(name, queues, "error") == ["error"]
    assert route(name, queues, "errors") == []


def test_a_fanout_exchange_takes_all(channel: Any, route: Route) -> None:
    name = exchange(channel, "fanout")
    queues = bound(channel, name, "", "any")
    assert route(name, queues, "whatever") == ["", "any"]


@pytest.mark.parametrize(
    ("key", "takers"),
    [
        ("stock.usd.nyse", ["stock.#", "#", "*.usd.*", "#.nyse"]),
        ("stock", ["stock.#", "#"]),
        ("stock.usd", ["stock.#", "#", "stock.*"]),
        ("stock..nyse", ["stock.#", "#", "#.nyse"]),
        ("", ["#", ""]),
        ("nyse", ["#", "#.nyse"]),
    ],
)
def test_a_topic_exchange_takes_patterns(
    channel: Any, route: Route, key: str, takers: list[str]
) -> None:
    name = exchange(channel, "topic")
    queues = bound(channel, name, "stock.#", "#", "*.usd.*", "#.nyse", "stock.*", "")
    assert route(name, queues, key) == takers


@pytest.mark.parametrize(
    ("match", "headers", "taken"),
    [
        ("all", {"type": "pdf", "pages": 3, "more": 1}, True),
        ("all", {"type": "pdf"}, False),
        ("all", {"type": "pdf", "pages": 4}, False),
        ("any", {"pages": 3}, True),
        ("any", {"type": "doc"}, False),
        ("all-with-x", {"type": "pdf", "pages": 3, "x-tenant": "acme"}, True),
        ("all-with-x", {"type": "pdf", "pages": 3}, False),
        ("any-with-x", {"x-tenant": "acme"}, True),
        ("any-with-x", {"x-tenant": "other"}, False),
    ],
)
def test_a_headers_exchange_takes_what_its_arguments_say(
    channel: Any, match: str, headers: dict[str, Any], taken: bool
) -> None:
    name, one = exchange(channel, "headers"), queue(channel)
    wanted = {"x-match": match, "type": "pdf", "pages": 3}
    if match.endswith("-with-x"):
        wanted["x-tenant"] = "acme"
    channel.queue_bind(one, name, arguments=wanted)
    put(channel, "", "m", to=name, headers=headers)
    assert drain(channel, one) == [b"m"] * taken


def test_a_header_may_be_asked_for_whatever_its_value(channel: Any) -> None:
    name, one = exchange(channel, "headers"), queue(channel)
    channel.queue_bind(one, name, arguments={"x-match": "all", "type": None})
    put(channel, "", "yes", to=name, headers={"type": "anything"})
    put(channel, "", "no", to=name, headers={"kind": "anything"})
    assert drain(channel, one) == [b"yes"]


def test_a_queue_bound_twice_gets_a_message_once(channel: Any) -> None:
    name, one = exchange(channel, "topic"), queue(channel)
    channel.queue_bind(one, name, "#")
    channel.queue_bind(one, name, "a.*")
    channel.queue_bind(one, name, "a.*")
    put(channel, "a.b", "once", to=name)
    assert drain(channel, one) == [b"once"]


def test_an_unbound_queue_gets_nothing_more(channel: Any, route: Route) -> None:
    name = exchange(channel, "direct")
    queues = bound(channel, name, "k")
    channel.queue_unbind(queues["k"], name, "k")
    assert route(name, queues, "k") == []
    channel.queue_unbind(queues["k"], name, "never bound")


def test_what_nobody_takes_goes_to_the_alternate_exchange(channel: Any) -> None:
    other, one = exchange(channel, "fanout"), queue(channel)
    channel.queue_bind(one, other)
    name = exchange(channel, "direct", arguments={"alternate-exchange": other})
    channel.basic_publish(name, "nobody", b"caught", mandatory=True)
    got = get(channel, one)
    assert (got.body, got.method.exchange, got.method.routing_key) == (b"caught", name, "nobody")


def test_exchanges_are_bound_to_exchanges(channel: Any) -> None:
    source, target, one = exchange(channel, "topic"), exchange(channel, "fanout"), queue(channel)
    channel.exchange_bind(target, source, "order.*")
    channel.queue_bind(one, target)
    channel.queue_bind(one, source, "order.#")
    put(channel, "order.paid", "once", to=source)
    put(channel, "order", "by the queue's own", to=source)
    got = get(channel, one)
    assert (got.body, got.method.exchange) == (b"once", source)
    assert drain(channel, one) == [b"by the queue's own"]
    channel.exchange_unbind(target, source, "order.*")
    channel.queue_unbind(one, source, "order.#")
    with pytest.raises(UnroutableError):
        channel.basic_publish(source, "order.paid", b"", mandatory=True)


def test_an_internal_exchange_takes_no_publishes(channel: Any) -> None:
    name = exchange(channel, "fanout", internal=True)
    said = f"ACCESS_REFUSED - cannot publish to internal exchange '{name}' in vhost '/'"
    with channel_error(403, said):
        channel.basic_publish(name, "", b"")


def test_copies_go_to_the_keys_of_cc_and_bcc_and_bcc_is_not_told(channel: Any) -> None:
    first, second, third = (queue(channel) for _ in range(3))
    headers = {"CC": [second], "BCC": [third], "n": 1}
    put(channel, first, "m", headers=headers)
    for one in (first, second, third):
        assert get(channel, one).headers == {"CC": [second], "n": 1}


def test_the_standard_exchanges_are_there(channel: Any) -> None:
    kinds = {"direct": "direct", "fanout": "fanout", "topic": "topic", "headers": "headers"}
    for name, kind in {**kinds, "match": "headers"}.items():
        channel.exchange_declare("amq." + name, passive=True)
        channel.exchange_declare("amq." + name, kind, durable=True)


def test_the_default_exchange_can_be_neither_bound_nor_deleted(channel: Any) -> None:
    name = queue(channel)
    connection = channel.connection
    said = "ACCESS_REFUSED - operation not permitted on the default exchange"
    with channel_error(403, said):
        connection.channel().queue_bind(name, "", "k")
    with channel_error(403, said):
        connection.channel().exchange_delete("")


def test_other_settings_of_an_exchange_are_refused(channel: Any) -> None:
    name = exchange(channel, "direct")
    said = f"PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{name}' in vhost '/': "
    with channel_error(406, said + "received 'fanout' but current is 'direct'"):
        channel.exchange_declare(name, "fanout")


def test_a_passive_declare_of_no_exchange_is_not_found(channel: Any) -> None:
    name = fresh("exchange")
    with channel_error(404, f"NOT_FOUND - no exchange '{name}' in vhost '/'"):
        channel.exchange_declare(name, passive=True)


def test_a_reserved_name_for_an_exchange_is_refused(channel: Any) -> None:
    said = "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"
    with channel_error(403, said):
        channel.exchange_declare("amq.mine", "direct")


def test_an_unknown_kind_of_exchange_closes_the_connection(connection: Any) -> None:
    channel = connection.channel()
    with pytest.raises(Exception, match="unknown exchange type 'magic'") as caught:
        channel.exchange_declare(fresh("exchange"), "magic")
    assert caught.value.args[0] == 503


def test_an_exchange_in_use_is_kept_if_asked(channel: Any) -> None:
    name, one = exchange(channel, "fanout"), queue(channel)
    channel.queue_bind(one, name)
    connection = channel.connection
    with pytest.raises(ChannelClosedByBroker) as caught:
        channel.exchange_delete(name, if_unused=True)
    assert caught.value.reply_code == 406
    assert caught.value.reply_text == f"PRECONDITION_FAILED - exchange '{name}' in vhost '/' in use"
    channel = connection.channel()
    channel.queue_delete(one)
    channel.exchange_delete(name, if_unused=True)
    channel.exchange_delete(name)


def test_what_follows_a_publish_to_no_exchange_is_not_done(connection: Any) -> None:
    channel = connection.channel()
    one = queue(channel)

    def pipelined() -> None:
        for body in (b"1", b"2"):
            channel.basic_publish(fresh("none"), "", b"nowhere")
            channel.basic_publish("", one, body)
        channel.queue_purge(one)

    with pytest.raises(ChannelClosedByBroker) as caught:
        pipelined()
    assert caught.value.reply_code == 404
    assert drain(connection.channel(), one) == []


def test_an_auto_delete_exchange_goes_with_its_last_binding(channel: Any) -> None:
    name, one = exchange(channel, "fanout", auto_delete=True), queue(channel)
    channel.queue_bind(one, name)
    channel.exchange_declare(name, passive=True)
    channel.queue_unbind(one, name)
    with channel_error(404, f"NOT_FOUND - no exchange '{name}' in vhost '/'"):
        channel.exchange_declare(name, passive=True)


@only_here
def test_a_delayed_exchange_holds_messages_as_long_as_they_say(channel: Any) -> None:
    name = exchange(
        channel, "x-delayed-message", durable=True, arguments={"x-delayed-type": "topic"}
    )
    one = queue(channel)
    channel.queue_bind(one, name, "mail.#")
    start = time.monotonic()
    put(channel, "mail.late", "late", to=name, headers={"x-delay": 400})
    put(channel, "mail.soon", "soon", to=name, headers={"x-delay": 150})
    put(channel, "mail.now", "now", to=name)
    reader = Reader(channel, one, auto_ack=True)
    reader.wait(3)
    assert time.monotonic() - start >= 0.4
    assert reader.bodies == [b"now", b"soon", b"late"]


def test_a_consistent_hash_shares_keys_out_and_keeps_each_where_it_is(channel: Any) -> None:
    name = exchange(channel, "x-consistent-hash")
    queues = [queue(channel) for _ in range(3)]
    for one in queues:
        channel.queue_bind(one, name, "10")
    for _ in range(2):
        for number in range(60):
            put(channel, f"user-{number}", str(number), to=name)
    shares = [drain(channel, one) for one in queues]
    assert min(len(one) for one in shares) > 0
    assert sum(len(one) for one in shares) == 120
    for share in shares:
        assert sorted(share) == sorted([*set(share), *set(share)])
