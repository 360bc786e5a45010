"""What may come in which state of a connection, and what each wrong thing is answered with."""

from struct import pack

import pytest

from postroad.limits import AMQP_CLOSE_TICKS_MAX, AMQP_HANDSHAKE_TICKS_MAX
from postroad.protocols.amqp.methods import encode_method as method
from postroad.protocols.interface import Attentive
from tests.wire.amqp.handshake import (
    BLOCKED,
    CHANNEL,
    CLOSE,
    CLOSE_CHANNEL,
    CLOSE_CHANNEL_OK,
    CLOSE_OK,
    DECLARE,
    HEADER,
    HEARTBEAT,
    OPEN,
    OPENING,
    RUNNING,
    SECURE_OK,
    STATES,
    TUNING,
    UPDATE,
    closed_by,
    fresh,
    open_vhost,
    spoken,
    start_ok,
    tune_ok,
)
from tests.wire.amqp.room import AmqpRoom, Client, Said, names, published

WRONG = [
    ("starting", tune_ok(), 504, "CHANNEL_ERROR - unexpected method in connection state starting"),
    ("starting", open_vhost(), 504, "CHANNEL_ERROR - unexpected method in connection state"),
    ("starting", SECURE_OK, 504, "CHANNEL_ERROR - unexpected method in connection state"),
    ("starting", OPEN, 505, "UNEXPECTED_FRAME - "),
    ("starting", published("q", b"x"), 505, "UNEXPECTED_FRAME - "),
    ("starting", start_ok(mechanism="X"), 503, "COMMAND_INVALID - unknown authentication mech"),
    ("starting", start_ok(b"guest"), 502, "SYNTAX_ERROR - response of mechanism PLAIN invalid"),
    ("starting", start_ok(b"\1", "AMQPLAIN"), 502, "SYNTAX_ERROR - AMQPLAIN auth info is inv"),
    ("tuning", start_ok(), 504, "CHANNEL_ERROR - unexpected method in connection state tuning"),
    ("tuning", open_vhost(), 504, "CHANNEL_ERROR - unexpected method in connection state tuning"),
    ("tuning", tune_ok(frame_max=4_095), 530, "NOT_ALLOWED - negotiated frame_max = 4095 is low"),
    ("tuning", tune_ok(frame_max=200_000), 530, "NOT_ALLOWED - negotiated frame_max = 200000 is"),
    ("tuning", tune_ok(frame_max=0), 530, "NOT_ALLOWED - negotiated frame_max = 0 is higher than"),
    ("tuning", tune_ok(channel_max=2_048), 530, "NOT_ALLOWED - negotiated channel_max = 2048 is"),
    ("tuning", tune_ok(channel_max=0), 530, "NOT_ALLOWED - negotiated channel_max = 0 is higher"),
    ("opening", tune_ok(), 504, "CHANNEL_ERROR - unexpected method in connection state opening"),
    ("opening", open_vhost("none"), 530, "NOT_ALLOWED - vhost none not found"),
    ("opening", OPEN, 505, "UNEXPECTED_FRAME - "),
    ("running", open_vhost(), 504, "CHANNEL_ERROR - unexpected method in connection state running"),
    ("running", start_ok(), 504, "CHANNEL_ERROR - unexpected method in connection state running"),
    ("running", CLOSE_OK, 504, "CHANNEL_ERROR - unexpected method in connection state running"),
    ("running", BLOCKED, 504, "CHANNEL_ERROR - unexpected method in connection state running"),
    ("running", HEADER, 501, "FRAME_ERROR - "),
    ("running", method(0, "channel.open"), 504, "CHANNEL_ERROR - unexpected method"),
    ("running", method(0, "queue.declare", queue="q"), 504, "CHANNEL_ERROR - unexpected method"),
    ("running", DECLARE, 504, "CHANNEL_ERROR - expected 'channel.open'"),
    ("running", CLOSE_CHANNEL, 504, "CHANNEL_ERROR - expected 'channel.open'"),
    ("running", CLOSE_CHANNEL_OK, 504, "CHANNEL_ERROR - expected 'channel.open'"),
    ("running", published("q", b"x"), 504, "CHANNEL_ERROR - expected 'channel.open'"),
    ("running", method(1, "basic.ack", delivery_tag=1), 504, "CHANNEL_ERROR - expected 'chan"),
    ("channel", OPEN, 504, "CHANNEL_ERROR - second 'channel.open' seen"),
    ("channel", CLOSE_CHANNEL_OK, 503, "COMMAND_INVALID - unimplemented method"),
    ("channel", method(1, "connection.close"), 503, "COMMAND_INVALID - unimplemented method"),
    ("channel", method(1, "queue.declare-ok", queue="q"), 503, "COMMAND_INVALID - "),
    ("channel", method(1, "channel.flow", active=False), 540, "NOT_IMPLEMENTED - active=false"),
    ("channel", pack(">BHIHHB", 1, 1, 4, 99, 1, 0xCE), 503, "COMMAND_INVALID - unknown method"),
    ("channel", pack(">BHIHHQHB", 2, 1, 14, 60, 0, 3, 0, 0xCE), 505, "UNEXPECTED_FRAME - "),
    ("channel", pack(">BHIBB", 3, 1, 1, 0, 0xCE), 505, "UNEXPECTED_FRAME - "),
    ("channel", pack(">BHIB", 9, 1, 0, 0xCE), 501, "FRAME_ERROR - "),
    ("channel", pack(">BHIHHB", 1, 1, 4, 50, 10, 0), 501, "FRAME_ERROR - "),
    ("channel", pack(">BHI", 1, 1, 131_065) + b"x" * 131_066, 501, "FRAME_ERROR - "),
    ("channel", pack(">BHIHHB", 1, 1, 4, 50, 10, 0xCE), 502, "SYNTAX_ERROR - "),
]


