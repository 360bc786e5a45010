"""So many queues are pushed at most, whoever sets the pushes and however."""

from typing import Any

from postroad.model import kv
from postroad.model.ask import Ask
from postroad.model.batch import Batch
from postroad.model.kv_replies import KvStored
from postroad.model.pushes import PUSH_SPACE
from postroad.model.replies import Refused, Why
from tests.unit.core.road import Road


def road(most: int = 2) -> Road:
    r = Road()
    r.core.world.pushes_max = most
    return r


def set_of(*names: bytes, space: str = PUSH_SPACE, **options: Any) -> kv.KvSet:
    return kv.KvSet(space, list(names), [b"{}"] * len(names), **options)


def is_refused(reply: object) -> bool:
    return isinstance(reply, Refused) and reply.why is Why.TOO_MANY


def test_one_too_many_is_refused_and_says_what_to_do() -> None:
    r = road()
    assert isinstance(r.ask(set_of(b"a")), KvStored)
    assert isinstance(r.ask(set_of(b"b")), KvStored)
    reply = r.ask(set_of(b"c"))
    assert isinstance(reply, Refused)
    assert reply.why is Why.TOO_MANY
    assert (
        reply.text == "2 queues are pushed at most; stop some, or allow more by `push.queues_max`"
    )
    assert r.ask(kv.KvCount(PUSH_SPACE)) is not None
    assert is_refused(r.ask(set_of(b"c", only=kv.IF_ABSENT)))
    r.check()


def test_what_is_there_may_be_set_again_and_what_goes_makes_room() -> None:
    r = road()
    r.ask(set_of(b"a", b"b"))
    assert isinstance(r.ask(set_of(b"a", b"b")), KvStored)
    assert is_refused(r.ask(set_of(b"b", b"c")))
    r.core.world.pushes_max = 1
    assert isinstance(r.ask(set_of(b"a")), KvStored)
    r.core.world.pushes_max = 2
    r.ask(kv.KvDelete(PUSH_SPACE, [b"a"]))
    assert isinstance(r.ask(set_of(b"c")), KvStored)


def test_more_at_once_than_have_room_are_refused_together() -> None:
    r = road()
    assert is_refused(r.ask(set_of(b"a", b"b", b"c")))
    assert isinstance(r.ask(set_of(b"a", b"a", b"b")), KvStored)


def test_nothing_is_renamed_into_them_that_has_no_room() -> None:
    r = road(1)
    r.ask(set_of(b"a"))
    r.ask(set_of(b"x", space="other"))
    assert is_refused(r.ask(kv.KvRename("other", b"x", b"b", PUSH_SPACE)))
    assert isinstance(r.ask(kv.KvRename("other", b"x", b"a", PUSH_SPACE)), KvStored)
    assert isinstance(r.ask(kv.KvRename(PUSH_SPACE, b"a", b"b")), KvStored)
    assert isinstance(r.ask(kv.KvRename(PUSH_SPACE, b"b", b"c", "other")), KvStored)


def test_other_spaces_are_not_counted() -> None:
    r = road(0)
    assert isinstance(r.ask(set_of(b"a", b"b", space="other")), KvStored)
    assert is_refused(r.ask(set_of(b"a")))


def test_sets_of_one_turn_are_counted_one_by_one() -> None:
    r = road()
    asks = [Ask(r.caller, 1_000 + at, set_of(name)) for at, name in enumerate((b"a", b"b", b"c"))]
    assert r.core.decide_together(asks, r.now) is None


def test_a_batch_that_is_all_or_nothing_has_room_for_all_or_does_nothing() -> None:
    r = road()
    batch = Batch([set_of(b"a"), set_of(b"b"), set_of(b"c")], all_or_nothing=True)
    reply = r.ask(batch)
    assert is_refused(reply)
    assert r.ask(kv.KvCount(PUSH_SPACE)).count == 0  # type: ignore[union-attr]
    assert not isinstance(r.ask(Batch([set_of(b"a"), set_of(b"b")], all_or_nothing=True)), Refused)
