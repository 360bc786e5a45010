"""The headers of dead letters, as a RabbitMQ (3.10) was seen to send them; `x-last-death-*` as
RabbitMQ 4 does."""

import pytest

from postroad.model.fields import FieldTable, FieldValue, Long, Stamp
from postroad.model.message import Death, Note
from postroad.model.properties import Properties, parse_properties, write_properties
from postroad.protocols.amqp.deaths import died, with_deaths

AT_S = 1_795_391_793
AT_MS = AT_S * 1_000 + 456


def entry(
    queue: str, reason: str, *keys: str, exchange: str = "", count: int = 1, **more: FieldValue
) -> FieldTable:
    return {
        "count": Long(count),
        "reason": reason,
        "queue": queue,
        "time": Stamp(AT_S),
        "exchange": exchange,
        "routing-keys": list(keys),
        **more,
    }


def summary(which: str, queue: str, reason: str, exchange: str = "") -> FieldTable:
    return {
        f"x-{which}-death-reason": reason,
        f"x-{which}-death-queue": queue,
        f"x-{which}-death-exchange": exchange,
    }


def once(queue: str, reason: str, exchange: str = "") -> FieldTable:
    return summary("first", queue, reason, exchange) | summary("last", queue, reason, exchange)


def noted(*deaths: Death, exchange: str | None = "", keys: tuple[str, ...] = ("d3",)) -> Note:
    return Note(1, 2, AT_MS, 3, list(deaths), exchange, keys)


def told(
    note: Note, headers: FieldTable | None = None, expiration: str | None = None
) -> FieldTable:
    return died(headers or {}, note, expiration, lambda name: name)


def dead(queue: str, reason: str, *keys: str, exchange: str = "") -> Death:
    return Death(queue, reason, 1, AT_MS, exchange=exchange, keys=keys)


def test_what_a_handler_said_went_wrong_is_a_header() -> None:
    death = dead("r1", "rejected", "a", exchange="logs")
    death.failure = "ValueError: no amount"
    assert told(noted(death))["postroad-failure"] == "ValueError: no amount"
    death.failure = "é" + "x" * 2_047
    assert told(noted(death))["postroad-failure"] == "x" * 2_047
    later = dead("r2", "expired", "a", exchange="logs")
    assert "postroad-failure" not in told(noted(death, later))


def test_a_rejected_message_with_a_key_of_its_queue_has_no_copies_any_more() -> None:
    note = noted(dead("r1", "rejected", "a", "b", exchange="logs"), exchange="graves", keys=("g1",))
    assert told(note, {"CC": ["b"], "mine": 1}) == {
        "mine": 1,
        "x-death": [entry("r1", "rejected", "a", "b", exchange="logs")],
        **once("r1", "rejected", "logs"),
    }


def test_without_a_key_of_its_queue_the_copies_stay() -> None:
    death = dead("r2", "rejected", "a2", "b", exchange="logs")
    note = noted(death, exchange="fan", keys=("a2", "b"))
    assert told(note, {"CC": ["b"], "mine": 1}, "60000") == {
        "CC": ["b"],
        "mine": 1,
        "x-death": [
            entry("r2", "rejected", "a2", "b", exchange="logs") | {"original-expiration": "60000"}
        ],
        **once("r2", "rejected", "logs"),
    }


@pytest.mark.parametrize(
    ("reason", "theirs"),
    [
        ("rejected", "rejected"),
        ("expired", "expired"),
        ("overflow", "maxlen"),
        ("max-deliveries", "delivery_limit"),
    ],
)
def test_the_reasons_are_rabbitmq_s(reason: str, theirs: str) -> None:
    assert told(noted(dead("q", reason, "q"))) == {
        "x-death": [entry("q", theirs, "q")],
        **once("q", theirs),
    }