@pytest.mark.parametrize(("state", "data", "code", "text"), WRONG)
def test_what_does_not_belong_there_closes_the_connection_with_its_code(
    state: str, data: bytes, code: int, text: str
) -> None:
    client = spoken(*STATES[state], data)
    told, why = closed_by(client)
    assert (told, why[: len(text)]) == (code, text)
    assert client.feed(DECLARE + published("q", b"x") + OPEN) == []
    client.feed(CLOSE_OK)
    assert client.closed
    assert client.feed(DECLARE) == []


def test_a_close_that_cannot_be_answered_any_more_is_the_end() -> None:
    assert spoken(*CHANNEL, pack(">BHIB", 9, 1, 0, 0xCE)).closed
    assert not spoken(*CHANNEL, OPEN).closed


@pytest.mark.parametrize("state", list(STATES))
def test_a_close_is_answered_in_every_state(state: str) -> None:
    client = spoken(*STATES[state])
    assert names(client.feed(CLOSE)) == ["connection.close-ok"]
    assert client.closed
    assert client.feed(DECLARE + CLOSE) == []


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"AMQP\x01\x01\x00\x0a", b"AMQP0091"])
def test_another_protocol_is_told_which_one_is_spoken(first: bytes) -> None:
    session = fresh().session
    output = session.receive(first, 0)
    assert (output.send, output.close) == (HEADER, True)


def test_the_server_says_what_it_is_and_what_it_can() -> None:
    (start,) = spoken(HEADER).heard
    properties = start.server_properties
    assert (properties["product"], properties["version"]) == ("RabbitMQ", "3.13.7")
    assert properties["capabilities"] == {
        "publisher_confirms": True,
        "exchange_exchange_bindings": True,
        "basic.nack": True,
        "consumer_cancel_notify": True,
        "connection.blocked": True,
        "consumer_priorities": True,
        "authentication_failure_close": True,
        "per_consumer_qos": True,
        "direct_reply_to": True,
    }
    assert (start.mechanisms, start.locales) == (b"PLAIN AMQPLAIN", b"en_US")
    assert (start.version_major, start.version_minor) == (0, 9)


