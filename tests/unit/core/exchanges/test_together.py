"""Publishes of several callers to one exchange, decided as one."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.core.together import go_together
from postroad.model.ask import Ask
from postroad.model.exchanges import DIRECT, FANOUT, PublishTo, Routed
from postroad.model.message import plain_head
from postroad.model.replies import Refused, Reply
from tests.unit.core.exchanges.switch import Switch


def together(s: Switch, commands: Sequence[PublishTo]) -> list[Reply] | None:
    """The answers, or `None` where they must be decided one by one."""
    first = s.road.asked + 1
    asks = [Ask(s.road.caller, first + at, one) for at, one in enumerate(commands)]
    s.road.asked += len(asks)
    step = s.road.core.decide_together(asks, s.road.now)
    if step is None:
        return None
    s.road.take(step)
    told = dict(s.road.told)
    return [told[ask.number] for ask in asks]


def made() -> Switch:
    s = Switch("a", "b", "c")
    s.road.declare("once", dedup_window_ms=1_000, dedup_by_content=True)
    s.road.declare("young", length_max=3, overflow="drop-oldest")
    s.exchange("x", DIRECT)
    for queue, key in (("a", "a"), ("b", "ab"), ("a", "ab"), ("once", "once"), ("young", "a")):
        s.bind("x", queue, key)
    return s


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["a", "ab", "once", "none"]), min_size=1, max_size=4),
        min_size=2,
        max_size=5,
    ),
    st.booleans(),
)
def test_each_is_told_what_one_by_one_would_have_told(
    each: list[list[str]], with_heads: bool
) -> None:
    one_by_one, at_once = made(), made()
    commands = []
    for number, keys in enumerate(each):
        bodies = [f"{number % 2}{at}".encode() for at in range(len(keys))]
        heads = [plain_head({"n": number})] * len(keys) if with_heads and number else None
        commands.append(PublishTo("x", keys if len(set(keys)) > 1 else keys[:1], bodies, heads))
    wanted = [one_by_one.road.ask(one) for one in commands]
    found = together(at_once, commands)
    assert found is not None
    assert at_once.held() == one_by_one.held()
    for mine, other, command in zip(found, wanted, commands, strict=True):
        assert isinstance(mine, Routed)
        assert isinstance(other, Routed)
        assert mine.unroutable == other.unroutable
        assert places(mine, command) == places(other, command)
    assert len(at_once.road.steps) <= len(one_by_one.road.steps)
    at_once.check()


def places(routed: Routed, command: PublishTo) -> set[tuple[int, int, int]]:
    """(message, queue, offset) of everything that was published."""
    found: set[tuple[int, int, int]] = set()
    for group in routed.groups:
        for queue, first in group.places:
            which = range(len(command.bodies)) if group.indexes is None else group.indexes
            for at, index in enumerate(which):
                if group.offsets is None:
                    found.add((index, queue, first + at))
                else:
                    found.add((index, queue, group.offsets[at]))
    return found


def test_what_one_of_them_cannot_have_is_decided_one_by_one() -> None:
    s = Switch()
    s.road.declare("small", length_max=2)
    s.exchange("x", FANOUT)
    s.bind("x", "small")
    fits = PublishTo("x", ("",), [b"1"])
    assert together(s, [fits, PublishTo("x", ("",), [b"2", b"3"])]) is None
    assert together(s, [fits, PublishTo("x", ("", ""), [b"2"])]) is None
    assert together(s, [fits, PublishTo("x", ("",), [])]) is None
    assert together(s, [fits, PublishTo("x", ("",), [b"2"], [])]) is None
    assert together(s, [fits, PublishTo("x", (1,), [b"2"])]) is None  # type: ignore[arg-type]
    assert together(s, [PublishTo("none", ("",), [b"1"])] * 2) is None
    assert s.held() == {"small": []}
    assert together(s, [fits, fits]) is not None
    assert isinstance(s.road.ask(fits), Refused)
    assert s.held() == {"small": ["1", "1"]}


def test_only_plain_publishes_to_one_exchange_go_together() -> None:
    plain = PublishTo("x", ("",), [b"1"])
    assert go_together(plain, PublishTo("x", ("k",), [b"2"], [b""]))
    assert not go_together(plain, PublishTo("y", ("",), [b"1"]))
    assert not go_together(plain, PublishTo("x", ("",), [b"1"], mandatory=True))
    assert not go_together(plain, PublishTo("x", ("",), [b"1"], None, [1]))
    assert not go_together(PublishTo("x", ("",), [b"1"], dedup_ids=["i"]), plain)
    assert not go_together(plain, PublishTo("x", ("",), [b"1"], more_keys=[()]))
