"""Schemas of queues and topics: versions, refusals, and a start that looks at none."""

import pytest

from postroad.core.load import canonical
from postroad.core.schemas.checker import Checker
from postroad.limits import SCHEMA_BYTES_MAX, SCHEMA_VERSIONS_MAX
from postroad.model import commands
from postroad.model.replies import Published, Refused, Reply, Why
from postroad.model.schemas import (
    GetSchemas,
    SchemaInfo,
    SchemasListed,
    SchemaStored,
    SetSchema,
)
from postroad.model.topics import Append, Appended, DeclareTopic, DeleteTopic
from tests.unit.core.road import Road, replayed


class Letters(Checker):
    """A schema is the letters a body may have; `!` is none."""

    def __init__(self) -> None:
        self.asked = 0

    def fault(self, schema: str) -> str | None:
        return "that is no schema" if "!" in schema else None

    def misfit(self, schema: str, body: bytes) -> str | None:
        self.asked += 1
        strange = sorted(set(body.decode()) - set(schema))
        return f"at /: {strange[0]} is not allowed" if strange else None


def road(checker: Checker | None = None) -> Road:
    r = Road()
    r.core.world.checker = checker or Letters()
    r.declare()
    r.declare("other")
    return r


def refusal(reply: Reply | None) -> tuple[Why, str]:
    assert isinstance(reply, Refused), reply
    return reply.why, reply.text


def test_what_does_not_fit_is_refused_with_the_place_and_the_reason() -> None:
    r = road()
    assert r.ask(SetSchema("q", "ab")) == SchemaStored(1, True)
    assert isinstance(r.ask(commands.Publish(("q",), [b"ab", b"ba"])), Published)
    told = refusal(r.ask(commands.Publish(("q",), [b"a", b"abc"])))
    text = "message 1 does not fit the schema of `q`: at /: c is not allowed"
    assert told == (Why.DOES_NOT_FIT, text)
    assert r.counts() == (2, 0, 0, 0)
    why, text = refusal(r.ask(commands.Publish(("other", "q"), [b"c"])))
    assert (why, text.startswith("the message does not fit")) == (Why.DOES_NOT_FIT, True)
    assert r.counts("other") == (0, 0, 0, 0)
    r.publish(b"c", to=("other",))
    r.check()


def test_each_of_several_publishes_of_a_turn_is_held_to_it() -> None:
    r = road()
    r.ask(SetSchema("q", "a"))
    asks = [commands.Publish(("q",), [body]) for body in (b"a", b"b", b"aa")]
    from_turn = [r.ask(one) for one in asks]
    assert [type(reply) for reply in from_turn] == [Published, Refused, Published]
    assert r.counts() == (2, 0, 0, 0)


def test_versions_are_kept_and_the_newest_counts() -> None:
    r = road()
    r.ask(SetSchema("q", "a"))
    assert r.ask(SetSchema("q", "a")) == SchemaStored(1, False)
    told = refusal(r.ask(SetSchema("q", "b", version=0)))
    assert told == (Why.SETTINGS_DIFFER, "the newest schema of `q` is version 1")
    assert r.ask(SetSchema("q", "b", version=1)) == SchemaStored(2, True)
    assert r.ask(SetSchema("q", None)) == SchemaStored(3, True)
    r.publish(b"anything")
    told_all = [SchemaInfo(1, "a", r.now), SchemaInfo(2, "b", r.now), SchemaInfo(3, None, r.now)]
    assert r.ask(GetSchemas("q")) == SchemasListed(told_all)
    for number in range(SCHEMA_VERSIONS_MAX):
        r.ask(SetSchema("q", "x" * (number + 1)))
    kept = r.ask(GetSchemas("q"))
    assert isinstance(kept, SchemasListed)
    assert [one.version for one in kept.versions] == list(range(4, 4 + SCHEMA_VERSIONS_MAX))
    r.check()
    assert canonical(replayed([], r.cut().items())) == canonical(r.state)


def test_a_start_looks_at_no_message() -> None:
    r = road()
    r.ask(SetSchema("q", "a"))
    r.publish(b"aaa")
    r.restart(2)
    letters = Letters()
    r.core.world.checker = letters
    assert letters.asked == 0
    assert refusal(r.ask(commands.Publish(("q",), [b"b"])))[0] is Why.DOES_NOT_FIT
    r.check()


def test_a_topic_has_a_schema_too_and_tombstones_are_exempt() -> None:
    r = road()
    r.ask(DeclareTopic("t"))
    assert r.ask(SetSchema("t", "ab")) == SchemaStored(1, True)
    keys = [b"k", b"k"]
    assert isinstance(r.ask(Append("t", [b"a", b""], keys=keys)), Appended)
    told = refusal(r.ask(Append("t", [b"a", b"c"], keys=keys)))
    text = "message 1 does not fit the schema of `t`: at /: c is not allowed"
    assert told == (Why.DOES_NOT_FIT, text)
    dead = Append("t", [b"a", b"c"], keys=keys, tombstones=[False, True])
    assert isinstance(r.ask(dead), Appended)
    r.ask(DeleteTopic("t"))
    r.settle_down()
    assert not r.state.schemas.versions
    r.check()


def test_a_schema_goes_with_its_queue() -> None:
    r = road()
    r.ask(SetSchema("q", "a"))
    r.ask(commands.DeleteQueue("q"))
    r.settle_down()
    assert not r.state.schemas.versions
    r.declare()
    r.publish(b"anything")
    r.check()


def test_without_the_package_nothing_is_promised() -> None:
    r = road()
    r.ask(SetSchema("q", "a"))
    r.core.world.checker = Checker()
    why, text = refusal(r.ask(SetSchema("q", "b")))
    assert why is Why.BAD_SETTINGS
    assert "postroad[schema]" in text
    why, text = refusal(r.ask(commands.Publish(("q",), [b"a"])))
    assert why is Why.DOES_NOT_FIT
    assert "postroad[schema]" in text
    r.ask(SetSchema("q", None))
    r.publish(b"a")


@pytest.mark.parametrize("schema", ["!", "\ud800", "x" * (SCHEMA_BYTES_MAX + 1)])
def test_what_is_no_schema_is_refused(schema: str) -> None:
    r = road()
    assert refusal(r.ask(SetSchema("q", schema)))[0] is Why.BAD_SETTINGS
    assert refusal(r.ask(SetSchema("none", "a")))[0] is Why.NO_SUCH_QUEUE
    assert refusal(r.ask(GetSchemas("none")))[0] is Why.NO_SUCH_QUEUE
    assert refusal(r.ask(SetSchema("q", 7)))[0] is Why.BAD_COMMAND  # type: ignore[arg-type]
    r.check()
