"""What a queue knows of the ids of messages: at its bound, in a longer window, beside others."""

import pytest

from postroad.core import dedup
from postroad.core.load import canonical
from postroad.model.commands import ChangeQueue, Publish
from postroad.model.exchanges import PublishTo
from postroad.model.policy import QueueSettings
from postroad.model.replies import KnownThere, Published, Refused, Why
from tests.unit.core.road import Road


def known(r: Road, id: str) -> bool:
    reply = r.ask(Publish(("q",), [b"x"], dedup_ids=[id]))
    assert isinstance(reply, Published), reply
    return bool(reply.known)


def test_at_the_bound_of_ids_only_who_is_above_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    r = Road()
    r.declare(dedup_window_ms=1_000)
    monkeypatch.setattr(dedup, "DEDUP_IDS_MAX", 3)
    publishes = [Publish(("q",), [b"x"], dedup_ids=[id]) for id in ("a", "b", "a", "c", "d", "b")]
    asks = [r.ask_of(r.caller, one) for one in publishes]
    r.take(r.core.publish_together(asks, r.now))
    replies = [reply for _, reply in r.told[-6:]]
    refused = [one for one in replies if isinstance(one, Refused)]
    assert [one.why for one in refused] == [Why.QUEUE_FULL]
    assert replies[4] is refused[0]
    assert r.counts() == (3, 0, 0, 0)


def test_ids_that_are_over_take_no_room_and_those_that_came_again_take_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    r = Road()
    r.declare(dedup_window_ms=1_000)
    monkeypatch.setattr(dedup, "DEDUP_IDS_MAX", 2)
    assert not known(r, "a")
    r.now += 600
    assert not known(r, "b")
    r.now += 500
    assert not known(r, "a")
    assert known(r, "b")
    assert isinstance(r.ask(Publish(("q",), [b"x"], dedup_ids=["c"])), Refused)
    r.now += 600
    assert not known(r, "c")


def test_an_id_that_is_over_stays_so_when_the_window_gets_longer() -> None:
    r = Road()
    r.declare(dedup_window_ms=1_000)
    assert not known(r, "old")
    r.now += 900
    assert not known(r, "new")
    r.now += 200
    longer = QueueSettings(dedup_window_ms=60_000)
    r.ask(ChangeQueue("q", longer, only=("dedup_window_ms",)))
    live = canonical(r.state)
    r.restart(2)
    assert (
        canonical(r.state)[b"d" + r.state.by_name["q"].id.to_bytes(8, "big") + bytes(8)]
        == (live[b"d" + r.state.by_name["q"].id.to_bytes(8, "big") + bytes(8)])
    )
    assert known(r, "new")
    assert not known(r, "old")


def test_a_publish_to_several_queues_tells_which_of_them_knew_which_message() -> None:
    r = Road()
    ids = [r.declare(name, dedup_window_ms=1_000).id for name in ("q", "other")]
    plain = r.declare("plain").id
    assert not known(r, "a")
    command = Publish(("q", "other", "plain"), [b"x", b"y"], dedup_ids=["a", "b"])
    reply = r.ask(command)
    places = ((ids[0], 0), (ids[1], 0), (plain, 0))
    told = (KnownThere((0, 1), (0,)), None, None)
    assert reply == Published(places, r.now, targets=told)
    again = r.ask(command)
    assert isinstance(again, Published)
    assert again.targets == (KnownThere((0, 1), (0, 1)), KnownThere((0, 1), (0, 1)), None)
    assert again.places[2] == (plain, 2)


@pytest.mark.parametrize("command", ["publish", "publish_to"])
def test_what_is_asked_again_is_refused_where_nobody_could_tell_it_from_the_first(
    command: str,
) -> None:
    r = Road()
    r.declare("knows", dedup_window_ms=1_000)
    r.declare("forgets")

    def again(name: str, passed_ms: int, ids: list[str] | None) -> object:
        if command == "publish":
            return r.ask(Publish((name,), [b"x"], dedup_ids=ids, repeated_ms=passed_ms))
        return r.ask(PublishTo("", (name,), [b"x"], dedup_ids=ids, repeated_ms=passed_ms))

    assert not isinstance(again("knows", 999, ["a"]), Refused)
    assert not isinstance(again("knows", 0, ["a"]), Refused)
    for refused in (
        again("knows", 1_000, ["a"]),
        again("forgets", 0, ["a"]),
        again("knows", 0, None),
    ):
        assert isinstance(refused, Refused)
        assert refused.why is Why.CHANGED
    assert r.counts("knows") == (1, 0, 0, 0)
    assert r.counts("forgets") == (0, 0, 0, 0)