def test_a_message_s_own_expiration_is_told_where_it_died_first() -> None:
    second = Death("r6", "expired", 1, AT_MS, exchange="", keys=("r6",), number=1)
    note = noted(dead("r5", "expired", "r5"), second)
    assert told(note, None, "30")["x-death"] == [
        entry("r6", "expired", "r6"),
        entry("r5", "expired", "r5") | {"original-expiration": "30"},
    ]


def test_after_two_hops_the_latest_death_comes_first() -> None:
    second = Death("h2", "expired", 1, AT_MS, exchange="", keys=("h2",), number=1)
    note = noted(dead("h1", "expired", "zz", exchange="logs"), second)
    assert told(note) == {
        "x-death": [entry("h2", "expired", "h2"), entry("h1", "expired", "zz", exchange="logs")],
        **summary("first", "h1", "expired", "logs"),
        **summary("last", "h2", "expired"),
    }


def test_in_a_circle_of_retries_the_counts_grow_and_the_times_stay_the_first() -> None:
    note = noted(
        Death("m", "rejected", 1, AT_MS, AT_MS + 60_000, 2, "", ("m",)),
        Death("w", "expired", 0, AT_MS, AT_MS + 90_000, 2, "", ("w",), 1),
    )
    assert told(note) == {
        "x-death": [entry("w", "expired", "w", count=2), entry("m", "rejected", "m", count=2)],
        **summary("first", "m", "rejected"),
        **summary("last", "w", "expired"),
    }


def test_what_came_by_another_protocol_was_addressed_to_its_queue() -> None:
    note = noted(Death("q", "rejected", 1, AT_MS), exchange=None, keys=())
    assert told(note) == {"x-death": [entry("q", "rejected", "q")], **once("q", "rejected")}


def test_deaths_that_a_publisher_tells_of_are_counted_on() -> None:
    old: FieldTable = {"time": Stamp(1), "exchange": "e", "routing-keys": ["k"]}
    claimed: FieldValue = [
        {"count": 3, "reason": "rejected", "queue": "r3", **old},
        {"count": 2, "reason": "expired", "queue": "other", **old},
        "no table",
    ]
    found = told(
        noted(dead("r3", "rejected", "r3")), {"x-death": claimed, "x-first-death-reason": "mine"}
    )
    assert found["x-death"] == [
        {"count": 4, "reason": "rejected", "queue": "r3", **old},
        {"count": 2, "reason": "expired", "queue": "other", **old},
    ]
    assert found["x-first-death-reason"] == "mine"
    assert found["x-last-death-queue"] == "r3"


def test_an_x_death_that_is_none_gives_way() -> None:
    found = told(noted(dead("r3", "rejected", "r3")), {"x-death": "text"})
    assert found == {"x-death": [entry("r3", "rejected", "r3")], **once("r3", "rejected")}


def test_a_message_that_was_only_moved_has_no_deaths() -> None:
    headers: FieldTable = {"mine": 1}
    assert told(noted(exchange=None, keys=()), headers, "30") is headers


def test_the_properties_go_out_without_the_expiration_under_the_new_address() -> None:
    given = Properties("text/plain", expiration="30", message_id="7", headers={"mine": 1})
    note = noted(
        dead("@shop/r1", "expired", "a", exchange="@shop/logs"),
        exchange="@shop/graves",
        keys=("g",),
    )
    exchange, key, packed = with_deaths(note, "logs", "a", write_properties(given))
    assert (exchange, key) == ("graves", "g")
    found = parse_properties(packed)
    assert found.headers == {
        "mine": 1,
        "x-death": [entry("r1", "expired", "a", exchange="logs") | {"original-expiration": "30"}],
        **once("r1", "expired", "logs"),
    }
    assert (found.content_type, found.message_id, found.expiration) == ("text/plain", "7", None)


def test_properties_that_nobody_can_read_are_left_out() -> None:
    note = noted(dead("q", "rejected", "q"), exchange=None, keys=())
    exchange, key, packed = with_deaths(note, "logs", "a", b"\xff")
    assert (exchange, key) == ("logs", "a")
    assert parse_properties(packed).headers == told(note)