def test_the_limits_offered_are_those_of_the_settings() -> None:
    tune = spoken(*TUNING, heartbeat_s=7, channels_max=5, frame_bytes_max=8_192).heard[-1]
    assert (tune.channel_max, tune.frame_max, tune.heartbeat) == (5, 8_192, 7)


def test_a_login_may_come_as_a_table() -> None:
    table = b"\x05LOGINS\x00\x00\x00\x02me\x08PASSWORDS\x00\x00\x00\x02pw"
    client = spoken(HEADER, start_ok(table, "AMQPLAIN"), users={"me": "pw"})
    assert names(client.heard) == ["connection.start", "connection.tune"]
    assert client.session.user == "me"


@pytest.mark.parametrize("response", [b"\0guest\0wrong", b"\0nobody\0guest", b"\0nobody\0"])
def test_a_wrong_password_and_an_unknown_name_are_refused_alike(response: bytes) -> None:
    client = spoken(HEADER, start_ok(response))
    assert closed_by(client) == (
        403,
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see"
        " the broker logfile.",
    )
    assert client.room.config.counts.logins_refused == 1


def test_a_client_that_cannot_be_told_of_a_refused_login_is_cut_off() -> None:
    client = spoken(HEADER, start_ok(b"\0guest\0wrong", properties={}))
    assert names(client.heard) == ["connection.start"]
    assert client.closed


def test_guest_may_come_from_this_machine_only() -> None:
    client = fresh(users={"guest": "guest", "me": "pw"})
    client.session.met(loopback=False)
    client.feed(HEADER)
    client.feed(start_ok())
    assert closed_by(client)[0] == 403
    other = Client(client.room)
    client.room.clients.append(other)
    other.session.met(loopback=False)
    other.feed(HEADER)
    assert names(other.feed(start_ok(b"\0me\0pw"))) == ["connection.tune"]


def test_a_secret_may_be_renewed() -> None:
    assert spoken(*RUNNING, UPDATE).heard[-1].name == "connection.update-secret-ok"


def test_everything_may_come_in_one_write() -> None:
    client = fresh()
    said = client.feed(b"".join(CHANNEL) + DECLARE + published("q", b"x"))
    assert names(said) == [
        "connection.start",
        "connection.tune",
        "connection.open-ok",
        "channel.open-ok",
        "queue.declare-ok",
    ]
    (got,) = client.call("basic.get", queue="q", no_ack=True)
    assert got.body == b"x"


def test_a_connection_to_a_vhost_has_the_standard_exchanges_there() -> None:
    client = spoken(*OPENING, open_vhost("a/b"), OPEN, vhosts=("/", "a/b"))
    for name in ("direct", "fanout", "topic", "headers", "match"):
        said = client.call("exchange.declare", exchange=f"amq.{name}", passive=True)
        assert names(said) == ["exchange.declare-ok"]


def test_vhosts_do_not_see_each_others_queues() -> None:
    room = AmqpRoom(vhosts=("/", "other"))
    clients = []
    for vhost in room.config.vhosts:
        client = Client(room)
        room.clients.append(client)
        clients.append(client)
        for part in (*OPENING, open_vhost(vhost), OPEN):
            client.feed(part)
    clients[0].declare("mail")
    (said,) = clients[1].feed(method(1, "queue.declare", queue="mail", passive=True))
    assert said.reply_text == "NOT_FOUND - no queue 'mail' in vhost 'other'"
    clients[1].feed(CLOSE_CHANNEL_OK + OPEN)
    clients[1].declare("mail")
    clients[1].publish("mail", b"there")
    (empty,) = clients[0].call("basic.get", queue="mail")
    assert empty.name == "basic.get-empty"


# Heartbeats, and whoever is late.


def test_a_heartbeat_is_sent_where_nothing_else_was_for_half_of_the_time() -> None:
    client = spoken(*TUNING, tune_ok(heartbeat=6), open_vhost())
    session = client.session
    sent = [session.tick(0).send for _ in range(8)]
    # The first tick is of the second in which open-ok was sent.
    assert sent[:4] == [b"", b"", b"", HEARTBEAT]


def test_a_silent_client_is_cut_off_after_two_heartbeats() -> None:
    client = spoken(*TUNING, tune_ok(heartbeat=2), open_vhost())
    session = client.session
    assert [session.tick(0).close for _ in range(5)] == [False] * 4 + [True]
    assert client.room.config.counts.heartbeats_missed == 1


def test_a_heartbeat_keeps_a_connection_open() -> None:
    session = spoken(*TUNING, tune_ok(heartbeat=2), open_vhost()).session
    for _ in range(20):
        assert not session.receive(HEARTBEAT, 0).close
        assert not session.tick(0).close


def test_a_client_that_wants_no_heartbeats_may_be_silent() -> None:
    session = spoken(*RUNNING).session
    assert not any(session.tick(0).close or session.tick(0).send for _ in range(500))


def test_a_client_that_is_not_read_is_not_taken_for_silent() -> None:
    session = spoken(*TUNING, tune_ok(heartbeat=2), open_vhost()).session
    session.stall(True, 0)
    assert not any(session.tick(0).close for _ in range(20))
    session.stall(False, 0)
    assert any(session.tick(0).close for _ in range(6))


@pytest.mark.parametrize("state", ["nothing", "starting", "tuning", "opening"])
def test_a_handshake_has_to_end_some_time(state: str) -> None:
    session = spoken(*STATES.get(state, ())).session
    closes = [session.tick(0).close for _ in range(AMQP_HANDSHAKE_TICKS_MAX + 1)]
    assert closes == [False] * AMQP_HANDSHAKE_TICKS_MAX + [True]


def test_a_client_that_does_not_answer_a_close_is_cut_off() -> None:
    session = spoken(*RUNNING, DECLARE).session
    closes = [session.tick(0).close for _ in range(AMQP_CLOSE_TICKS_MAX + 1)]
    assert closes == [False] * AMQP_CLOSE_TICKS_MAX + [True]


def test_a_server_that_stops_says_so() -> None:
    client = spoken(*CHANNEL)
    client.take(client.session.farewell(0))
    assert closed_by(client) == (
        320,
        "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
    )
    assert spoken(*TUNING).session.farewell(0).send == b""


def test_publishers_are_told_when_the_disk_is_short_of_space_and_when_it_is_not() -> None:
    short = [True]
    client = spoken(*CHANNEL, short_of_space=lambda: short[0])
    client.room.tick(1_000)
    assert "connection.blocked" not in names(client.heard)
    client.publish("q", b"x")
    (blocked,) = client.since(1_000)
    assert (blocked.name, blocked.reason) == ("connection.blocked", "low on disk")
    assert client.since(1_000) == []
    short[0] = False
    assert names(client.since(1_000)) == ["connection.unblocked"]


def test_a_client_that_cannot_be_blocked_is_not_told() -> None:
    incapable = (HEADER, start_ok(properties={}), tune_ok(), open_vhost(), OPEN)
    client = spoken(*incapable, published("q", b"x"), short_of_space=lambda: True)
    assert client.since(1_000) == []


def test_a_session_wants_to_know_of_its_connection() -> None:
    assert isinstance(fresh().session, Attentive)


@pytest.mark.parametrize("at", range(1, 60, 7))
def test_a_handshake_may_be_cut_anywhere(at: int) -> None:
    whole = b"".join(CHANNEL) + DECLARE
    client = fresh()
    for start in range(0, len(whole), at):
        client.feed(whole[start : start + at])
    assert _told(client.heard) == _told(spoken(*CHANNEL, DECLARE).heard)


def _told(heard: list[Said]) -> list[str]:
    return [repr(one) for one in heard]
